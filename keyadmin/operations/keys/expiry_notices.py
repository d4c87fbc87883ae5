"""Mails about keys that expire soon: queued in the outbox, sent by the worker, and then recorded in history.

A row of ExpiryNotice for each notice keeps two processes from queueing the same notice. The outbox delivers at least
once: if a worker is killed after sending a mail and before recording it, the mail is sent again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from keyadmin.core.actors import Actor
from keyadmin.core.time import rfc3339
from keyadmin.models import EventType, ExpiryNotice, Key, Organisation, Person
from keyadmin.models.notice import due_for, recipients
from keyadmin.models.outbox import JobKind
from keyadmin.operations import audit, outbox, policy
from keyadmin.operations.policy import Permission

#: Keys in one mail. The next run queues a mail about the others.
MAX_KEYS_PER_MAIL: Final = 100


@dataclass(frozen=True, slots=True)
class Notice:
    """One mail: its recipient and its keys, each with `days`, one of NOTICE_DAYS."""

    person: Person
    keys: Sequence[Any]


def queue_due(*, is_dry_run: bool = False) -> list[Notice]:
    """Queue one mail to each person about the keys for which notices are due. Returns the mails.

    A dry run queues nothing. Without a mail server, nothing is queued and the result is empty.
    """
    if not is_dry_run:
        if not outbox.has_mail_server():
            return []
        ExpiryNotice.objects.filter(expires_at__lt=Now()).delete()
    notices = []
    for person in recipients():
        keys = list(due_for(person)[:MAX_KEYS_PER_MAIL])
        if not is_dry_run and keys:
            keys = _queue(person, keys)
        if keys:
            notices.append(Notice(person, keys))
    return notices


def unsent(person: Person, notices: Collection[dict[str, Any]]) -> list[Any]:
    """The keys about which a queued mail still has to inform the person, each with `days`, by expiry.

    `notices` is from the payload of the job. Leaves out keys that have been deleted or revoked, keys with a new expiry,
    and notices that have been sent.
    """
    queued = {(UUID(notice["key"]), notice["days"]) for notice in notices}
    rows = {
        (row.key_id, row.expires_at): row.days
        for row in ExpiryNotice.objects.filter(person_id=person.id, sent_at=None, key_id__in=[key for key, _ in queued])
        if (row.key_id, row.days) in queued
    }
    keys = Key.objects.filter(id__in=[key for key, _ in rows], revoked_at=None, expires_at__gt=Now())
    found: list[Any] = []
    for key in keys.select_related("organisation", "bot").order_by("expires_at", "id"):
        if (key.id, key.expires_at) in rows:
            key.days = rows[key.id, key.expires_at]
            found.append(key)
    return found


def record_sent(*, actor: Actor, person: Person, keys: Collection[Any]) -> None:
    """Record that a mail about these keys was sent to the person. The keys are those that `unsent` returned."""
    with audit.audited_transaction(actor):
        policy.require(actor, Permission.MANAGE_ORGANISATIONS, None)
        now = audit.database_time()
        for key in keys:
            ExpiryNotice.objects.filter(
                key_id=key.id, person_id=person.id, expires_at=key.expires_at, days=key.days
            ).update(sent_at=now)
        organisations: dict[UUID, Organisation] = {key.organisation_id: key.organisation for key in keys}
        only = next(iter(organisations.values())) if len(organisations) == 1 else None
        expiring = [f"{key.name}, {rfc3339(key.expires_at)}" for key in keys]
        audit.record(
            EventType.NOTICE_SENT,
            actor=actor,
            target=person,
            organisation=only,
            changes={"expiring": (None, expiring)},
        )


def _queue(person: Person, keys: Collection[Any]) -> list[Any]:
    """Queue a mail about the keys, without those that another process has queued. Returns the queued keys."""
    values: dict[str, Any] = {
        "person": person.id,
        "keys": [key.id for key in keys],
        "expiries": [key.expires_at for key in keys],
        "days": [key.days for key in keys],
    }
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, values)
            inserted = {key_id for (key_id,) in cursor.fetchall()}
        queued = [key for key in keys if key.id in inserted]
        if queued:
            last: datetime = max(key.expires_at for key in queued)
            payload = {"person": str(person.id), "notices": [{"key": str(key.id), "days": key.days} for key in queued]}
            outbox.enqueue(JobKind.EXPIRY_NOTICE_MAIL, payload, expires_in=last - audit.database_time())
    return queued


_INSERT: Final = """
    INSERT INTO expiry_notice (key_id, person_id, expires_at, days, queued_at)
    SELECT key_id, %(person)s, expires_at, days, clock_timestamp()
    FROM unnest(%(keys)s::uuid[], %(expiries)s::timestamptz[], %(days)s::smallint[]) AS due (key_id, expires_at, days)
    ORDER BY key_id
    ON CONFLICT (key_id, person_id, expires_at, days) DO NOTHING
    RETURNING key_id
"""
