"""A key's own page, its description edited in place, and the page of its denied requests."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import Prefetch, Q
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from keyadmin.core import cidr
from keyadmin.core.redaction import parse_request_line
from keyadmin.forms.filters import DenialFilters
from keyadmin.models import AllowListEntry, CallOutcome, Event, Key, Scope, UsageHour, paging
from keyadmin.models.usage import denials_by_reason
from keyadmin.operations import keys as operations
from keyadmin.operations.allow_list_rules import NewEntry
from keyadmin.operations.policy import Permission
from keyadmin.web.allow_lists.lockout import outside_bot
from keyadmin.web.common import htmx, querystring
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user
from keyadmin.web.common.inline_edit import InlineDescription
from keyadmin.web.common.list_view import page_foot
from keyadmin.web.keys import rows
from keyadmin.web.keys.deleted import deleted_key_page
from keyadmin.web.keys.dialogs import get_key
from keyadmin.web.usage import charts

#: The number of events of the key's history on the page.
MAX_EVENTS: Final = 6
#: A permission that was not used for this many days is marked.
UNUSED_AFTER_DAYS: Final = 30
#: The number of hours on a page of denied requests.
DENIALS_PAGE_SIZE: Final = 48
_BY_HOUR: Final = paging.Order("hour", True, datetime.fromisoformat, str)


@dataclass(frozen=True, slots=True)
class ReasonDenials:
    """The denied requests of a key for one reason: their number in a period, and the last one.

    `group` is that of the charts. `at` is None if the last one was not recorded; `request` is "" if its method and path
    were not.
    """

    reason: str
    label: str
    group: str
    requests: int
    at: datetime | None
    address: str
    request: str
    explain_url: str
    url: str


class HourDenials(NamedTuple):
    """Denied requests in one hour for one reason."""

    label: str
    group: str
    requests: int


@dataclass(frozen=True, slots=True)
class DenialHour:
    """An hour with the denied requests by reason."""

    hour: datetime
    denials: list[HourDenials]

    @property
    def pk(self) -> str:
        return ""  # for the cursor: hours are unique


@require_safe
def detail(request: PageRequest, key: UUID) -> HttpResponse:
    user = get_current_user(request)
    days = charts.parse_days(request.GET.get("days", ""))
    row = _key_for_page(user, key, days)
    if row is None:
        return deleted_key_page(request, user, key)
    context = _page_context(user, row) | _usage_context(row, days)
    context |= {"list_url": request.get_full_path(), "section": "keys"}
    part = ""
    if htmx.is_htmx(request):
        part = "#usage" if "days" in request.GET and request.htmx.target == "usage" else "#page"
    return render(request, f"keys/detail.html{part}", context)


@require_http_methods(["GET", "HEAD", "POST"])
def description(request: PageRequest, key: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = get_key(user, key, Permission.EDIT_KEYS)
    inline = InlineDescription(
        row=row,
        edit_url=reverse("keys:description", args=[row.id]),
        page_url=reverse("keys:detail", args=[row.id]),
        list_url=reverse("keys:list"),
        list_label=gettext("API keys"),
        section="keys",
    )
    return inline.edit(request, partial(operations.edit, actor=user.actor, key=row.id))


@require_safe
def denied_requests(request: PageRequest, key: UUID) -> HttpResponse:
    """The denied requests of a key by reason and by hour, in the ranges of the key's page or since any day."""
    user = get_current_user(request)
    filters = DenialFilters(request.GET).valid_values()
    days = charts.parse_days(request.GET.get("days", ""))
    day, reason = filters.get("since") or charts.first_day(days), filters.get("reason", "")
    since = _midnight(day)
    row = Key.objects.visible_to(user.actor).filter(id=key).with_denials(since).select_related("organisation").first()
    if row is None:
        return deleted_key_page(request, user, key)
    period = {"since": day.isoformat()} if "since" in filters else {"days": str(days)}
    reasons = [each for each in _denials_by_reason(row, period) if each.requests]
    denied: Any = UsageHour.objects.denied(row.id, since)
    if reason:
        denied = denied.filter(outcome=reason)
    cursor = request.GET.get("cursor", "")
    page = paging.page_from(partial(_denial_hours, denied), _BY_HOUR, cursor, DENIALS_PAGE_SIZE)
    url = reverse("keys:denied-requests", args=[row.id])
    context = {
        "key": row,
        "since": since,
        "day": day.isoformat(),
        "days": None if "since" in filters else days,
        "ranges": [
            {"days": each, "url": querystring.link(url, {"days": each, "reason": reason})} for each in charts.RANGES
        ],
        "reasons": reasons,
        "reason": reason,
        "all_url": querystring.link(url, period),
        "total": sum(each.requests for each in reasons if reason in ("", each.reason)),
        "hours": page.rows,
        "page": page_foot(page, url=url, query=period | {"reason": reason}, is_by_time=True),
        "section": "keys",
    }
    return render(request, "keys/denied_requests.html", context)


def _denials_by_reason(key: Any, period: dict[str, str]) -> list[ReasonDenials]:
    """The reasons for which the key, read `with_denials`, was ever denied, the latest first.

    `period`: the parameters by which the page of denied requests shows the same period.
    """
    url = reverse("keys:denied-requests", args=[key.id])
    return [
        ReasonDenials(
            reason=row.reason,
            label=str(CallOutcome(row.reason).label),
            group=CallOutcome(row.reason).group,
            requests=row.requests,
            at=row.at,
            address=row.address or gettext("an unknown address"),
            request=row.call,
            explain_url=_explain_url(key, row.address, row.call),
            url=querystring.link(url, period | {"reason": row.reason}),
        )
        for row in denials_by_reason(key)
    ]


def _explain_url(key: Key, address: str | None, call: str) -> str:
    """Explain, filled in with the request as far as it is known."""
    query: dict[str, Any] = {"key": key.id, "address": address}
    if address and (request_line := parse_request_line(call)):
        query |= dict(zip(("method", "path"), request_line, strict=True))
    return querystring.link(reverse("explain"), query)


def annotate_last_use(key: Any, scopes: Iterable[Any]) -> list[Any]:
    """Set on each scope, loaded `with_use_by_key()`: `use` (last use as text) and `is_unused` for UNUSED_AFTER_DAYS."""
    annotated = list(scopes)
    today = timezone.now().astimezone(UTC).date()
    threshold = today - timedelta(days=UNUSED_AFTER_DAYS)
    is_new_key = key.created_at.astimezone(UTC).date() > threshold
    for scope in annotated:
        last_day = scope.last_used
        scope.is_unused = last_day <= threshold if last_day else not is_new_key
        if scope.is_unused:
            scope.use = gettext("unused for %(days)s days") % {"days": UNUSED_AFTER_DAYS}
        elif last_day is None:
            scope.use = gettext("not used yet")
        elif scope.calls_this_week:
            scope.use = gettext("%(requests)s this week") % {"requests": f"{scope.calls_this_week:,}"}
        else:
            scope.use = gettext("used %(days)s days ago") % {"days": (today - last_day).days}
    return annotated


def _key_for_page(user: CurrentUser, key: UUID, days: int) -> Any:
    keys = Key.objects.visible_to(user.actor).filter(id=key).with_status().with_usage().with_hourly_usage()
    keys = keys.with_denied_total().with_last_call().with_grace().with_old_secret_use()
    keys = keys.with_denials(_midnight(charts.first_day(days)))
    scopes = Prefetch("scopes", Scope.objects.with_use_by_key(key).prefetch_related("routes"))
    keys = keys.select_related("organisation", "bot", "tier", "creator")
    return keys.prefetch_related(scopes, "channels").first()


def _page_context(user: CurrentUser, key: Any) -> dict[str, Any]:
    entries = list(AllowListEntry.objects.filter(Q(key=key.id) | Q(bot=key.bot_id, bot__isnull=False)))
    own = [entry for entry in entries if entry.key_id]
    of_bot = [entry for entry in entries if entry.bot_id]
    networks, bot_networks = ([entry.network for entry in each] for each in (own, of_bot))
    key.may = rows.allowed_actions(key, user)
    key.status_note = rows.status_note(key)
    may_read_history = Permission.READ_HISTORY in user.permissions(key.organisation_id)
    events = Event.objects.visible_to(user.actor).of_target(str(key.id))
    return {
        "key": key,
        "scopes": annotate_last_use(key, key.scopes.all()),
        "denied_days": _denied_days(key),
        "channels": key.channels.all(),
        "own_entries": own,
        "bot_entries": of_bot,
        "common_entries": [NewEntry(network) for network in cidr.intersection(networks, bot_networks)],
        "outside": outside_bot(networks, key.bot, bot_networks),
        "may_edit": key.may["edit"],
        "may_read_history": may_read_history,
        "events": events[:MAX_EVENTS] if may_read_history else [],
    }


def _denied_days(key: Any) -> int:
    """The days for which denied requests are still counted; 0 for all since the key was created."""
    retention: int = key.organisation.usage_retention_days
    return retention if key.created_at < timezone.now() - timedelta(days=retention) else 0


def _usage_context(key: Any, days: int) -> dict[str, Any]:
    chart, month = charts.charts_of_key(key, days, charts.DEFAULT_DAYS)
    ranges = [{"days": length, "url": querystring.link("", {"days": length})} for length in charts.RANGES]
    denied_url = reverse("keys:denied-requests", args=[key.id])
    denials = _denials_by_reason(key, {"days": str(days)})
    return {
        "chart": chart,
        "month": month,
        "ranges": ranges,
        "days": days,
        # Those of the range, or the last one before it.
        "denials": [each for each in denials if each.requests] or denials[:1],
        "denied_url": querystring.link(denied_url, {"days": days}),
        "month_denied_url": querystring.link(denied_url, {"days": charts.DEFAULT_DAYS}),
    }


def _denial_hours(denied: Any, start: paging.Cursor | None, limit: int) -> list[DenialHour]:
    """At most `limit` hours from the cursor on, for `paging.page_from`."""
    backwards = start is not None and start.backwards
    beyond = {} if start is None else {"hour__gt" if backwards else "hour__lt": start.value}
    hours = []
    for hour, reasons, counts in denied.filter(**beyond).by_hour("hour" if backwards else "-hour")[:limit]:
        outcomes = zip(map(CallOutcome, reasons), counts, strict=True)
        hours.append(DenialHour(hour, [HourDenials(str(each.label), each.group, count) for each, count in outcomes]))
    return hours


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
