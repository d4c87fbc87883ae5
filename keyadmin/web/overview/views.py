"""The overview: figures, keys that need attention, recent activity and usage."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from keyadmin.models import CallOutcome, Key, KeyStatus
from keyadmin.models.event_search import EventFilter, EventQuery
from keyadmin.models.usage import denials_by_reason
from keyadmin.operations.policy import Permission
from keyadmin.web.common import capped_count, htmx, querystring
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user, requires_read_access
from keyadmin.web.keys import key_list
from keyadmin.web.usage import charts
from keyadmin.web.usage.charts import UsageTotals

#: Days of the chart and of the denied requests.
DAYS: Final = 14
MAX_KEYS_PER_LIST: Final = 5
MAX_EVENTS: Final = 7
#: Younger keys are not listed as unused, because their clients may not be deployed yet.
_UNUSED_AFTER: Final = timedelta(days=7)
_WORKING: Final = (KeyStatus.ACTIVE.value, KeyStatus.EXPIRING.value)


@dataclass(frozen=True, slots=True)
class RecentDenials:
    """The denied requests of a key for one reason in the last DAYS days. `url`: the page that counts them by hour."""

    key: Any
    label: str
    group: str
    requests: int
    url: str


@require_safe
@requires_read_access
def home(request: PageRequest) -> HttpResponse:
    user = get_current_user(request)
    part = "#page" if htmx.is_htmx(request) else ""
    return render(request, f"overview.html{part}", _context(request, user))


def _context(request: PageRequest, user: CurrentUser) -> dict[str, Any]:
    organisation = user.get_organisation_or_404(request.GET.get("organisation", ""))
    keys: Any = Key.objects.visible_to(user.actor)
    if organisation:
        keys = keys.filter(organisation=organisation.id)
    counts = capped_count.capped_counts(key_list.tile_querysets(keys))
    totals = charts.usage_totals(keys, counts["tile:all"], DAYS, user.subjects(organisation))
    lists = _key_lists(user, keys, totals)
    query = {"organisation": organisation.slug} if organisation else {}
    events = EventQuery.of(user.actor, EventFilter(organisation=organisation.id if organisation else None))
    soonest = lists["expiring"][0] if lists["expiring"] else None
    return {
        "organisation": organisation,
        "tiles": [
            *key_list.count_tiles(
                counts,
                reverse("keys:list"),
                query,
                next_to_expire=(soonest.name, soonest.expires_at) if soonest else None,
            ),
            key_list.used_today_tile(keys) if totals.is_chart_partial else key_list.requests_tile(totals.by_day),
        ],
        "chart": totals.chart,
        "totals": totals,
        **lists,
        "events": events.newest(MAX_EVENTS),
        "query": query,
        "expiring_url": querystring.link(reverse("keys:list"), query, status=KeyStatus.EXPIRING.value),
        "unused_url": querystring.link(reverse("keys:list"), query, used="never"),
        "usage_url": querystring.link(reverse("usage"), query),
        "history_url": querystring.link(reverse("history:list"), query),
        "has_keys": bool(counts["tile:all"]),
        "may_create": user.may_in_any(Permission.ISSUE_KEYS, organisation),
        "create_url": querystring.link(reverse("keys:create"), query),
        "list_url": request.get_full_path(),
        "section": "overview",
    }


def _key_lists(user: CurrentUser, keys: Any, totals: UsageTotals) -> dict[str, list[Any]]:
    """The lists `expiring`, `unused` and `denied`.

    One statement selects the ids of all three lists and reads their keys once. The keys are then sorted into the lists
    here.
    """
    unused_before = timezone.now() - _UNUSED_AFTER
    unused = keys.usable().filter(meter__last_used_at__isnull=True, created_at__lt=unused_before)
    denied_ids = _most_denied(totals)
    ids = (
        key_list.expiring(keys)
        .values("id")[:MAX_KEYS_PER_LIST]
        .union(
            unused.order_by("-created_at", "-id").values("id")[:MAX_KEYS_PER_LIST],
            keys.filter(id__in=denied_ids).values("id"),
        )
    )
    since = datetime.combine(charts.first_day(DAYS), time.min, tzinfo=UTC)
    visible = Key.objects.visible_to(user.actor).with_status().with_usage().with_denials(since)
    visible = visible.select_related("organisation", "bot")
    by_id = {key.id: key for key in visible.filter(id__in=ids)}
    expiring = [key for key in by_id.values() if key.status == KeyStatus.EXPIRING]
    never_used = [
        key
        for key in by_id.values()
        if key.status in _WORKING and key.last_used_at is None and key.created_at < unused_before
    ]
    expiring.sort(key=lambda key: (key.expires_at, key.id))
    never_used.sort(key=lambda key: (key.created_at, key.id), reverse=True)
    return {
        "expiring": expiring[:MAX_KEYS_PER_LIST],
        "unused": never_used[:MAX_KEYS_PER_LIST],
        "denied": _recent_denials([by_id[key_id] for key_id in denied_ids if key_id in by_id]),
    }


def _recent_denials(keys: list[Any]) -> list[RecentDenials]:
    """One row for each reason of the keys, which were read `with_denials`, the most requests first."""
    rows = []
    for key in keys:
        for denials in denials_by_reason(key):
            outcome, url = CallOutcome(denials.reason), reverse("keys:denied-requests", args=[key.id])
            query = {"days": DAYS, "reason": denials.reason}
            link = querystring.link(url, query)
            rows.append(RecentDenials(key, str(outcome.label), outcome.group, denials.requests, link))
    rows = [row for row in rows if row.requests]
    rows.sort(key=lambda row: row.requests, reverse=True)
    return rows[:MAX_KEYS_PER_LIST]


def _most_denied(totals: UsageTotals) -> list[UUID]:
    """The ids of the keys with the most denied requests, the highest number first."""
    denied = [(calls.denied, key) for key, calls in totals.by_key.items() if calls.denied]
    return [key for _count, key in sorted(denied, reverse=True)[:MAX_KEYS_PER_LIST]]
