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

#: The beginning of a file in each format.
_EXPORT_EXAMPLES: Final = {
    ExportFormat.CSV: "number,at,type,actor,…\n12408,2026-11-29T14:02:00.123456Z,key.edited,Jonas Lind,…\n",
    ExportFormat.JSON_LINES: '{"number": 12408, "at": "2026-11-29T14:02:00.123456Z", "type": "key.edited", …}\n',
}
_EXPORT_CONTENT: Final = {
    exports.MEDIA_TYPES[each].partition(";")[0]: {"schema": {"type": "string", "examples": [example]}}
    for each, example in _EXPORT_EXAMPLES.items()
}


class ActorOut(BaseModel):
    kind: str = Field(description="person, key, command or system.", examples=["person"])
    id: UUID | None
    label: str = Field(examples=["Jonas Lind"])
    interface: str = Field(description="page, api, command or background.", examples=["page"])
    ip: str | None = Field(examples=["203.0.113.24"])
    user_agent: str = Field(examples=["Mozilla/5.0"])


class TargetOut(BaseModel):
    kind: str = Field(examples=["key"])
    id: str = Field(examples=["9b2d1c4e-5f60-4a7b-8c9d-0e1f2a3b4c5d"])
    label: str = Field(examples=["CRM integration"])


class EventOut(BaseModel):
    """An event. Its labels are those at the time of the event."""

    number: int = Field(examples=[12408])
    format: int = Field(description="Number of the canonical form from which the hash is computed.", examples=[1])
    at: str = Field(description="With microseconds, as in the hash.", json_schema_extra={"format": "date-time"})
    type: str = Field(examples=["key.edited"])
    actor: ActorOut
    organisation: UUID | None
    organisation_label: str = Field(examples=["Northwind"])
    target: TargetOut
    changes: dict[str, list[Any]] = Field(
        description="By field: [value before, value after].", examples=[{"name": ["CRM", "CRM integration"]}]
    )
    reason: str = Field(examples=["Requested in ticket 4711"])
    request_id: str = Field(examples=["01hzxw3p5f"])
    previous_hash: str = Field(
        description="The hash of the event before it.",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    )
    hash: str = Field(
        description="SHA-256 of the previous hash and this event, in hexadecimal.",
        examples=["60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"],
    )

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
    **openapi.row(None, scope="history:read", content=_EXPORT_CONTENT),
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
