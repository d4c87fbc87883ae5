"""History: every operation is one `audited_transaction(actor)` block whose last line is `record(…)`.

Locks are taken in one order everywhere: people → organisation → bot → key → what the changed rows refer to →
chain head → versions and meter, several rows of a kind by ascending id. `audited_transaction` takes the acting
person's, `record` the last three and the one before them, so what follows it in a transaction must take none.
"""

import hashlib
import json
from collections.abc import Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, OperationalError, connection, models, transaction
from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.errors import ConflictError, LockTimeoutError
from keyadmin.models import Event, EventType, Organisation
from keyadmin.models.meter import CATALOGUE

type Changes = Mapping[str, tuple[Any, Any]]
"""Field → (before, after), in JSON values that people can read; never a secret, a digest or a password."""

#: What the database says of a change that another one has overtaken, and of one that it holds up.
_OVERTAKEN: Final = {"23505", "23503"}  # unique_violation, foreign_key_violation
_HELD_UP: Final = {"55P03", "40P01"}  # lock_not_available, deadlock_detected
_LOCK_ACTOR: Final = {
    ActorKind.PERSON: "SELECT 1 FROM person WHERE id = %s FOR SHARE",
    # A key that inherits may do what its creator may.
    ActorKind.KEY: "SELECT 1 FROM person WHERE id = (SELECT creator_id FROM key WHERE id = %s AND inherits) FOR SHARE",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What an event is about, as history keeps it; for what is not a row (any more)."""

    kind: str
    id: UUID | str
    label: str


@dataclass(frozen=True, slots=True)
class Invalidation:
    """Whose cached snapshots the change makes stale. `closed` are keys whose meters end with them."""

    keys: Collection[UUID] = ()
    closed: Collection[UUID] = ()
    organisations: Collection[UUID] = ()
    catalogue: bool = False


@contextmanager
def audited_transaction(actor: Actor | None = None) -> Generator[None]:
    """One change: all of it or nothing. A race that only the database noticed raises Conflict.

    Until it is made the actor, if a person, can lose neither role nor account. None is for acts by nobody in
    particular, and for acts on people, which lock several at once (`person_rows.lock`).
    """
    try:
        with transaction.atomic():
            if actor is not None and actor.kind in _LOCK_ACTOR:
                with connection.cursor() as cursor:
                    cursor.execute(_LOCK_ACTOR[actor.kind], [actor.id])
            yield
    except (IntegrityError, OperationalError) as problem:
        state = getattr(problem.__cause__, "sqlstate", "")
        if state in _OVERTAKEN:
            words = _("Someone else made a change that excludes this one. Reload and try again.")
            raise ConflictError(words) from problem
        if state in _HELD_UP:
            raise LockTimeoutError from problem
        raise


def record(
    verb: EventType,
    *,
    actor: Actor,
    target: models.Model | Target,
    organisation: Organisation | None = None,
    changes: Changes | None = None,
    reason: str = "",
    invalidate: Invalidation | None = None,
) -> Event:
    """Append the event to the chain, then make stale what the change made stale. Only in a transaction."""
    if not connection.in_atomic_block:
        raise RuntimeError("history is written in the transaction of the change")
    if undeclared := set(changes or {}) - set(verb.details.fields):
        raise ValueError(f"{verb} does not declare the fields {sorted(undeclared)}: see models/event_types.py")
    event = _event(verb, actor, target if isinstance(target, Target) else target_of(target), organisation)
    event.changes = {field: list(pair) for field, pair in (changes or {}).items()}
    event.reason = _text(reason, 300)
    # The foreign keys' checks lock what the changed rows refer to: at the commit, after the chain head, they would
    # deadlock with the removal of a tier or a scope.
    connection.check_constraints()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE chain_head SET number = number + 1 RETURNING number, hash, clock_timestamp()")
        event.number, event.previous_hash, event.at = cursor.fetchone()
        event.hash = hash_of(event)
        event.save(force_insert=True)
        cursor.execute("UPDATE chain_head SET hash = %s", [event.hash])
    _bump(invalidate or Invalidation())
    return event


def hash_of(event: Any) -> bytes:
    """SHA-256 of the previous hash and the canonical JSON of every other field, of an event or a row with its names."""
    fields = {
        "number": event.number,
        "at": rfc3339(event.at),
        "verb": event.verb,
        "actor_kind": event.actor_kind,
        "actor_id": str(event.actor_id) if event.actor_id else None,
        "actor_label": event.actor_label,
        "door": event.door,
        "ip": _address(event.ip) if event.ip else None,
        "user_agent": event.user_agent,
        "request_id": event.request_id,
        "organisation_id": str(event.organisation_id) if event.organisation_id else None,
        "organisation_label": event.organisation_label,
        "target_kind": event.target_kind,
        "target_id": event.target_id,
        "target_label": event.target_label,
        "changes": event.changes,
        "reason": event.reason,
    }
    return hashlib.sha256(bytes(event.previous_hash) + _canonical(fields).encode()).digest()


def target_of(row: models.Model) -> Target:
    """A row as a target: the table's name, its id and what people call it."""
    return Target(str(row._meta.db_table), row.pk, str(row))


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The fields that differ between two descriptions of a row."""
    fields: Iterable[str] = dict.fromkeys([*before, *after])
    return {name: (before.get(name), after.get(name)) for name in fields if before.get(name) != after.get(name)}


def created(after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """A new row's changes: what it was given, without what was left empty."""
    return {name: (None, value) for name, value in after.items() if value not in (None, "", [])}


def removed(before: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """A removed row's changes: what it had."""
    return {name: (value, None) for name, value in before.items() if value not in (None, "", [])}


def rfc3339(moment: datetime | None) -> str | None:
    """A moment as history writes it: UTC, with microseconds only where there are any."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def database_time() -> datetime:
    """Now, by the database's clock, the only one that decides."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


@lru_cache(10_000)
def _address(text: str) -> str:
    """Written in one way, also what PostgreSQL would write in another."""
    return str(ip_address(text))


#: Made once: `json.dumps` would make one for each event of ten million.
_canonical: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def _event(verb: EventType, actor: Actor, target: Target, organisation: Organisation | None) -> Event:
    """Who did what to what, not yet in its place in the chain."""
    return Event(
        verb=verb.value,
        actor_kind=actor.kind.value,
        actor_id=actor.id,
        actor_label=_text(actor.label, 254),
        door=str(actor.interface or ""),
        ip=actor.ip,
        user_agent=_text(actor.user_agent, 300),
        request_id=_text(actor.request_id, 64),
        organisation_id=organisation.id if organisation else None,
        organisation_label=organisation.name if organisation else "",
        target_kind=target.kind,
        target_id=str(target.id),
        target_label=_text(target.label, 254),
    )


def _bump(invalidate: Invalidation) -> None:
    """A version that is not there would leave stale permissions alive: that is an error, not nothing to do."""
    subjects = sorted({*invalidate.organisations, *([CATALOGUE] if invalidate.catalogue else [])})
    with connection.cursor() as cursor:
        for subject in subjects:
            cursor.execute("UPDATE version SET number = number + 1 WHERE subject = %s", [subject])
            _expect_one(cursor.rowcount, subject)
        for key in sorted(invalidate.keys):
            cursor.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", [key])
            _expect_one(cursor.rowcount, key)
        for key in sorted(invalidate.closed):
            cursor.execute("SELECT meter_close(%s)", [key])


def _expect_one(rows: int, subject: UUID) -> None:
    if rows != 1:
        raise RuntimeError(f"{subject} has no version to bump")


def _text(text: str, longest: int) -> str:
    """Text from outside as the table can hold it: without NUL and lone surrogates, cut to its column."""
    clean = text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    return clean[:longest]
