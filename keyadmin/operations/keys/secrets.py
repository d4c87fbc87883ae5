"""Operations on the secrets of keys: regenerate, and end a grace period. Also stores and deletes secrets."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connections
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from keyadmin.conf import conf
from keyadmin.core import tokens
from keyadmin.core.actors import Actor
from keyadmin.core.errors import ConflictError, ForbiddenError, InvalidInputError
from keyadmin.core.time import rfc3339
from keyadmin.models import EventType, Key, KeyStatus, Secret, SecretUse
from keyadmin.models.usage import USAGE_WRITE_LOCK_ID
from keyadmin.operations import audit, privileges
from keyadmin.operations.keys import rows, values
from keyadmin.operations.policy import Permission
from keyadmin.operations.validation import UNSET, Unset

#: The longest grace period of an old secret.
MAX_GRACE: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key and its token, the only copy of the secret: return it in one response, and do not store it."""

    key: Key
    token: tokens.Token = field(repr=False)


def regenerate(
    *, actor: Actor, key: UUID, grace: timedelta = timedelta(0), expires_at: datetime | Unset | None = UNSET
) -> IssuedKey:
    """Replace the key's secret, and change its expiry unless `expires_at` is UNSET. The key ID stays.

    The current secret works for another `grace`, at most until the key expires; without grace it stops immediately. An
    older secret that is in its grace period stops immediately in any case, and the event says so. Raises
    InvalidInputError if the organisation's rules do not allow the expiry, and ForbiddenError for an actor that called
    with a replaced secret: the owner may have replaced it because it was stolen.
    """
    with audit.audited_transaction(actor):
        row = rows.lock(actor, key, Permission.REGENERATE_KEYS)
        if actor.replaced_secret_until:
            raise ForbiddenError(_("This secret has been replaced. Use the key’s new secret to regenerate a key."))
        now = audit.database_time()
        require_regenerable(row, now)
        before = rows.audit_identity(row) | {"expires_at": rfc3339(row.expires_at)}
        values.set_expiry(row, expires_at, now)
        privileges.require_within(
            privileges.ceiling_of_key(row), privileges.ceiling_of_actor(actor, row.organisation_id)
        )
        older_secret_until = old_secret_until(row, now)
        until = _retire_current_secret(row, now, grace)
        token = tokens.mint(row.prefix, tokens.KeyFormat(row.format), row.key_id)
        copy_public_part(row, token)
        row.revision += 1
        row.save(update_fields=("recognition", "expires_at", "revision"))
        store_secret(row, token, now)
        changes = audit.changes_between(before, rows.audit_identity(row) | {"expires_at": rfc3339(row.expires_at)})
        changes["old_secret_until"] = (None, rfc3339(until))
        if older_secret_until is not None:
            changes["older_secret_until"] = (rfc3339(older_secret_until), rfc3339(now))
        rows.record(EventType.KEY_REGENERATED, actor, row, changes)
    return IssuedKey(row, token)


def end_grace(*, actor: Actor, key: UUID) -> Key:
    """End the grace period of the key's old secret now."""
    with audit.audited_transaction(actor):
        row = rows.lock(actor, key, Permission.REGENERATE_KEYS)
        old = require_grace(row, audit.database_time())
        changes = {"old_secret_until": (rfc3339(old.not_after), None)}
        delete_secrets(row.secrets.filter(id=old.id))
        rows.record(EventType.GRACE_ENDED, actor, row, changes)
    return row


def require_regenerable(key: Key, now: datetime) -> None:
    """Raise ConflictError if the key is revoked or expired."""
    if key.status_at(now) in (KeyStatus.REVOKED, KeyStatus.EXPIRED):
        raise ConflictError(_("A revoked or expired key can’t be regenerated. Reactivate it first."))


def require_grace(key: Key, now: datetime) -> Secret:
    """The key's old secret. Raises ConflictError if its grace period has ended."""
    old = Secret.objects.filter(key=key, not_after__gt=now).first()
    if old is None:
        raise ConflictError(_("The old secret has already stopped working."))
    return old


def old_secret_until(key: Key, now: datetime) -> datetime | None:
    """The end of the grace period of the key's old secret; None if there is none."""
    return Secret.objects.filter(key=key, not_after__gt=now).values_list("not_after", flat=True).first()


def cut_grace(key: Key) -> dict[str, tuple[str | None, str | None]]:
    """End the grace period of an old secret at the latest when the key expires. Returns the change for history."""
    old = Secret.objects.filter(key=key, not_after__gt=key.expires_at).first() if key.expires_at else None
    if old is None:
        return {}
    before, old.not_after = old.not_after, key.expires_at
    old.save(update_fields=("not_after",))
    return {"old_secret_until": (rfc3339(before), rfc3339(old.not_after))}


def store_secret(key: Key, token: tokens.Token, now: datetime) -> None:
    """Save the token's digest under the current pepper as the key's current secret."""
    pepper_id = conf.current_pepper
    digest = tokens.digest(token.value, conf.peppers[pepper_id])
    Secret.objects.create(key=key, digest=digest, pepper_id=pepper_id, created_at=now)


def delete_secrets(secrets: QuerySet[Secret]) -> None:
    """Delete the secrets and the times of their last use.

    The advisory lock waits for usage writers, so that none inserts such a time afterwards.
    """
    with connections[secrets.db].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [USAGE_WRITE_LOCK_ID])
    SecretUse.objects.filter(secret_id__in=secrets.values("id")).delete()
    secrets.delete()


def copy_public_part(key: Key, token: tokens.Token) -> None:
    """Set the public fields of the token on the key, which the caller saves: prefix, format, key ID, `recognition`."""
    key.prefix, key.format = token.prefix, token.format.value
    key.key_id, key.recognition = token.key_id, token.recognition


def _retire_current_secret(key: Key, now: datetime, grace: timedelta) -> datetime:
    """Delete an older secret, and end the current one after `grace`. Returns the time at which it ends."""
    if not timedelta(0) <= grace <= MAX_GRACE:
        raise InvalidInputError({"grace": [_("Choose a grace period of at most 7 days.")]})
    if not grace:
        delete_secrets(key.secrets.all())
        return now
    delete_secrets(key.secrets.filter(not_after__isnull=False))
    until = min(now + grace, key.expires_at) if key.expires_at else now + grace
    key.secrets.update(not_after=until)
    return until
