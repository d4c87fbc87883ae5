"""The audited transaction, in which every operation changes data, and the event that it records.

An operation is one block `with audited_transaction(actor)`, whose last line is `record(…)`.

All operations take locks in the same order: people → organisation → bot → key → rows to which the changed rows refer →
chain head → versions and meters. Several rows of one kind are locked by ascending ID. `audited_transaction` locks the
acting person. `record` takes the locks from the referenced rows on, so no statement after it may take a lock.
"""

from collections.abc import Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, OperationalError, connection, models, transaction
from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.errors import ConflictError, LockTimeoutError
from keyadmin.core.key_shapes import contains_key
from keyadmin.core.redaction import REDACTED
from keyadmin.models import Event, EventType, Organisation
from keyadmin.models.meter import CATALOGUE
from keyadmin.models.texts import known_prefixes
from keyadmin.operations.audit.canonical import CURRENT_FORMAT, hash_of

type Changes = Mapping[str, tuple[Any, Any]]
"""Field → (before, after), as JSON values that people can read; never a secret, a digest or a password."""

#: SQLSTATEs if a conflicting change was committed first: unique_violation, foreign_key_violation.
_CONFLICT_STATES: Final = {"23505", "23503"}
#: SQLSTATEs if another transaction held a lock for too long: lock_not_available, deadlock_detected.
_LOCK_STATES: Final = {"55P03", "40P01"}
_LOCK_ACTOR: Final = {
    ActorKind.PERSON: "SELECT 1 FROM person WHERE id = %s FOR SHARE",
    # A key that inherits has the permissions of its creator.
    ActorKind.KEY: "SELECT 1 FROM person WHERE id = (SELECT creator_id FROM key WHERE id = %s AND inherits) FOR SHARE",
}


@dataclass(frozen=True, slots=True)
class Target:
    """The target of an event: the kind of thing, its id, and the label that history shows."""

    kind: str
    id: UUID | str
    label: str


@dataclass(frozen=True, slots=True)
class Invalidation:
    """Whose cached snapshots become stale. `deleted_keys` are keys of this transaction, whose meters are closed."""

    keys: Collection[UUID] = ()
    deleted_keys: Collection[UUID] = ()
    organisations: Collection[UUID] = ()
    catalogue: bool = False


@contextmanager
def audited_transaction(actor: Actor | None = None) -> Generator[None]:
    """The transaction of one operation.

    Locks the row of the actor, so that a person cannot be deactivated or lose a role before the commit. Pass None for
    operations without a permission check, and for operations on people, which lock several people (`people.rows.lock`).
    Raises ConflictError if a conflicting change was committed first, and LockTimeoutError if another transaction held a
    lock for too long.
    """
    try:
        with transaction.atomic():
            if actor is not None and actor.kind in _LOCK_ACTOR:
                with connection.cursor() as cursor:
                    cursor.execute(_LOCK_ACTOR[actor.kind], [actor.id])
            yield
    except (IntegrityError, OperationalError) as error:
        state = getattr(error.__cause__, "sqlstate", "")
        if state in _CONFLICT_STATES:
            message = _("Someone else made a change that conflicts with yours. Reload and try again.")
            raise ConflictError(message) from error
        if state in _LOCK_STATES:
            raise LockTimeoutError(_("Someone else is changing this right now. Try again.")) from error
        raise


def record(
    event_type: EventType,
    *,
    actor: Actor,
    target: models.Model | Target,
    organisation: Organisation | None = None,
    changes: Changes | None = None,
    reason: str = "",
    invalidate: Invalidation | None = None,
) -> Event:
    """Append an event to the chain, and make snapshots stale. Call it last in an audited transaction.

    `target` is the changed row, or a Target if the row does not exist or was deleted. `organisation` decides who may
    read the event. Raises ValueError if `changes` has a field that the event type does not declare, and RuntimeError
    outside a transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("audit.record must be called within an audited transaction")
    if undeclared := set(changes or {}) - set(event_type.details.fields):
        raise ValueError(f"{event_type} does not declare the fields {sorted(undeclared)}: see models/event_types.py")
    event = _event(event_type, actor, target if isinstance(target, Target) else target_of(target), organisation)
    event.changes = {field: list(pair) for field, pair in (changes or {}).items()}
    event.reason = _storable(reason, 300)
    # Check foreign keys now, because the checks lock the referenced rows. At the commit, after the chain head is
    # locked, they would deadlock with the removal of a tier or scope.
    connection.check_constraints()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE chain_head SET number = number + 1 RETURNING number, hash, clock_timestamp()")
        event.number, event.previous_hash, event.at = cursor.fetchone()
        event.hash = hash_of(event)
        event.save(force_insert=True)
        cursor.execute("UPDATE chain_head SET hash = %s", [event.hash])
    _invalidate(invalidate or Invalidation())
    return event


def target_of(row: models.Model) -> Target:
    """The target that is this row: the name of its table, its primary key and its label."""
    return Target(str(row._meta.db_table), row.pk, str(row))


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The changes between two descriptions of a row: the fields whose values differ."""
    fields: Iterable[str] = dict.fromkeys([*before, *after])
    return {name: (before.get(name), after.get(name)) for name in fields if before.get(name) != after.get(name)}


def changes_of_new(after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The changes of a new row: its fields that are not empty."""
    return {name: (None, value) for name, value in after.items() if value not in (None, "", [])}


def changes_of_removed(before: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The changes of a removed row: its fields that were not empty."""
    return {name: (value, None) for name, value in before.items() if value not in (None, "", [])}


def database_time() -> datetime:
    """The time by the database's clock, by which all operations decide. Not the start of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def _event(event_type: EventType, actor: Actor, target: Target, organisation: Organisation | None) -> Event:
    """The event, without its number, time and hashes."""
    return Event(
        format=CURRENT_FORMAT,
        type=event_type.value,
        actor_kind=actor.kind.value,
        actor_id=actor.id,
        actor_label=_storable(actor.label, 254),
        interface=str(actor.interface or ""),
        ip=actor.ip,
        user_agent=_storable(actor.user_agent, 300),
        request_id=_storable(actor.request_id, 64),
        organisation_id=organisation.id if organisation else None,
        organisation_label=organisation.name if organisation else "",
        target_kind=target.kind,
        target_id=str(target.id),
        target_label=_storable(target.label, 254),
    )


def _invalidate(invalidation: Invalidation) -> None:
    """Increment versions, and close the meters of deleted keys.

    A missing version is an error, because stale snapshots would stay in use.
    """
    subjects = sorted({*invalidation.organisations, *([CATALOGUE] if invalidation.catalogue else [])})
    with connection.cursor() as cursor:
        for subject in subjects:
            cursor.execute("UPDATE version SET number = number + 1 WHERE subject = %s", [subject])
            _require_one_row(cursor.rowcount, subject)
        for key in sorted(invalidation.keys):
            cursor.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", [key])
            _require_one_row(cursor.rowcount, key)
        for key in sorted(invalidation.deleted_keys):
            cursor.execute("SELECT meter_close(%s)", [key])


def _require_one_row(row_count: int, subject: UUID) -> None:
    if row_count != 1:
        raise RuntimeError(f"{subject} has no version to increment")


def _storable(text: str, max_length: int) -> str:
    """Text from a client, such as a user agent, in a form that history can keep.

    Without NUL and lone surrogates, cut to `max_length`. A text that contains an API key is replaced as a whole.
    """
    if contains_key(text, known_prefixes):
        return REDACTED
    valid = text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    return valid[:max_length]
