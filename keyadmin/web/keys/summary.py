"""The figures above the list of keys. All but the last lead to the keys they count."""

from datetime import UTC, datetime
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.lookups import IsNull
from django.utils import timezone
from django.utils.translation import gettext

from keyadmin.forms.filters import without_networks
from keyadmin.models import Key, Meter, Scope, Status
from keyadmin.web.common import capped_count, querystring
from keyadmin.web.keys import table
from keyadmin.web.templatetags.ui import compact, relative_time


def counted(scope: Any) -> dict[str, QuerySet[Any]]:
    """What the tiles need counted, by the names `tiles` finds it under."""
    month = timezone.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    # Not Exists, which PostgreSQL may answer by first reading which scopes every key has.
    sensitive = Subquery(Scope.objects.filter(keys=OuterRef("pk"), is_sensitive=True).order_by().values("name")[:1])
    is_open = without_networks(scope)
    # Of more open keys only some are looked at, so that the figure is the least: to find the few that can write among
    # a million, each would have to be.
    some = Key.objects.filter(id__in=is_open.order_by().values("id")[: capped_count.COUNT_LIMIT + 1])
    return {
        "tile:all": scope,
        "tile:new": scope.filter(created_at__gte=month),
        "tile:open": is_open,
        "tile:risky": some.filter(Q(inherits=True) | IsNull(sensitive, False)),
        "tile:active": scope.in_status(Status.ACTIVE.value),
        "tile:expiring": expiring(scope),
    }


def tiles(
    counts: dict[str, int],
    chosen: dict[str, Any],
    path: str,
    query: dict[str, str],
    *,
    next_to_expire: str,
    last: dict[str, Any],
) -> list[dict[str, Any]]:
    """Of what `counted` names: `next_to_expire` and `last`, the figure at the end, as the functions below make them."""
    status = chosen.get("status", "")
    can = gettext("%(count)s can write or export")
    if counts["tile:open"] > capped_count.COUNT_LIMIT >= counts["tile:risky"]:
        can = gettext("At least %(count)s can write or export") if counts["tile:risky"] else ""
    kept = {name: value for name, value in query.items() if name in ("organisation", "kind", "sort")}
    return [
        _tile(
            gettext("Active"),
            counts["tile:active"],
            querystring.link(path, kept, status=Status.ACTIVE.value),
            current=status == Status.ACTIVE,
            of=capped_count.words(counts["tile:all"]),
            sub=gettext("%(count)s created this month") % {"count": capped_count.words(counts["tile:new"])},
        ),
        _tile(
            gettext("Expiring in 7 days"),
            counts["tile:expiring"],
            querystring.link(path, kept, status=Status.EXPIRING.value),
            current=status == Status.EXPIRING,
            icon="clock-alert",
            sub=next_to_expire,
        ),
        _tile(
            gettext("Open to any IP"),
            counts["tile:open"],
            querystring.link(path, kept, open="any"),
            current=chosen.get("open") == "any",
            icon="shield-alert",
            sub=can % {"count": capped_count.words(counts["tile:risky"])},
        ),
        last,
    ]


def expiring(scope: Any) -> Any:
    """The next first."""
    return scope.in_status(Status.EXPIRING.value).order_by("expires_at", "id")


def last(scope: QuerySet[Any], counts: dict[str, int]) -> dict[str, Any]:
    """Instead of the requests the keys used today, where there are more than anybody should wait for the sum of."""
    if counts["tile:all"] > capped_count.COUNT_LIMIT:
        return used_today(scope)
    return requests(table.usage_together(scope.order_by().values("id")))


def next_to_expire(name: str, at: datetime | None) -> str:
    if at is None:
        return gettext("None")
    return gettext("Next: %(name)s, %(when)s") % {"name": name, "when": relative_time(at)}


def requests(usage: table.Usage) -> dict[str, Any]:
    """Of 14 days."""
    allowed, denied = (sum(day[which] for day in usage) for which in (0, 1))
    share = gettext("%(share)s%% denied") % {"share": f"{100 * denied / (allowed + denied):.1f}"} if denied else ""
    tile = _tile(gettext("Requests, 14 days"), allowed + denied, "", sub=share)
    return tile | {"value": compact(allowed + denied), "usage": usage}


def used_today(scope: QuerySet[Any]) -> dict[str, Any]:
    today = timezone.now().astimezone(UTC).date()
    used = Meter.objects.filter(last_used_day=today).values("key_id")
    count = scope.order_by().filter(id__in=used).values("pk")[: capped_count.COUNT_LIMIT + 1].count()
    return _tile(gettext("Used today"), count, "", sub=gettext("since 00:00 UTC"))


def _tile(
    label: str, count: int, url: str, *, current: bool = False, of: str = "", icon: str = "", sub: str = ""
) -> dict[str, Any]:
    return {
        "label": label,
        "value": capped_count.words(count),
        "of": of,
        "sub": sub,
        "icon": icon,
        "url": url,
        "current": current,
        "usage": None,
    }
