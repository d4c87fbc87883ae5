"""`/api/scopes`: the scopes of keys, and the calls that each allows.

Only callers that may read the whole installation have access.
"""

from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Final, Literal, Self

from django.http import HttpResponse
from ninja import Query, Router, Status
from pydantic import BaseModel, Field

from keyadmin.api import idempotency, openapi
from keyadmin.api.auth import ApiRequest
from keyadmin.api.crud import expected_revision, installation_reader, render, render_page
from keyadmin.api.schemas import Body, PageQuery, Revision, Text, is_storable
from keyadmin.core.actors import Actor
from keyadmin.core.errors import NoChangesError, NotFoundError
from keyadmin.core.routes import Route
from keyadmin.models import Scope, paging
from keyadmin.operations.catalogue import scopes

router = Router(tags=["Scopes"])

BY_NAME: Final = paging.Order("pk", False, str, str)
Position = Annotated[int, Field(ge=0, le=2**31 - 1)]


class RouteIn(Body):
    """Calls that the scope allows. `{name}` and `*` match one segment, `**` matches the rest."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    pattern: Text = Field(examples=["/v1/reports/{report}"])
    channel_from: Literal["", "header", "path"] = Field(
        default="", description="Where a call names its channel. header: X-Channel; path: {channel} in the path."
    )


class RouteOut(BaseModel):
    method: str = Field(examples=["GET"])
    pattern: str = Field(examples=["/api/chats"])
    channel_from: str = Field(examples=["header"])


class ScopeOut(BaseModel):
    name: str = Field(examples=["chats:read"])
    resource: str = Field(examples=["Chats"])
    label: str = Field(examples=["Read chats"])
    caption: str = Field(examples=["Read chats and messages"])
    explanation: str = Field(examples=["Read chats, their messages and attachments."])
    ability: str = Field(description="Completes “This key can …”.", examples=["read chats"])
    is_sensitive: bool = Field(description="true: it allows writing or exporting.", examples=[False])
    position: int = Field(examples=[10])
    is_own: bool = Field(description="true: a scope of keyadmin itself, which cannot be changed.", examples=[False])
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
    """Fields that are not sent do not change. Changes apply to every key with the scope, from its next call."""

    resource: Text = ""
    label: Text = Field(default="", examples=["Read reports"])
    caption: Text = ""
    explanation: Text = ""
    ability: Text = ""
    is_sensitive: bool = False
    position: Position = 100
    routes: Annotated[list[RouteIn], Field(max_length=100)] = []


class NewScope(ChangedScope):
    name: Text = Field(description="resource:action. It never changes.", examples=["reports:read"])
    resource: Text = Field(examples=["Reports"])
    label: Text = Field(examples=["Read reports"])
    explanation: Text = Field(examples=["Open reports and their figures."])
    ability: Text = Field(examples=["read reports"])


@router.get("/scopes", url_name="scopes", **openapi.page(ScopeOut, scope=None))
def list_(request: ApiRequest, response: HttpResponse, query: Query[PageQuery]) -> list[ScopeOut]:
    """List scopes by name, with their routes."""
    return render_page(request, response, _readable(installation_reader(request)), BY_NAME, query, ScopeOut.of)


@router.post(
    "/scopes",
    url_name="scopes",
    **openapi.creation(
        ScopeOut,
        scope=None,
        links=openapi.links_to("name", "scopes_view", "scopes_edit", "scopes_remove", pointer="name"),
    ),
)
def create(request: ApiRequest, response: HttpResponse, new: NewScope) -> Status[ScopeOut]:
    """Create a scope."""
    operation = partial(scopes.create, actor=installation_reader(request), **_operation_values(new, new.name))
    return idempotency.run_creation(request, response, operation, partial(_render, request, response))


@router.get("/scopes/{name}", url_name="scope", **openapi.row(ScopeOut, scope=None))
def view(request: ApiRequest, response: HttpResponse, name: str) -> ScopeOut:
    """Show a scope."""
    return _render(request, response, name)


@router.patch("/scopes/{name}", url_name="scope", **openapi.edit(ScopeOut, scope=None))
def edit(request: ApiRequest, response: HttpResponse, name: str, changed: ChangedScope) -> ScopeOut:
    """Edit a scope."""
    actor, revision = installation_reader(request), expected_revision(request)
    with suppress(NoChangesError):
        scopes.edit(actor=actor, scope=name, revision=revision, **_operation_values(changed, name))
    return _render(request, response, name)


@router.delete("/scopes/{name}", url_name="scope", **openapi.edit(None, scope=None))
def remove(request: ApiRequest, name: str) -> Status[None]:
    """Remove a scope with its routes. No key may hold it."""
    scopes.remove(actor=installation_reader(request), scope=name, revision=expected_revision(request))
    return Status(204, None)


def _readable(actor: Actor) -> Any:
    return Scope.objects.visible_to(actor).prefetch_related("routes")


def _render(request: ApiRequest, response: HttpResponse, name: str, created: Any = None) -> ScopeOut:
    if not is_storable(name):
        raise NotFoundError
    return render(response, _readable(installation_reader(request)), ScopeOut.of, name=name)


def _operation_values(body: ChangedScope, name: str) -> dict[str, Any]:
    values = body.sent_fields()
    if "routes" in values:
        values["routes"] = [Route(route.method, route.pattern, name, route.channel_from) for route in body.routes]
    return values
