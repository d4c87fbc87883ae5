"""`/api/history`: what was done, by whom, newest first. Read only."""

from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Router

from keyadmin.api import pagination
from keyadmin.api.callers import actor_of, organisation_of
from keyadmin.api.crud import listed
from keyadmin.api.filters import ExportQuery, HistoryFilters, HistoryQuery, PageQuery, refuse_unknown
from keyadmin.api.schemas import EventOut
from keyadmin.core.errors import NotFoundError
from keyadmin.forms.filters import wanted
from keyadmin.models import Event
from keyadmin.models.event_search import MAX_EVENT_NUMBER, ORDER, EventFilter, EventQuery
from keyadmin.operations.audit import export as exports

router = Router(tags=["History"])

_TYPES: Final = [media_type.partition(";")[0] for media_type in exports.MEDIA_TYPES.values()]
_FILE: Final = {"description": "OK", "content": {name: {"schema": {"type": "string"}} for name in _TYPES}}


@router.get("/history", response=list[EventOut], url_name="history")
def list_(request: HttpRequest, response: HttpResponse, query: Query[HistoryQuery]) -> Any:
    """Events, newest first. The Link header leads to older ones."""
    page = EventQuery.of(actor_of(request), _wanted(request, query)).page(query.cursor, query.limit)
    pagination.lead_on(request, response, page)
    return [EventOut.of(event) for event in page.rows]


@router.get("/history/export", url_name="history-export", openapi_extra={"responses": {200: _FILE}})
def export(request: HttpRequest, query: Query[ExportQuery]) -> Any:
    """All events that the filters leave, newest first, as a file. The export is recorded before it begins."""
    wanted = _wanted(request, query)
    if request.META["REQUEST_METHOD"] == "HEAD":  # nothing is exported
        return HttpResponse(content_type=exports.MEDIA_TYPES[query.format])
    made = exports.history(actor=actor_of(request), conditions=wanted, export_format=query.format)
    headers = {"Content-Disposition": f'attachment; filename="{made.name}"'}
    return StreamingHttpResponse(made.pieces, content_type=made.media_type, headers=headers)


@router.get("/history/{int:number}", response=EventOut, url_name="event")
def view(request: HttpRequest, number: int) -> Any:
    """One event."""
    events = Event.objects.visible_to(actor_of(request))
    event = events.filter(number=number).first() if number <= MAX_EVENT_NUMBER else None
    if event is None:
        raise NotFoundError
    return EventOut.of(event)


@router.get("/keys/{uuid:key}/history", response=list[EventOut], url_name="key-history")
def of_key(request: HttpRequest, response: HttpResponse, key: UUID, query: Query[PageQuery]) -> Any:
    """What was done with a key, also when it is gone."""
    events = Event.objects.visible_to(actor_of(request)).filter(target_id=str(key))
    if not events.exists():
        raise NotFoundError
    return listed(request, response, events, ORDER, query, EventOut.of)


def _wanted(request: HttpRequest, query: HistoryFilters) -> EventFilter:
    refuse_unknown(request, query)
    organisation = organisation_of(request, query.organisation).id if query.organisation else None
    return wanted(query.model_dump(), organisation)
