"""What disabling a bot or an organisation would stop: its working keys, and how often they were used today."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, Final
from uuid import UUID

from django.db.models import F, QuerySet, Sum
from django.utils import timezone

from keyadmin.models import CallOutcome, UsageHour
from keyadmin.web.common import capped_count

#: Keys that a dialog lists by name.
MAX_NAMED_KEYS: Final = 5


@dataclass(frozen=True, slots=True)
class Impact:
    """`count` is the number of keys that stop, as `capped_counts` counts it.

    `keys`: those used last, at most MAX_NAMED_KEYS, each with `today`, its allowed requests since midnight UTC.
    """

    count: int
    keys: list[Any]

    @property
    def formatted_count(self) -> str:
        return capped_count.format_count(self.count)

    @property
    def unnamed_count(self) -> int:
        """The number of keys that are not in `keys`."""
        return max(0, self.count - len(self.keys))


def of_disabling(keys: Any) -> Impact:
    """The impact of disabling the owner of `keys`, a QuerySet of Key."""
    working = keys.with_status().usable()
    count = capped_count.capped_counts({"all": working})["all"]
    if not count:
        return Impact(0, [])
    used_last = working.with_usage().order_by(F("last_used_at").desc(nulls_last=True), "id")
    named = list(used_last[:MAX_NAMED_KEYS])
    requests = allowed_today([key.id for key in named])
    for key in named:
        key.today = requests.get(key.id, 0)
    return Impact(count, named)


def allowed_today(keys: Collection[UUID] | QuerySet[Any]) -> dict[UUID, int]:
    """The allowed requests since midnight UTC by key, without the last minutes, which only the meters have.

    Keys without any are missing.
    """
    midnight = datetime.combine(timezone.now().astimezone(UTC).date(), time.min, tzinfo=UTC)
    rows = UsageHour.objects.filter(key_id__in=keys, hour__gte=midnight, outcome=CallOutcome.OK)
    return dict(rows.values("key_id").annotate(requests=Sum("count")).values_list("key_id", "requests"))
