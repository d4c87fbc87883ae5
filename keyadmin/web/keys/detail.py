"""A key's own page."""

from typing import Any
from uuid import UUID

from django.db.models import Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from keyadmin.core import cidr
from keyadmin.models import AllowListEntry, Event, Key, Scope
from keyadmin.operations.policy import Permission
from keyadmin.web.common import htmx, querystring
from keyadmin.web.common.current_user import CurrentUser, get_current_user
from keyadmin.web.keys import deleted, scope_usage, table
from keyadmin.web.usage import charts

#: The latest of its history.
EVENTS = 6


@require_safe
def detail(request: HttpRequest, key: UUID) -> HttpResponse:
    user = get_current_user(request)
    row = _readable(user, key).first()
    if row is None:
        return deleted.page(request, user, key)
    user.page_organisation = row.organisation
    days = charts.parse_days(request.GET.get("days", ""))
    context = _context(user, row) | {"list_url": request.get_full_path(), "section": "keys"}
    part = ""
    if htmx.is_htmx(request):
        part = "#usage" if "days" in request.GET and request.htmx.target == "usage" else "#page"  # type: ignore[attr-defined]
    return render(request, f"keys/detail.html{part}", context | _usage(row, days))


def _readable(user: CurrentUser, key: UUID) -> Any:
    keys = Key.objects.visible_to(user.actor).filter(id=key).with_status().with_usage().with_window()
    keys = keys.with_last_call().with_grace().with_old_secret_use().with_last_denial()
    scopes = Prefetch("scopes", Scope.objects.with_use_by_key(key).prefetch_related("routes"))
    keys = keys.select_related("organisation", "bot", "tier", "creator")
    return keys.prefetch_related(scopes, "channels")


def _context(user: CurrentUser, key: Any) -> dict[str, Any]:
    entries = list(AllowListEntry.objects.filter(Q(key=key.id) | Q(bot=key.bot_id, bot__isnull=False)))
    key.may = table.may(key, user)
    key.under = table.under(key)
    may_read_history = Permission.READ_HISTORY in user.permissions(key.organisation_id)
    events = Event.objects.visible_to(user.actor).of_target(str(key.id))
    return {
        "key": key,
        "scopes": scope_usage.with_last_use(key, key.scopes.all()),
        "last_denied": scope_usage.last_denied(key),
        "channels": key.channels.all(),
        "networks": [_network(entry) for entry in entries if entry.key_id],
        "bot_networks": [_network(entry) for entry in entries if entry.bot_id],
        "may_edit": key.may["edit"],
        "may_read_history": may_read_history,
        "events": events[:EVENTS] if may_read_history else [],
    }


def _network(entry: AllowListEntry) -> dict[str, Any]:
    return {"text": str(entry), "size": cidr.describe(entry.network)}


def _usage(key: Any, days: int) -> dict[str, Any]:
    chart, month = charts.charts_of_key(key, days, charts.DEFAULT_DAYS)
    ranges = [{"days": length, "url": querystring.link("", {"days": length})} for length in charts.RANGES]
    return {"chart": chart, "month": month, "ranges": ranges, "days": days}
