"""Secrets of keys: minted, stored as digests, replaced, ended."""

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
from keyadmin.core.errors import ConflictError
from keyadmin.core.time import rfc3339
from keyadmin.models import EventType, Key, Secret, SecretUse, Status
from keyadmin.models.usage import USAGE_WRITE_LOCK_ID
from keyadmin.operations import audit, grants
from keyadmin.operations.keys import rows
from keyadmin.operations.policy import Permission
from keyadmin.operations.validation import FieldErrors

LONGEST_GRACE: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Issued:
    """A key and its whole secret, which exists nowhere else: render it in one response, keep it nowhere."""

    key: Key
    token: tokens.Token = field(repr=False)


def regenerate(*, actor: Actor, key: UUID, grace: timedelta = timedelta(0)) -> Issued:
    """A new secret for the key, whose ID stays.

    The old secret works for `grace` (at most until the key ends), or stops now; a still older one stops now
    in any case.
    """
    with audit.audited_transaction(actor):
        row = rows.lock(actor, key, Permission.REGENERATE_KEYS)
        now = audit.database_time()
        if row.status_at(now) in (Status.REVOKED, Status.EXPIRED):
            raise ConflictError(_("A revoked or expired key can't be regenerated. Reactivate it first."))
        grants.require_within(grants.of_key(row), grants.of_actor(actor, row.organisation_id))
        until = _retire_present_secret(row, now, grace)
        before = rows.identity(row)
        token = tokens.mint(row.prefix, tokens.Format(row.format), row.key_id)
        name_after(row, token)
        row.revision += 1
        row.save(update_fields=("recognition", "revision"))
        store(row, token, now)
        changes = audit.changed(before, rows.identity(row))
        changes["old_secret_until"] = (None, rfc3339(until or now))
        audit.record(
            EventType.KEY_REGENERATED,
            actor=actor,
            target=row,
            organisation=row.organisation,
            changes=changes,
            invalidate=audit.Invalidation(keys=[row.id]),
        )
    return Issued(row, token)


def end_grace(*, actor: Actor, key: UUID) -> Key:
    """Stop the key's old secret now."""
    with audit.audited_transaction(actor):
        row = rows.lock(actor, key, Permission.REGENERATE_KEYS)
        old = Secret.objects.filter(key=row, not_after__gt=audit.database_time()).first()
        if old is None:
            raise ConflictError(_("The old secret has already ended."))
        changes = {"old_secret_until": (rfc3339(old.not_after), None)}
        end(row.secrets.filter(id=old.id))
        audit.record(
            EventType.GRACE_ENDED,
            actor=actor,
            target=row,
            organisation=row.organisation,
            changes=changes,
            invalidate=audit.Invalidation(keys=[row.id]),
        )
    return row


def store(key: Key, token: tokens.Token, now: datetime) -> None:
    """Save the token's digest, under the newest pepper, as the key's current secret."""
    pepper_id = conf.current_pepper
    digest = tokens.digest(token.value, conf.peppers[pepper_id])
    Secret.objects.create(key=key, digest=digest, pepper_id=pepper_id, created_at=now)


def end(secrets: QuerySet[Secret]) -> None:
    """Remove the secrets, and when they were last used: no writer of that is under way, and none comes after."""
    with connections[secrets.db].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [USAGE_WRITE_LOCK_ID])
    SecretUse.objects.filter(secret_id__in=secrets.values("id")).delete()
    secrets.delete()


def name_after(key: Key, token: tokens.Token) -> None:
    """What of a token may be known: its prefix, format, public id and the characters it is recognised by."""
    key.prefix, key.format = token.prefix, token.format.value
    key.key_id, key.recognition = token.key_id, token.recognition


def _retire_present_secret(key: Key, now: datetime, grace: timedelta) -> datetime | None:
    """End the older secret, give the current one its grace; returns until when, None for not at all."""
    errors = FieldErrors()
    if not timedelta(0) <= grace <= LONGEST_GRACE:
        errors.add("grace", _("The old secret can keep working for at most 7 days."))
    errors.raise_if_any()
    end(key.secrets.all() if not grace else key.secrets.filter(not_after__isnull=False))
    if not grace:
        return None
    until = min(now + grace, key.expires_at) if key.expires_at else now + grace
    key.secrets.update(not_after=until)
    return until
