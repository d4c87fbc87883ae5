"""`/api/scopes`: what keys may do, and the calls each scope opens. For who reads the whole installation."""

from functools import partial
from typing import Annotated, Any, Final, Literal, Self

from django.http import HttpRequest, HttpResponse
from ninja import Body as FromBody
from ninja import Query, Router, Status
from pydantic import BaseModel, Field

from keyadmin.api import headers, idempotency
from keyadmin.api.bodies import Body
from keyadmin.api.crud import Text, given, listed, reader_of_all, told
from keyadmin.api.filters import PageQuery
from keyadmin.api.schemas import Revision
from keyadmin.api.text import askable
from keyadmin.core.actors import Actor
from keyadmin.core.errors import NotFoundError
from keyadmin.core.routes import Route
from keyadmin.models import Scope, paging
from keyadmin.operations.catalogue import scopes

router = Router(tags=["Scopes"])

BY_NAME: Final = paging.Order("pk", False, str, str)
Position = Annotated[int, Field(ge=0, le=2**31 - 1)]


class RouteIn(Body):
    """A call: `{name}` stands for one segment, `*` too, `**` for the rest."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    pattern: Text = Field(examples=["/v1/reports/{report}"])
    channel_from: Literal["", "header", "path"] = Field(
        default="", description="Where a call says its channel: X-Channel, or {channel} in the path."
    )


class RouteOut(BaseModel):
    method: str
    pattern: str
    channel_from: str


class ScopeOut(BaseModel):
    name: str = Field(examples=["chats:read"])
    resource: str = Field(examples=["Chats"])
    label: str = Field(examples=["Read chats"])
    caption: str
    explanation: str
    ability: str = Field(description="Completes “This key can …”.", examples=["read chats"])
    is_sensitive: bool = Field(description="It can write or export.")
    position: int
    is_own: bool = Field(description="Part of keyadmin, and nobody's to change.")
    routes: list[RouteOut]
    revision: Revision

    @classmethod
    def of(cls, row: Any) -> Self:
        routes = [RouteOut(method=r.method, pattern=r.pattern, channel_from=r.channel_from) for r in row.routes.all()]
        return cls(
            name=row.name,
            resource=row.resource,
            label=row.label,
            caption=row.caption,
            explanation=row.explanation,
            ability=row.ability,
            is_sensitive=row.is_sensitive,
            position=row.position,
            is_own=row.is_own,
            routes=routes,
            revision=row.revision,
        )


class ChangedScope(Body):
    """Only what is given is changed, for every key that holds the scope, from its next call."""

    resource: Text = ""
    label: Text = Field(default="", examples=["Read reports"])
    caption: Text = ""
    explanation: Text = ""
    ability: Text = ""
    is_sensitive: bool = False
    position: Position = 100
    routes: Annotated[list[RouteIn], Field(max_length=100)] = []


class NewScope(ChangedScope):
    name: Text = Field(description="resource:action; it never changes.", examples=["reports:read"])
    resource: Text = Field(examples=["Reports"])
    label: Text = Field(examples=["Read reports"])
    explanation: Text = Field(examples=["Open reports and their figures."])
    ability: Text = Field(examples=["read reports"])


@router.get("/scopes", response=list[ScopeOut], url_name="scopes")
def list_(request: HttpRequest, response: HttpResponse, query: Query[PageQuery]) -> Any:
    """Scopes with their routes, by name."""
    return listed(request, response, _readable(reader_of_all(request)), BY_NAME, query, ScopeOut.of)


@router.post("/scopes", response={201: ScopeOut, 200: ScopeOut}, url_name="scopes")
def create(request: HttpRequest, response: HttpResponse, new: NewScope = FromBody(...)) -> Any:  # noqa: B008
    """Make a scope."""
    act = partial(scopes.create, actor=reader_of_all(request), **_values(new, new.name))
    return idempotency.created(request, response, act, partial(_told, request, response))


@router.get("/scopes/{name}", response=ScopeOut, url_name="scope")
def view(request: HttpRequest, response: HttpResponse, name: str) -> Any:
    """One scope."""
    return _told(request, response, name)


@router.patch("/scopes/{name}", response=ScopeOut, url_name="scope")
def edit(request: HttpRequest, response: HttpResponse, name: str, changed: ChangedScope = FromBody(...)) -> Any:  # noqa: B008
    """Change what is given."""
    actor, revision = reader_of_all(request), headers.revision(request)
    scopes.edit(actor=actor, scope=name, revision=revision, **_values(changed, name))
    return _told(request, response, name)


@router.delete("/scopes/{name}", response={204: None}, url_name="scope")
def remove(request: HttpRequest, name: str) -> Any:
    """Remove a scope that no key holds, with its routes."""
    scopes.remove(actor=reader_of_all(request), scope=name, revision=headers.revision(request))
    return Status(204, None)


def _readable(actor: Actor) -> Any:
    return Scope.objects.visible_to(actor).prefetch_related("routes")


def _told(request: HttpRequest, response: HttpResponse, name: str, made: Any = None) -> ScopeOut:
    if not askable(name):
        raise NotFoundError
    return told(response, _readable(reader_of_all(request)), ScopeOut.of, name=name)


def _values(body: ChangedScope, name: str) -> dict[str, Any]:
    values = given(body)
    if "routes" in values:
        values["routes"] = [Route(one.method, one.pattern, name, one.channel_from) for one in body.routes]
    return values
