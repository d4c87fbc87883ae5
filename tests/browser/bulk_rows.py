"""Bulk revocations for scenes: one that runs and one that has ended, of keys with short and with long names."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.utils import timezone

from keyadmin.models import BulkOutcome, BulkRevocation, BulkRevocationKey, Organisation
from tests.browser.key_scenes import ENDED_REVOCATION, RUNNING_REVOCATION

_COUNT: Final = 523
_LONG_NAME: Final = "warehouse-export-production-eu-west-1-stock-level-synchronisation-service-blue-green0"
_LONG_REASON: Final = f"Tills move to the new terminal software, as {'x' * 90} announced"


def add_bulk_revocations(organisation: Organisation) -> None:
    now = timezone.now()
    running = BulkRevocation(id=UUID(RUNNING_REVOCATION), begun_at=now - timedelta(seconds=5), reason=_LONG_REASON)
    ended = BulkRevocation(
        id=UUID(ENDED_REVOCATION), begun_at=now, finished_at=now + timedelta(seconds=8), reason="New tills"
    )
    decided = {0: BulkOutcome.ALREADY_REVOKED, 1: BulkOutcome.FORBIDDEN, 2: BulkOutcome.FAILED}
    for row, revoked in ((running, 320), (ended, _COUNT)):
        row.key_count, row.started_by, row.started_at = _COUNT, "Maya Okafor", now - timedelta(seconds=6)
        row.save(force_insert=True)
        BulkRevocationKey.objects.bulk_create(
            BulkRevocationKey(
                revocation=row,
                key_id=UUID(int=row.id.int * 1000 % 2**127 + number),
                organisation=organisation,
                name=_LONG_NAME if number in (0, 3) else f"Till terminal {number}, Hamburg",
                masked=f"kad_{number:08x}",
                owner=organisation.name if number % 3 else f"{_LONG_NAME} bot",
                is_of_bot=not number % 3,
                outcome=decided.get(number, BulkOutcome.REVOKED) if number < revoked else BulkOutcome.WAITING,
                at=now if number < revoked else None,
            )
            for number in range(_COUNT)
        )
