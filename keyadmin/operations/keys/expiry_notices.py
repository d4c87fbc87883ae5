"""Notices of keys that expire: begun before a letter is sent, and marked as sent afterwards.

No lock of a row is held while a letter is on its way. Two who send at once never send the same: only one of them
begins it. A letter of who died between sending and marking is sent again after ten minutes: rather twice than never.
"""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from keyadmin.core.actors import Actor
from keyadmin.core.time import rfc3339
from keyadmin.models import EventType, ExpiryNotice, Organisation, Person
from keyadmin.models.notice import CLAIM_TIMEOUT
from keyadmin.operations import audit, policy
from keyadmin.operations.policy import Permission

_BEGIN = """INSERT INTO expiry_notice (key_id, person_id, expires_at, days, claimed_at)
SELECT key_id, %(person)s, expires_at, days, clock_timestamp()
FROM unnest(%(keys)s::uuid[], %(ends)s::timestamptz[], %(days)s::smallint[]) AS due (key_id, expires_at, days)
ORDER BY key_id
ON CONFLICT (key_id, person_id, expires_at, days) DO UPDATE SET claimed_at = clock_timestamp()
    WHERE expiry_notice.sent_at IS NULL AND expiry_notice.claimed_at <= clock_timestamp() - %(forgotten)s
RETURNING key_id"""


def begin(person: Person, keys: Collection[Any]) -> list[Any]:
    """Of the keys, `due_for` the person, those that are now ours to tell of."""
    values: dict[str, Any] = {
        "person": person.id,
        "keys": [key.id for key in keys],
        "ends": [key.expires_at for key in keys],
        "days": [key.days for key in keys],
        "forgotten": CLAIM_TIMEOUT,
    }
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN, values)
        ours = {row[0] for row in cursor.fetchall()}
    return [key for key in keys if key.id in ours]


def give_up(person: Person, keys: Collection[Any]) -> None:
    """The letter could not be sent: the next run tries again."""
    _of(person, keys).filter(sent_at__isnull=True).delete()


def finish(*, actor: Actor, person: Person, keys: Collection[Any]) -> None:
    """The letter was sent."""
    with audit.audited_transaction(actor):
        policy.require(actor, Permission.MANAGE_ORGANISATIONS, None)
        now = audit.database_time()
        _of(person, keys).update(sent_at=now)
        organisations: dict[UUID, Organisation] = {key.organisation_id: key.organisation for key in keys}
        only = next(iter(organisations.values())) if len(organisations) == 1 else None
        told = [f"{key.name}, {rfc3339(key.expires_at)}" for key in keys]
        audit.record(
            EventType.NOTICE_SENT, actor=actor, target=person, organisation=only, changes={"expiring": (None, told)}
        )


def forget_past() -> None:
    """Of keys that have expired there is nothing left to tell."""
    ExpiryNotice.objects.filter(expires_at__lt=Now()).delete()


def _of(person: Person, keys: Collection[Any]) -> Any:
    rows = ExpiryNotice.objects.none()
    by_end = {(key.expires_at, key.days) for key in keys}
    for ends, days in by_end:
        ids = [key.id for key in keys if (key.expires_at, key.days) == (ends, days)]
        rows |= ExpiryNotice.objects.filter(person_id=person.id, key_id__in=ids, expires_at=ends, days=days)
    return rows
