"""The history: a searchable list of events, one event in a panel, the export, and the verification of the chain.

The pages change no event. An export is recorded as an event.
"""

from types import SimpleNamespace
from typing import Any, Final

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST, require_safe

from keyadmin.core.errors import NotFoundError
from keyadmin.forms import filters
from keyadmin.forms.filters import HistoryExportForm, HistoryFilters
from keyadmin.models import ChainCheck, ChainHead, Event, EventType, paging
from keyadmin.models.event_search import MAX_EVENT_NUMBER, ORDER, EventFilter, EventQuery
from keyadmin.operations.audit import chain
from keyadmin.operations.audit import export as exports
from keyadmin.web.common import capped_count, htmx, querystring
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user, requires_read_access
from keyadmin.web.common.list_view import page_foot
from keyadmin.web.history.targets import events_url, is_uuid, set_target_urls

PAGE_SIZE: Final = 50
_MAX_EVENT_NUMBER_DIGITS: Final = 19


@require_safe
@requires_read_access
def list_(request: PageRequest) -> HttpResponse:
    user = get_current_user(request)
    event_filter, values = _read_filters(request, user)
    part = "#rows" if htmx.is_htmx(request) else ""
    context = _list_context(user, EventQuery.of(user.actor, event_filter), values, None, request.GET.get("cursor", ""))
    return render(request, f"history/list.html{part}", context)


@require_safe
def event(request: PageRequest, number: int) -> HttpResponse:
    """One event in a panel beside the list, which shows the page with this event.

    Previous and next are its neighbours among the filtered events. htmx gets the panel, or the rows if these are its
    target.
    """
    user = get_current_user(request)
    event_filter, values = _read_filters(request, user)
    readable = Event.objects.visible_to(user.actor)
    event = readable.filter(number=number).first() if number <= MAX_EVENT_NUMBER else None
    if event is None:
        raise NotFoundError
    events = EventQuery.of(user.actor, event_filter)
    page, cursor = _page_with(number, events, request.GET.get("cursor", ""))
    query = querystring.from_filters(values) | {"cursor": cursor}
    if htmx.is_htmx(request) and request.htmx.target != "event-rows":
        set_target_urls([event], user.actor)
        return render(request, "history/detail.html", _panel_context(event, events, query))
    context = _list_context(user, events, values, page, cursor)
    # The row of the list, if the list has one, because its target was looked up.
    row = next((row for row in page.rows if row.number == number), None)
    if row is None:
        set_target_urls([event], user.actor)
    context |= _panel_context(row or event, events, query)
    return render(request, f"history/list.html{'#rows' if htmx.is_htmx(request) else ''}", context)


@require_safe
def new(request: PageRequest) -> HttpResponse:
    """The number of filtered events after the event `after`. The list polls it and shows it as a link."""
    user = get_current_user(request)
    event_filter, values = _read_filters(request, user)
    query = querystring.from_filters(values)
    newest_url = querystring.link(reverse("history:list"), query)
    if not htmx.is_htmx(request):
        return redirect(newest_url)
    after = request.GET.get("after", "")
    number = (
        int(after)
        if after.isascii() and after.isdigit() and len(after) <= _MAX_EVENT_NUMBER_DIGITS
        else MAX_EVENT_NUMBER
    )
    count = EventQuery.of(user.actor, event_filter).count_since(number)
    context = {
        "news_url": querystring.link(reverse("history:new"), query, after=number),
        "new_events": capped_count.format_count(count) if count else "",
        "newest_url": newest_url,
    }
    return render(request, "history/_new.html", context)


@require_POST
@requires_read_access
def export(request: PageRequest) -> HttpResponseBase:
    """The filtered events as a file.

    History records the export. It is a POST, so that no link on another site can start an export.
    """
    user = get_current_user(request)
    form = HistoryExportForm(request.POST)
    if not form.is_valid():
        message = gettext("Choose a format: csv or jsonl.")
        return HttpResponse(message, status=400, content_type="text/plain; charset=utf-8")
    event_filter, _ = _read_filters(request, user)
    file_format = exports.ExportFormat(form.cleaned_data["format"])
    file = exports.history(actor=user.actor, conditions=event_filter, export_format=file_format)
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"'}
    return StreamingHttpResponse(file.pieces, content_type=file.media_type, headers=headers)


@require_POST
@requires_read_access
def verify(request: PageRequest) -> HttpResponseBase:
    """Verify the newest events of the chain. The page then shows up to which event, and when."""
    user = get_current_user(request)
    _, values = _read_filters(request, user)
    result = chain.verify_next(actor=user.actor)
    list_url = querystring.link(reverse("history:list"), querystring.from_filters(values))
    if result.problem:
        messages.error(request, gettext("The chain is broken. %(problem)s.") % {"problem": result.problem})
    else:
        messages.success(request, _describe_verified(result))
    return redirect(list_url)


def _read_filters(request: PageRequest, user: CurrentUser) -> tuple[EventFilter, dict[str, Any]]:
    """The filters in the URL, for a query, and their values by field. Values that are not valid are left out.

    Raises NotFoundError for an organisation that the user may not read.
    """
    values = HistoryFilters(request.GET).valid_values()
    organisation = user.get_organisation_or_404(values.get("organisation", ""))
    return filters.event_filter(values, organisation.id if organisation else None), values


def _list_context(
    user: CurrentUser, events: EventQuery, values: dict[str, Any], page: paging.Page | None, cursor: str
) -> dict[str, Any]:
    """The context of the list. `page`: if None, the page at `cursor` is read."""
    path, query = reverse("history:list"), querystring.from_filters(values)
    # Read before the events. An event that is recorded in between is then on the page and also counted as new. In the
    # other order it would be missing in both.
    newest = ChainHead.objects.get().number
    page = page or events.page(cursor, PAGE_SIZE)
    set_target_urls(page.rows, user.actor)
    return {
        "events": page.rows,
        "page": page_foot(page, url=path, query=query, is_by_time=True),
        "query": query,
        # Closing an event leads back to the same page of the list.
        "query_string": querystring.link("", query, cursor=cursor),
        "types": EventType.choices,
        "filters": _filter_chips(path, query, page.rows),
        "is_filtered": bool(values.keys() - {"organisation"}),
        "news_url": querystring.link(reverse("history:new"), query, after=newest),
        "export_url": querystring.link(reverse("history:export"), query),
        "verify_url": querystring.link(reverse("history:verify"), query),
        "section": "history",
        "chain": ChainCheck.objects.first(),
    }


def _panel_context(event: Any, events: EventQuery, query: dict[str, str]) -> dict[str, Any]:
    """The context of the panel. `event` has its `target_url`."""
    return {
        "event": event,
        "position": _position(event.number, events),
        "actor_events_url": _actor_events_url(event),
        "target_events_url": events_url(event) if event.target_label else "",
        "previous_url": _first_event_url(events.page_after(event.number, ascending=True, limit=1), query),
        "next_url": _first_event_url(events.page_after(event.number, limit=1), query),
        "query_string": querystring.link("", query),
    }


def _page_with(number: int, events: EventQuery, cursor: str) -> tuple[paging.Page, str]:
    """The page of the list that has the event, and its cursor: that at `cursor`, else the first, else another.

    If the filters do not select the event, the page at `cursor`.
    """
    at_event = paging.Cursor.encode(SimpleNamespace(pk=number + 1), ORDER, backwards=False)
    for candidate in dict.fromkeys((cursor, "", at_event)):
        page = events.page(candidate, PAGE_SIZE)
        if any(row.number == number for row in page.rows):
            return page, candidate
    return events.page(cursor, PAGE_SIZE), cursor


def _position(number: int, events: EventQuery) -> str:
    """`4 of 10`, among the filtered events; "" above COUNT_LIMIT, and for an event that the filters do not select."""
    newer, all_ = events.count_since(number), events.count_since(0)
    is_selected = events.page_after(number + 1, limit=1).values_list("number", flat=True).first() == number
    if newer > capped_count.COUNT_LIMIT or not is_selected:
        return ""
    total = capped_count.format_count(all_)
    return gettext("%(position)s of %(total)s") % {"position": f"{newer + 1:,}", "total": total}


def _describe_verified(result: chain.NextVerified) -> str:
    if result.left:
        message = gettext("Verified up to event %(last)s. %(left)s newer events are left: verify again to continue.")
        return message % {"last": f"{result.last:,}", "left": f"{result.left:,}"}
    count = max(0, result.last - result.first + 1)
    message = ngettext(
        "Verified %(count)s event. No problem found.", "Verified %(count)s events. No problem found.", count
    )
    return message % {"count": f"{count:,}"}


def _actor_events_url(event: Event) -> str:
    """The list of all events of the actor; "" if the actor has no ID."""
    return querystring.link(reverse("history:list"), {"actor": event.actor_id}) if event.actor_id else ""


def _first_event_url(events: QuerySet[Any], query: dict[str, str]) -> str:
    number = next(iter(events.values_list("number", flat=True)), None)
    return querystring.link(reverse("history:event", args=[number]), query) if number is not None else ""


def _filter_chips(path: str, query: dict[str, str], events: list[Any]) -> list[dict[str, str]]:
    """The filters in force, except search and organisation, which other controls show."""
    labels = {name: str(field.label) for name, field in HistoryFilters.base_fields.items()}
    return [
        {
            "name": name,
            "label": labels[name],
            "value": _chip_value(name, value, events),
            "remove_url": querystring.link(path, query, **{name: ""}),
        }
        for name, value in query.items()
        if name not in ("q", "organisation")
    ]


def _chip_value(name: str, value: str, events: list[Any]) -> str:
    """The label of an action. For the id of an actor or target: the name in the first of the events."""
    if name == "type":
        return str(EventType(value).label)
    if name in ("actor", "target") and events and is_uuid(value):
        return str(getattr(events[0], f"{name}_label"))
    return value
