"""Pages of history: nothing here can be edited or removed."""

from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from keyadmin.core.errors import NotFoundError
from keyadmin.forms import filters
from keyadmin.forms.filters import HistoryFilters
from keyadmin.models import ChainCheck, ChainHead, Event, EventType
from keyadmin.models.event_search import MAX_EVENT_NUMBER, EventFilter, EventQuery
from keyadmin.web.common import capped_count, htmx, querystring
from keyadmin.web.common.current_user import CurrentUser, get_current_user, requires_read_access

SIZE: Final = 50


@require_safe
@requires_read_access
def list_(request: HttpRequest) -> HttpResponse:
    user = get_current_user(request)
    wanted, chosen = asked(request, user)
    part = "#rows" if htmx.is_htmx(request) else ""
    return render(request, f"history/list.html{part}", _page(request, EventQuery.of(user.actor, wanted), chosen))


@require_safe
def event(request: HttpRequest, number: int) -> HttpResponse:
    """One event in a panel beside the list; its neighbours are those that the filters leave."""
    user = get_current_user(request)
    wanted, chosen = asked(request, user)
    readable = Event.objects.visible_to(user.actor)
    row = readable.filter(number=number).first() if number <= MAX_EVENT_NUMBER else None
    if row is None:
        raise NotFoundError
    found = EventQuery.of(user.actor, wanted)
    query = _kept(request, chosen)
    context = {
        "event": row,
        "target_url": _target_url(row),
        "actor_events_url": _all_url("actor", str(row.actor_id)),
        "target_events_url": _all_url("target", row.target_id),
        "previous_url": _neighbour(found.page_after(number, ascending=True, limit=1), query),
        "next_url": _neighbour(found.page_after(number, limit=1), query),
        "query_string": querystring.link("", query),
    }
    if htmx.is_htmx(request):
        return render(request, "history/detail.html", context)
    return render(request, "history/list.html", _page(request, found, chosen) | context)


@require_safe
def new(request: HttpRequest) -> HttpResponse:
    """How many events have come after the number in the address, for the list that shows those before it."""
    user = get_current_user(request)
    wanted, chosen = asked(request, user)
    query = querystring.from_filters(chosen)
    newest_url = querystring.link(reverse("history:list"), query)
    if not htmx.is_htmx(request):
        return redirect(newest_url)
    after = request.GET.get("after", "")
    number = int(after) if after.isascii() and after.isdigit() and len(after) < 20 else MAX_EVENT_NUMBER
    count = EventQuery.of(user.actor, wanted).count_since(number)
    context = {
        "news_url": querystring.link(reverse("history:new"), query, after=number),
        "new_events": capped_count.format_count(count) if count else "",
        "newest_url": newest_url,
    }
    return render(request, "history/_new.html", context)


def asked(request: HttpRequest, user: CurrentUser) -> tuple[EventFilter, dict[str, Any]]:
    """What the filters in the address ask for, as far as they can be read, and their values."""
    chosen = HistoryFilters(request.GET).accepted()
    slug = chosen.get("organisation", "")
    organisation = user.find_organisation(slug)
    if slug and organisation is None:
        raise NotFoundError
    return filters.wanted(chosen, organisation.id if organisation else None), chosen


def _page(request: HttpRequest, found: EventQuery, chosen: dict[str, Any]) -> dict[str, Any]:
    path, query = reverse("history:list"), querystring.from_filters(chosen)
    newest = ChainHead.objects.get().number  # read before the events: what comes between is told twice, not never
    page = found.page(request.GET.get("cursor", ""), SIZE)
    return {
        "events": page.rows,
        "page": {
            "newer_url": querystring.link(path, query, cursor=page.before) if page.before else "",
            "older_url": querystring.link(path, query, cursor=page.after) if page.after else "",
        },
        "query": query,
        "query_string": querystring.link("", _kept(request, chosen)),
        "actions": EventType.choices,
        "filters": _chips(path, query, page.rows),
        "is_filtered": bool(chosen.keys() - {"organisation"}),
        "news_url": querystring.link(reverse("history:new"), query, after=newest),
        "export_url": querystring.link(reverse("history:export"), query),
        "section": "history",
        "chain": ChainCheck.objects.first(),
    }


def _kept(request: HttpRequest, chosen: dict[str, Any]) -> dict[str, str]:
    """What a link to an event carries, so that closing it leads back to the same page of the list."""
    return querystring.from_filters(chosen) | {"cursor": request.GET.get("cursor", "")[:600]}


def _all_url(filter_: str, identifier: str) -> str:
    """All that somebody did, or that was done with something, where it has an id to be found by."""
    return querystring.link(reverse("history:list"), {filter_: identifier}) if _is_id(identifier) else ""


def _neighbour(events: QuerySet[Any], query: dict[str, str]) -> str:
    number = next(iter(events.values_list("number", flat=True)), None)
    return querystring.link(reverse("history:event", args=[number]), query) if number is not None else ""


def _chips(path: str, query: dict[str, str], rows: list[Any]) -> list[dict[str, str]]:
    """The filters in force, but for the text, which its own field shows, and the organisation, the switcher's."""
    labels = {name: str(field.label) for name, field in HistoryFilters.base_fields.items()}
    shown = {name: value for name, value in query.items() if name not in ("q", "organisation")}
    return [
        {
            "label": labels[name],
            "value": _in_words(name, value, rows),
            "remove_url": querystring.link(path, query, **{name: ""}),
        }
        for name, value in shown.items()
    ]


def _in_words(name: str, value: str, rows: list[Any]) -> str:
    """An action by its label, an id by the name that the rows found give it."""
    if name == "action":
        return str(EventType(value).label)
    if name in ("actor", "target") and rows and _is_id(value):
        return str(getattr(rows[0], f"{name}_label"))
    return value


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _target_url(row: Event) -> str:
    """Deleted keys have a page too: it says what became of them."""
    return reverse("keys:detail", args=[row.target_id]) if row.target_kind == "key" and _is_id(row.target_id) else ""
