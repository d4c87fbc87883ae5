"""Records attempts without a session in history: failed sign-ins, and requests to reset a password.

They are counted in rows, one for each person and one for all unknown addresses. Maintenance records each row as one
event some minutes after its first attempt. Otherwise anonymous clients could make the append-only history grow
without limit.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor
from keyadmin.core.time import rfc3339
from keyadmin.models import EventType
from keyadmin.models.sign_in import AttemptKind, UnrecordedAttempts
from keyadmin.operations import audit
from keyadmin.operations.people import rows

#: The attempts of this time are one event.
RECORDING_INTERVAL: Final = timedelta(minutes=10)
_MAX_ADDRESSES: Final = 50
_EVENT_TYPES: Final = {
    AttemptKind.SIGN_IN: EventType.SIGN_IN_FAILED,
    AttemptKind.RESET: EventType.PASSWORD_RESET_REQUESTED,
}


def count(kind: AttemptKind, *, person: UUID | None, ip: str | None) -> None:
    """Count an attempt for the history. `person` None: the address that was typed has no account."""
    parameters = {"kind": kind.value, "person": person, "ip": ip, "most": _MAX_ADDRESSES}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, parameters)


def record(*, actor: Actor, attempts: int) -> None:
    """Record one row as an event, and delete it."""
    with audit.audited_transaction():
        row = UnrecordedAttempts.objects.select_for_update(of=("self",)).select_related("person").get(id=attempts)
        row.delete()
        target = audit.target_of(row.person) if row.person else audit.Target("person", "", _("Unknown address"))
        changes = {
            "attempts": (None, row.count),
            "addresses": (None, sorted(row.addresses)),
            "since": (None, rfc3339(row.first_at)),
            "until": (None, rfc3339(row.last_at)),
        }
        organisation = rows.sole_organisation(row.person) if row.person else None
        audit.record(
            _EVENT_TYPES[AttemptKind(row.kind)], actor=actor, target=target, organisation=organisation, changes=changes
        )


def record_due(actor: Actor) -> int:
    """Record every row whose first attempt is RECORDING_INTERVAL ago. Returns their number."""
    due = UnrecordedAttempts.objects.filter(first_at__lte=Now() - RECORDING_INTERVAL).order_by("id")
    ids = list(due.values_list("id", flat=True))
    for attempts in ids:
        record(actor=actor, attempts=attempts)
    return len(ids)


_COUNT: Final = """
    INSERT INTO unrecorded_attempts AS counted (kind, person_id, count, addresses, first_at, last_at)
    VALUES (%(kind)s, %(person)s, 1, array_remove(ARRAY[%(ip)s::inet], NULL), clock_timestamp(), clock_timestamp())
    ON CONFLICT (kind, person_id) DO UPDATE SET
        count = counted.count + 1,
        last_at = clock_timestamp(),
        addresses = CASE
            WHEN %(ip)s::inet IS NULL
                OR %(ip)s::inet = ANY(counted.addresses)
                OR cardinality(counted.addresses) >= %(most)s
            THEN counted.addresses ELSE array_append(counted.addresses, %(ip)s::inet) END
"""
