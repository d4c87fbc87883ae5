"""The history: a searchable list of events, one event in a panel, and the export.

The pages change nothing. An export is recorded as an event.
"""

from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from keyadmin.core.errors import NotFoundError
from keyadmin.forms import filters
from keyadmin.forms.filters import HistoryExportForm, HistoryFilters
from keyadmin.models import BulkRevocation, ChainCheck, ChainHead, Event, EventType
from keyadmin.models.event_search import MAX_EVENT_NUMBER, EventFilter, EventQuery
from keyadmin.operations.audit import export as exports
from keyadmin.web.common import capped_count, htmx, querystring
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user, requires_read_access
from keyadmin.web.common.list_view import page_foot

PAGE_SIZE: Final = 50
_MAX_CURSOR_LENGTH: Final = 600
_MAX_EVENT_NUMBER_DIGITS: Final = 19


@require_safe
@requires_read_access
def list_(request: PageRequest) -> HttpResponse:
    user = get_current_user(request)
    event_filter, values = _read_filters(request, user)
    part = "#rows" if htmx.is_htmx(request) else ""
    context = _list_context(request, EventQuery.of(user.actor, event_filter), values)
    return render(request, f"history/list.html{part}", context)


@require_safe
def event(request: PageRequest, number: int) -> HttpResponse:
    """One event in a panel beside the list. Previous and next are its neighbours among the filtered events."""
    user = get_current_user(request)
    event_filter, values = _read_filters(request, user)
    readable = Event.objects.visible_to(user.actor)
    event = readable.filter(number=number).first() if number <= MAX_EVENT_NUMBER else None
    if event is None:
        raise NotFoundError
    events = EventQuery.of(user.actor, event_filter)
    query = _query_with_cursor(request, values)
    context = {
        "event": event,
        "target_url": _target_url(event, user),
        "actor_events_url": _events_url("actor", str(event.actor_id)),
        "target_events_url": _events_url("target", event.target_id),
        "previous_url": _first_event_url(events.page_after(number, ascending=True, limit=1), query),
        "next_url": _first_event_url(events.page_after(number, limit=1), query),
        "query_string": querystring.link("", query),
    }
    if htmx.is_htmx(request):
        return render(request, "history/detail.html", context)
    return render(request, "history/list.html", _list_context(request, events, values) | context)


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


def _read_filters(request: PageRequest, user: CurrentUser) -> tuple[EventFilter, dict[str, Any]]:
    """The filters in the URL, for a query, and their values by field. Values that are not valid are left out.

    Raises NotFoundError for an organisation that the user may not read.
    """
    values = HistoryFilters(request.GET).valid_values()
    organisation = user.get_organisation_or_404(values.get("organisation", ""))
    return filters.event_filter(values, organisation.id if organisation else None), values


def _list_context(request: PageRequest, events: EventQuery, values: dict[str, Any]) -> dict[str, Any]:
    path, query = reverse("history:list"), querystring.from_filters(values)
    # Read before the events. An event that is recorded in between is then on the page and also counted as new. In the
    # other order it would be missing in both.
    newest = ChainHead.objects.get().number
    page = events.page(request.GET.get("cursor", ""), PAGE_SIZE)
    return {
        "events": page.rows,
        "page": page_foot(page, url=path, query=query, is_by_time=True),
        "query": query,
        "query_string": querystring.link("", _query_with_cursor(request, values)),
        "types": EventType.choices,
        "filters": _filter_chips(path, query, page.rows),
        "is_filtered": bool(values.keys() - {"organisation"}),
        "news_url": querystring.link(reverse("history:new"), query, after=newest),
        "export_url": querystring.link(reverse("history:export"), query),
        "section": "history",
        "chain": ChainCheck.objects.first(),
    }


def _query_with_cursor(request: PageRequest, values: dict[str, Any]) -> dict[str, str]:
    """The query of links to an event: closing the event leads back to the same page of the list."""
    return querystring.from_filters(values) | {"cursor": request.GET.get("cursor", "")[:_MAX_CURSOR_LENGTH]}


def _events_url(filter_name: str, identifier: str) -> str:
    """The list of all events of an actor or a target; "" if `identifier` is not an ID to filter by."""
    return querystring.link(reverse("history:list"), {filter_name: identifier}) if _is_uuid(identifier) else ""


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
    if name in ("actor", "target") and events and _is_uuid(value):
        return str(getattr(events[0], f"{name}_label"))
    return value


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _target_url(event: Event, user: CurrentUser) -> str:
    """The page of a key, which also exists for deleted keys, or of a bulk revocation; "" for other targets."""
    if not _is_uuid(event.target_id):
        return ""
    if event.target_kind == "key":
        return reverse("keys:detail", args=[event.target_id])
    revocations = BulkRevocation.objects.visible_to(user.actor)
    if event.target_kind == "bulk_revocation" and revocations.filter(id=event.target_id).exists():
        return reverse("keys:bulk-revocation", args=[event.target_id])
    return ""
