"""`/api/history`: what was done, by whom, newest first. Read only."""

from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from keyadmin.api.callers import actor_of, organisation_of
from keyadmin.api.filters import HistoryQuery, PageQuery
from keyadmin.api.rows import listed
from keyadmin.api.schemas import EventOut
from keyadmin.forms.filters import filter_events
from keyadmin.models import Event, paging
from keyadmin.operations.errors import NotFound

router = Router(tags=["History"])

ORDER: Final = paging.Order("pk", True, int, int)
_BIGGEST: Final = 2**63 - 1


@router.get("/history", response=list[EventOut], url_name="history")
def list_(request: HttpRequest, response: HttpResponse, query: Query[HistoryQuery]) -> Any:
    """Events, newest first. The Link header leads to older ones."""
    events = Event.objects.visible_to(actor_of(request))
    if query.organisation:
        events = events.filter(organisation_id=organisation_of(request, query.organisation).id)
    rows = filter_events(events, query.chosen())
    return listed(request, response, rows, ORDER, query, EventOut.of)


@router.get("/history/{int:number}", response=EventOut, url_name="event")
def view(request: HttpRequest, number: int) -> Any:
    """One event."""
    events = Event.objects.visible_to(actor_of(request))
    event = events.filter(number=number).first() if number <= _BIGGEST else None
    if event is None:
        raise NotFound
    return EventOut.of(event)


@router.get("/keys/{uuid:key}/history", response=list[EventOut], url_name="key-history")
def of_key(request: HttpRequest, response: HttpResponse, key: UUID, query: Query[PageQuery]) -> Any:
    """What was done with a key, also when it is gone."""
    events = Event.objects.visible_to(actor_of(request)).filter(target_id=str(key))
    if not events.exists():
        raise NotFound
    return listed(request, response, events, ORDER, query, EventOut.of)
