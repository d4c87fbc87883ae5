"""The figures above the list of keys. All but the last lead to the keys they count."""

from datetime import UTC
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from keyadmin.forms.filters import without_networks
from keyadmin.models import Meter, Scope, Status
from keyadmin.web import counting, key_rows, links
from keyadmin.web.templatetags.ui import compact, relative_time


def counted(scope: QuerySet[Any]) -> dict[str, QuerySet[Any]]:
    """What the tiles need counted, by the names `tiles` finds it under."""
    month = timezone.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    sensitive = Scope.objects.filter(keys=OuterRef("pk"), is_sensitive=True)
    is_open = without_networks(scope)
    return {
        "tile:all": scope,
        "tile:new": scope.filter(created_at__gte=month),
        "tile:open": is_open,
        "tile:risky": is_open.filter(Q(inherits=True) | Exists(sensitive)),
        "tile:active": scope.filter(status_now=Status.ACTIVE.value),
        "tile:expiring": scope.filter(status_now=Status.EXPIRING.value),
    }


def tiles(
    scope: QuerySet[Any], counts: dict[str, int], chosen: dict[str, Any], path: str, query: dict[str, str]
) -> list[dict[str, Any]]:
    status = chosen.get("status", "")
    kept = {name: value for name, value in query.items() if name in ("organisation", "kind", "sort")}
    return [
        _tile(
            gettext("Active"), counts["tile:active"], links.link(path, kept, status=Status.ACTIVE.value),
            current=status == Status.ACTIVE, of=counting.words(counts["tile:all"]),
            sub=gettext("%(count)s created this month") % {"count": counting.words(counts["tile:new"])},
        ),
        _tile(
            gettext("Expiring in 7 days"), counts["tile:expiring"],
            links.link(path, kept, status=Status.EXPIRING.value),
            current=status == Status.EXPIRING, icon="clock-alert", sub=_next_to_expire(scope),
        ),
        _tile(
            gettext("Open to any IP"), counts["tile:open"], links.link(path, kept, open="any"),
            current=chosen.get("open") == "any", icon="shield-alert",
            sub=gettext("%(count)s can write or export") % {"count": counting.words(counts["tile:risky"])},
        ),
        _used_today(scope) if counts["tile:all"] > counting.LIMIT else _requests(scope),
    ]  # fmt: skip


def _next_to_expire(scope: QuerySet[Any]) -> str:
    expiring = scope.filter(status_now=Status.EXPIRING.value).order_by("expires_at", "id")
    name, at = expiring.values_list("name", "expires_at").first() or ("", None)
    if at is None:
        return gettext("None")
    return gettext("Next: %(name)s, %(when)s") % {"name": name, "when": relative_time(at)}


def _requests(scope: QuerySet[Any]) -> dict[str, Any]:
    usage = key_rows.usage_together(scope.order_by().values("id"))
    allowed, denied = (sum(day[which] for day in usage) for which in (0, 1))
    share = gettext("%(share)s%% denied") % {"share": f"{100 * denied / (allowed + denied):.1f}"} if denied else ""
    tile = _tile(gettext("Requests, 14 days"), allowed + denied, "", sub=share)
    return tile | {"value": compact(allowed + denied), "usage": usage}


def _used_today(scope: QuerySet[Any]) -> dict[str, Any]:
    """Instead of the requests, where there are more keys than anybody should wait for the sum of."""
    today = timezone.now().astimezone(UTC).date()
    used = Meter.objects.filter(last_used_day=today).values("key_id")
    count = scope.order_by().filter(id__in=used).values("pk")[: counting.LIMIT + 1].count()
    return _tile(gettext("Used today"), count, "", sub=gettext("since 00:00 UTC"))


def _tile(label: str, count: int, url: str, *, current: bool = False, of: str = "", icon: str = "",
          sub: str = "") -> dict[str, Any]:  # fmt: skip
    return {
        "label": label, "value": counting.words(count), "of": of, "sub": sub, "icon": icon, "url": url,
        "current": current, "usage": None,
    }  # fmt: skip
