"""`/api/history`: the events, newest first. Read only."""

from typing import Any, Final, Self
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from ninja import Query, Router
from pydantic import BaseModel, Field

from keyadmin.api import openapi
from keyadmin.api.auth import ApiRequest, actor_of
from keyadmin.api.crud import add_link_header, organisation_of, render_page, require_known_filters
from keyadmin.api.schemas import Day, ListFilters, PageQuery
from keyadmin.core.errors import NotFoundError
from keyadmin.forms.filters import event_filter
from keyadmin.models import Event, EventType
from keyadmin.models.event_search import MAX_EVENT_NUMBER, ORDER, EventFilter, EventQuery
from keyadmin.operations.audit import export as exports
from keyadmin.operations.audit.export import ExportFormat

router = Router(tags=["History"])

_MEDIA_TYPES: Final = [media_type.partition(";")[0] for media_type in exports.MEDIA_TYPES.values()]


class ActorOut(BaseModel):
    kind: str = Field(description="person, key, command or system.")
    id: UUID | None
    label: str
    interface: str = Field(description="page, api, command or background.")
    ip: str | None
    user_agent: str


class TargetOut(BaseModel):
    kind: str = Field(examples=["key"])
    id: str
    label: str


class EventOut(BaseModel):
    """An event. Its labels are those at the time of the event."""

    number: int
    format: int = Field(description="Number of the canonical form from which the hash is computed.")
    at: str = Field(description="With microseconds, as in the hash.", json_schema_extra={"format": "date-time"})
    type: str = Field(examples=["key.edited"])
    actor: ActorOut
    organisation: UUID | None
    organisation_label: str
    target: TargetOut
    changes: dict[str, list[Any]] = Field(description="By field: [value before, value after].")
    reason: str
    request_id: str
    previous_hash: str = Field(description="The hash of the event before it.")
    hash: str = Field(description="SHA-256 of the previous hash and this event, in hexadecimal.")

    @classmethod
    def of(cls, event: Any) -> Self:
        return cls.model_validate(event.serialize())


class HistoryFilters(ListFilters):
    organisation: str = Field(
        default="", description="The slug of an organisation. Empty: all that the caller may read."
    )
    q: str = Field(default="", max_length=120, description="Beginnings of words, addresses, ids.")
    actor: str = Field(default="", max_length=120, description="An id, or beginnings of words of a name.")
    type: EventType | None = None
    target: str = Field(default="", max_length=120, description="An id, or beginnings of words of a name.")
    since: Day | None = Field(default=None, description="The first day, UTC.")
    until: Day | None = Field(default=None, description="The last day, UTC.")


class HistoryQuery(HistoryFilters, PageQuery):
    pass


class ExportQuery(HistoryFilters):
    format: ExportFormat = Field(description="csv, or jsonl: one JSON object per line.")


@router.get("/history", url_name="history", **openapi.page(EventOut, scope="history:read"))
def list_(request: ApiRequest, response: HttpResponse, query: Query[HistoryQuery]) -> list[EventOut]:
    """List events, newest first. The Link header contains the URL of older ones."""
    page = EventQuery.of(actor_of(request), _event_filter(request, query)).page(query.cursor, query.limit)
    add_link_header(request, response, page)
    return [EventOut.of(event) for event in page.rows]


@router.get(
    "/history/export",
    url_name="history-export",
    **openapi.row(None, scope="history:read", content={name: {"schema": {"type": "string"}} for name in _MEDIA_TYPES}),
)
def export_(request: ApiRequest, query: Query[ExportQuery]) -> HttpResponseBase:
    """Export the events that match the filters as a file, newest first. The export is recorded before it begins."""
    wanted = _event_filter(request, query)
    if request.META["REQUEST_METHOD"] == "HEAD":  # nothing is exported
        return HttpResponse(content_type=exports.MEDIA_TYPES[query.format])
    export = exports.history(actor=actor_of(request), conditions=wanted, export_format=query.format)
    headers = {"Content-Disposition": f'attachment; filename="{export.name}"'}
    return StreamingHttpResponse(export.pieces, content_type=export.media_type, headers=headers)


@router.get("/history/{int:number}", url_name="event", **openapi.row(EventOut, scope="history:read"))
def view(request: ApiRequest, number: int) -> EventOut:
    """Show an event."""
    events = Event.objects.visible_to(actor_of(request))
    event = events.filter(number=number).first() if number <= MAX_EVENT_NUMBER else None
    if event is None:
        raise NotFoundError
    return EventOut.of(event)


@router.get("/keys/{uuid:key}/history", url_name="key-history", **openapi.page(EventOut, scope="history:read"))
def of_key(request: ApiRequest, response: HttpResponse, key: UUID, query: Query[PageQuery]) -> list[EventOut]:
    """List the events of a key, also of a deleted key."""
    events = Event.objects.visible_to(actor_of(request)).filter(target_id=str(key))
    if not events.exists():
        raise NotFoundError
    return render_page(request, response, events, ORDER, query, EventOut.of)


def _event_filter(request: ApiRequest, query: HistoryFilters) -> EventFilter:
    require_known_filters(request, query)
    organisation = organisation_of(request, query.organisation).id if query.organisation else None
    return event_filter(query.model_dump(), organisation)
