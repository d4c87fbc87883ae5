"""The keys that stop when their owner is disabled, the busiest first, with what they did today."""

from collections.abc import Collection
from datetime import UTC, datetime, time
from typing import Any, Final
from uuid import UUID

from django.db.models import F, QuerySet, Sum
from django.utils import timezone

from keyadmin.models import CallOutcome, UsageHour
from keyadmin.web.common import capped_count

#: Keys that a dialog names.
MOST: Final = 5


def context(keys: Any) -> dict[str, Any]:
    """Of `keys`, a QuerySet of Key: `count` that work now, in words; `shown`; how many `more`."""
    working = keys.with_status().usable()
    count = capped_count.capped({"all": working})["all"]
    shown = list(working.with_usage().order_by(F("last_used_at").desc(nulls_last=True), "id")[:MOST]) if count else []
    calls = today([key.id for key in shown])
    for key in shown:
        key.today = calls.get(key.id, 0)
    return {"count": count, "words": capped_count.words(count), "shown": shown, "more": max(0, count - len(shown))}


def today(keys: Collection[UUID] | QuerySet[Any]) -> dict[UUID, int]:
    """Allowed calls since midnight UTC of each of the keys that made any."""
    midnight = datetime.combine(timezone.now().astimezone(UTC).date(), time.min, tzinfo=UTC)
    rows = UsageHour.objects.filter(key_id__in=keys, hour__gte=midnight, outcome=CallOutcome.OK)
    return dict(rows.values("key_id").annotate(calls=Sum("count")).values_list("key_id", "calls"))
