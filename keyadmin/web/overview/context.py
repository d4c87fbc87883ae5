"""What somebody who has just signed in should know: figures, keys that need them, what was done, how much is used."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from keyadmin.models import Key, Organisation, Status
from keyadmin.models.event_search import EventQuery
from keyadmin.models.event_terms import EventFilter
from keyadmin.operations.policy import Permission
from keyadmin.web.common import capped_count, querystring
from keyadmin.web.common.current_user import CurrentUser
from keyadmin.web.keys import summary
from keyadmin.web.usage import totals

#: Of the chart and of "lately".
DAYS: Final = 14
#: Keys of each list, and events.
MOST: Final = 5
EVENTS: Final = 7
#: A key that is younger may still be waiting for its program.
_PATIENCE: Final = timedelta(days=7)
_WORKING: Final = (Status.ACTIVE.value, Status.EXPIRING.value)


def context(request: HttpRequest, user: CurrentUser) -> dict[str, Any]:
    organisation = user.get_organisation_or_404(request.GET.get("organisation", ""))
    keys = _of(Key.objects.visible_to(user.actor), organisation)
    counts = capped_count.capped(summary.counted(keys))
    sums = totals.sums(keys, counts["tile:all"], DAYS, user.subjects(organisation))
    lists = _lists(user, keys, sums)
    query = {"organisation": organisation.slug} if organisation else {}
    events = EventQuery.of(user.actor, EventFilter(organisation=organisation.id if organisation else None))
    soonest = lists["expiring"][0] if lists["expiring"] else None
    return {
        "organisation": organisation,
        "tiles": summary.tiles(
            counts,
            {},
            reverse("keys:list"),
            query,
            next_to_expire=summary.next_to_expire(*(soonest.name, soonest.expires_at) if soonest else ("", None)),
            last=summary.used_today(keys) if sums.is_chart_some else summary.requests(sums.by_day),
        ),
        "chart": sums.chart,
        "sums": sums,
        **lists,
        "events": events.newest(EVENTS),
        "query": query,
        "expiring_url": querystring.link(reverse("keys:list"), query, status=Status.EXPIRING.value),
        "unused_url": querystring.link(reverse("keys:list"), query, used="never"),
        "usage_url": querystring.link(reverse("usage"), query),
        "history_url": querystring.link(reverse("history:list"), query),
        "has_keys": bool(counts["tile:all"]),
        "may_create": _may_create(user, organisation),
        "create_url": querystring.link(reverse("keys:create"), query),
        "list_url": request.get_full_path(),
        "section": "overview",
    }


def _lists(user: CurrentUser, keys: Any, sums: totals.Sums) -> dict[str, list[Any]]:
    """The keys of all lists in one statement: each list is first found by its ids."""
    unused = (
        keys.working()
        .filter(meter__last_used_at__isnull=True, created_at__lt=timezone.now() - _PATIENCE)
        .order_by("-created_at", "-id")
    )
    refused = _refused(sums)
    expiring = summary.expiring(keys)
    ids = expiring.values("id")[:MOST].union(unused.values("id")[:MOST], keys.filter(id__in=refused).values("id"))
    shown = Key.objects.visible_to(user.actor).with_status().with_usage().select_related("organisation", "bot")
    found = {key.id: key for key in shown.filter(id__in=ids)}
    for key in found.values():
        key.calls = sums.by_key.get(key.id)
    rows = found.values()
    soon = sorted((k for k in rows if k.status == Status.EXPIRING), key=lambda k: (k.expires_at, k.id))
    idle = [k for k in rows if k.status in _WORKING and k.last_used_at is None]
    idle = [k for k in idle if k.created_at < timezone.now() - _PATIENCE]
    return {
        "expiring": soon[:MOST],
        "unused": sorted(idle, key=lambda k: (k.created_at, k.id), reverse=True)[:MOST],
        "refused": [found[key] for key in refused if key in found],
    }


def _refused(sums: totals.Sums) -> list[UUID]:
    """The keys that were refused most."""
    denied = [(calls.denied, key) for key, calls in sums.by_key.items() if calls.denied]
    return [key for _count, key in sorted(denied, reverse=True)[:MOST]]


def _of(keys: QuerySet[Any], organisation: Organisation | None) -> QuerySet[Any]:
    return keys.filter(organisation=organisation.id) if organisation else keys


def _may_create(user: CurrentUser, organisation: Organisation | None) -> bool:
    able = [organisation] if organisation else user.organisations
    return any(Permission.ISSUE_KEYS in user.permissions(one.id) for one in able)
