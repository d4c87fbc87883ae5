"""`/api/history`: what was done, by whom, newest first. Read only."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from keyadmin.api import links
from keyadmin.api.callers import actor_of, organisation_of
from keyadmin.api.filters import HistoryQuery, PageQuery, refuse_unknown
from keyadmin.api.rows import listed
from keyadmin.api.schemas import EventOut
from keyadmin.forms.filters import wanted
from keyadmin.models import Event
from keyadmin.models.event_search import BIGGEST, ORDER, Found
from keyadmin.operations.errors import NotFound

router = Router(tags=["History"])


@router.get("/history", response=list[EventOut], url_name="history")
def list_(request: HttpRequest, response: HttpResponse, query: Query[HistoryQuery]) -> Any:
    """Events, newest first. The Link header leads to older ones."""
    refuse_unknown(request, query)
    organisation = organisation_of(request, query.organisation).id if query.organisation else None
    page = Found.of(actor_of(request), wanted(query.chosen(), organisation)).page(query.cursor, query.limit)
    links.lead_on(request, response, page)
    return [EventOut.of(event) for event in page.rows]


@router.get("/history/{int:number}", response=EventOut, url_name="event")
def view(request: HttpRequest, number: int) -> Any:
    """One event."""
    events = Event.objects.visible_to(actor_of(request))
    event = events.filter(number=number).first() if number <= BIGGEST else None
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
