"""Bulk revocation: many keys are revoked in the background, one after another.

`start` fixes the keys and adds a job to the outbox. A worker calls `run`, which revokes one key in each transaction,
with an event of its own. `stop` leaves the keys that are not yet revoked as they are.

**Once only.** The transaction that revokes a key also writes its outcome, under the lock on the key. So a worker that
is killed leaves each key either revoked, with its event and its outcome, or as it was. The worker that takes over goes
on with the keys that have no outcome. That also holds for two workers that work on the same revocation.

**Permission.** `start` checks it for every key. The transaction that revokes a key checks it again: the actor may have
been demoted or deactivated since. Such keys are skipped.

**Actor.** Each event has the actor of the event of the start: the same person, address and request ID.
"""

import time
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import connection
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor, ActorKind, Interface
from keyadmin.core.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    OrganisationDisabledError,
)
from keyadmin.core.time import rfc3339
from keyadmin.models import BulkOutcome, BulkRevocation, BulkRevocationKey, Event, EventType, JobKind, Key, Organisation
from keyadmin.models.bulk_revocation import BULK_REVOCATION_RETENTION
from keyadmin.operations import audit, outbox, policy
from keyadmin.operations.keys import lifecycle, rows
from keyadmin.operations.policy import Permission
from keyadmin.operations.validation import WHOLE_REQUEST, clean_reason

log = structlog.get_logger("keyadmin.bulk_revocation")

#: Keys of one bulk revocation.
MAX_KEYS: Final = 10_000
#: Seconds after which `run` returns. The job's claim, `outbox.SHORT_CLAIM_SECONDS`, must be longer.
RUN_SECONDS: Final = 5.0
#: Keys that `run` reads at a time.
_BATCH_SIZE: Final = 100


def start(*, actor: Actor, keys: Collection[UUID], reason: str = "") -> BulkRevocation:
    """Start to revoke the keys, in the order given. Keys that match the same filters later are not revoked.

    Raises NotFoundError if the actor may not see one of the keys, and ForbiddenError if it may not revoke one of them.
    """
    ids = list(dict.fromkeys(keys))
    if not 1 <= len(ids) <= MAX_KEYS:
        message = _("Choose between 1 and %(count)d keys.") % {"count": MAX_KEYS}
        raise InvalidInputError({WHOLE_REQUEST: [message]})
    with audit.audited_transaction(actor):
        rows.lock_acting_key_shared(actor)
        found = Key.objects.visible_to(actor).filter(id__in=ids).select_related("organisation", "bot").in_bulk()
        if len(found) < len(ids):
            raise NotFoundError
        for organisation, kind in {(key.organisation, key.kind) for key in found.values()}:
            policy.require_for_key(actor, Permission.REVOKE_KEYS, organisation, kind)
        revocation = BulkRevocation.objects.create(
            reason=clean_reason(reason), key_count=len(ids), started_by=actor.label[:254]
        )
        BulkRevocationKey.objects.bulk_create(_row(revocation, found[key_id]) for key_id in ids)
        payload = {"revocation": str(revocation.id)}
        outbox.enqueue(JobKind.BULK_REVOCATION, payload, expires_in=BULK_REVOCATION_RETENTION)
        audit.record(
            EventType.BULK_REVOCATION_STARTED,
            actor=actor,
            target=revocation,
            organisation=_only_organisation(revocation),
            changes={"key_count": (None, revocation.key_count)},
            reason=revocation.reason,
        )
    return revocation


def stop(*, actor: Actor, revocation: UUID) -> BulkRevocation:
    """Stop a bulk revocation. When this returns, no further key of it is revoked.

    Raises ForbiddenError if the actor may not revoke keys in each organisation of the keys, and ConflictError if the
    revocation has ended.
    """
    with audit.audited_transaction(actor):
        rows.lock_acting_key_shared(actor)
        # The worker holds the row in share mode until the key under way is committed.
        visible = BulkRevocation.objects.visible_to(actor).filter(id=revocation)
        row: BulkRevocation | None = visible.select_for_update(no_key=True, of=("self",)).first()
        if row is None:
            raise NotFoundError
        for organisation in row.organisations():
            policy.require(actor, Permission.REVOKE_KEYS, organisation)
        if row.ended_at is not None:
            raise ConflictError(_("It has already ended."))
        row.stopped_at, row.stopped_by = audit.database_time(), actor.label[:254]
        row.save(update_fields=("stopped_at", "stopped_by"))
        audit.record(
            EventType.BULK_REVOCATION_STOPPED,
            actor=actor,
            target=row,
            organisation=_only_organisation(row),
            changes={"stopped_at": (None, rfc3339(row.stopped_at))},
        )
    return row


def run(revocation: UUID, *, seconds: float = RUN_SECONDS) -> bool:
    """Revoke keys of the bulk revocation, at least one, until it ends or `seconds` have passed.

    Returns whether keys may be left. Records an event for each key. Raises DatabaseError if the database does not
    answer.
    """
    row = BulkRevocation.objects.filter(id=revocation).first()
    if row is None or row.ended_at is not None:
        return False
    actor = _actor_of(row)
    BulkRevocation.objects.filter(id=row.id, begun_at=None).update(begun_at=Now())
    deadline = time.monotonic() + seconds
    while waiting := list(row.keys.filter(outcome=BulkOutcome.WAITING).order_by("id")[:_BATCH_SIZE]):
        for member in waiting:
            if not _revoke(actor, row, member):
                return False
            if time.monotonic() >= deadline:
                return True
    BulkRevocation.objects.filter(id=row.id, finished_at=None, stopped_at=None).update(finished_at=Now())
    return False


def delete_old() -> int:
    """Delete the bulk revocations whose retention is over. Returns their number. Records no event."""
    old = BulkRevocation.objects.filter(started_at__lt=Now() - BULK_REVOCATION_RETENTION)
    return old.delete()[1].get(BulkRevocation._meta.label, 0)


def _revoke(actor: Actor, revocation: BulkRevocation, member: BulkRevocationKey) -> bool:
    """Revoke one key, unless it has an outcome. Returns False if the bulk revocation has been stopped."""
    try:
        with audit.audited_transaction(actor):
            key = rows.lock(actor, member.key_id, Permission.REVOKE_KEYS)
            if not _lock_if_not_stopped(revocation):
                return False
            if key.revoked_at is not None:
                _decide(member, BulkOutcome.ALREADY_REVOKED, at=key.revoked_at)
            elif _decide(member, BulkOutcome.REVOKED):
                lifecycle.revoke_locked(actor, key, revocation.reason)
    except NotFoundError:
        exists = Key.objects.filter(id=member.key_id).exists()
        outcome = BulkOutcome.FORBIDDEN if exists else BulkOutcome.DELETED
    except ForbiddenError:
        outcome = BulkOutcome.FORBIDDEN
    except OrganisationDisabledError:
        outcome = BulkOutcome.DISABLED
    except Exception as error:
        # One key must not keep the others from being revoked. If the database does not answer, `_decide` raises.
        log.warning(
            "key not revoked", revocation=str(revocation.id), key=str(member.key_id), error=type(error).__name__
        )
        outcome = BulkOutcome.FAILED
    else:
        return True
    _decide(member, outcome)
    return True


def _lock_if_not_stopped(revocation: BulkRevocation) -> bool:
    """Whether the bulk revocation goes on. Locks its row in share mode: it cannot be stopped before the commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM bulk_revocation WHERE id = %s AND stopped_at IS NULL FOR SHARE", [revocation.id])
        return cursor.fetchone() is not None


def _decide(member: BulkRevocationKey, outcome: BulkOutcome, *, at: datetime | None = None) -> bool:
    """Save the outcome of a key that has none. Returns False if it has one."""
    waiting = BulkRevocationKey.objects.filter(id=member.id, outcome=BulkOutcome.WAITING)
    return bool(waiting.update(outcome=outcome, at=at or audit.database_time()))


def _row(revocation: BulkRevocation, key: Key) -> BulkRevocationKey:
    return BulkRevocationKey(
        revocation=revocation,
        key_id=key.id,
        organisation_id=key.organisation_id,
        name=key.name,
        masked=key.masked,
        owner=(key.bot or key.organisation).name,
        is_of_bot=key.bot is not None,
    )


def _only_organisation(revocation: BulkRevocation) -> Organisation | None:
    """The organisation of the keys, for the event; None if there are several."""
    organisations = list(revocation.organisations()[:2])
    return organisations[0] if len(organisations) == 1 else None


def _actor_of(revocation: BulkRevocation) -> Actor:
    """The actor who started the bulk revocation."""
    events: Any = Event.objects.of_target(str(revocation.id))
    event = events.get(type=EventType.BULK_REVOCATION_STARTED)
    return Actor(
        kind=ActorKind(event.actor_kind),
        id=event.actor_id,
        label=event.actor_label,
        ip=event.ip,
        interface=Interface(event.interface) if event.interface else None,
        user_agent=event.user_agent,
        request_id=event.request_id,
    )
