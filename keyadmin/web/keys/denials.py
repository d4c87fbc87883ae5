"""When a key was refused, and why: by hour and reason, since a day."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from keyadmin.forms.usage import RefusalFilters
from keyadmin.models import CallOutcome, Key, UsageHour, paging
from keyadmin.web.common import querystring
from keyadmin.web.common.current_user import get_current_user
from keyadmin.web.keys import deleted

#: Hours a page.
SIZE: Final = 48
_USUAL: Final = timedelta(days=30)
_BY_HOUR: Final = paging.Order("hour", True, datetime.fromisoformat, str)


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour with refusals: (reason, how many), by the reasons' names."""

    hour: datetime
    refusals: list[tuple[str, int]]

    @property
    def pk(self) -> str:
        return ""


@require_safe
def page(request: HttpRequest, key: UUID) -> HttpResponse:
    user = get_current_user(request)
    row = Key.objects.visible_to(user.actor).filter(id=key).select_related("organisation").first()
    if row is None:
        return deleted.page(request, user, key)
    user.page_organisation = row.organisation
    day = RefusalFilters(request.GET).accepted().get("since") or timezone.now().date() - _USUAL
    since = datetime.combine(day, time.min, tzinfo=UTC)
    refused: Any = UsageHour.objects.denied(row.id, since)
    totals = [(str(CallOutcome(reason).label), count) for reason, count in refused.by_reason()]
    cursor = request.GET.get("cursor", "")
    hours = paging.page_from(lambda start, most: _hours(refused, start, most), _BY_HOUR, cursor, SIZE)
    context = {
        "key": row,
        "since": since,
        "day": day.isoformat(),
        "totals": totals,
        "total": sum(count for _reason, count in totals),
        "hours": hours.rows,
        "page": _foot(row, day, hours),
        "section": "keys",
    }
    return render(request, "keys/refused.html", context)


def _hours(refused: Any, start: paging.Cursor | None, most: int) -> list[Hour]:
    backwards = start is not None and start.backwards
    beyond = {} if start is None else {"hour__gt" if backwards else "hour__lt": start.value}
    rows = refused.filter(**beyond).by_hour("hour" if backwards else "-hour")[:most]
    return [
        Hour(hour, [(str(CallOutcome(reason).label), count) for reason, count in zip(reasons, counts, strict=True)])
        for hour, reasons, counts in rows
    ]


def _foot(key: Key, day: date, hours: paging.Page) -> dict[str, str]:
    url, query = reverse("keys:refused", args=[key.id]), {"since": day.isoformat()}
    return {
        "newer_url": querystring.link(url, query, cursor=hours.before) if hours.before else "",
        "older_url": querystring.link(url, query, cursor=hours.after) if hours.after else "",
    }
