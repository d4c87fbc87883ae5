"""`/api/tiers`: how many calls a key may make in any rolling hour.

Only callers that may read the whole installation have access.
"""

from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Self
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router, Status
from pydantic import Field

from keyadmin.api import idempotency, openapi
from keyadmin.api.auth import ApiRequest
from keyadmin.api.crud import expected_revision, installation_reader, render, render_page
from keyadmin.api.schemas import Body, PageQuery, Revision, Text, TierName
from keyadmin.core.errors import NoChangesError
from keyadmin.models import Tier, paging
from keyadmin.operations.catalogue import tiers
from keyadmin.operations.catalogue.tiers import MAX_HOURLY_LIMIT

router = Router(tags=["Tiers"])

Limit = Annotated[int, Field(ge=1, le=MAX_HOURLY_LIMIT, examples=[5000])]


class NewTier(Body):
    name: Text = Field(examples=["Gold"])
    hourly_limit: Limit


class ChangedTier(Body):
    """Fields that are not sent do not change. A new limit applies from the next call of every key of the tier."""

    name: Text = Field(default="", examples=["Gold"])
    hourly_limit: Limit = 1


class TierOut(TierName):
    revision: Revision

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(id=row.id, name=row.name, hourly_limit=row.hourly_limit, revision=row.revision)


@router.get("/tiers", url_name="tiers", **openapi.page(TierOut, scope=None))
def list_(request: ApiRequest, response: HttpResponse, query: Query[PageQuery]) -> list[TierOut]:
    """List tiers by name."""
    rows = Tier.objects.visible_to(installation_reader(request))
    return render_page(request, response, rows, paging.BY_NAME, query, TierOut.of)


@router.post(
    "/tiers",
    url_name="tiers",
    **openapi.creation(TierOut, scope=None, links=openapi.links_to("tier", "tiers_view", "tiers_edit", "tiers_remove")),
)
def create(request: ApiRequest, response: HttpResponse, new: NewTier) -> Status[TierOut]:
    """Create a tier."""
    operation = partial(tiers.create, actor=installation_reader(request), **new.sent_fields())
    return idempotency.run_creation(request, response, operation, partial(_render, request, response))


@router.get("/tiers/{uuid:tier}", url_name="tier", **openapi.row(TierOut, scope=None))
def view(request: ApiRequest, response: HttpResponse, tier: UUID) -> TierOut:
    """Show a tier."""
    return _render(request, response, tier)


@router.patch("/tiers/{uuid:tier}", url_name="tier", **openapi.edit(TierOut, scope=None))
def edit(request: ApiRequest, response: HttpResponse, tier: UUID, changed: ChangedTier) -> TierOut:
    """Edit a tier."""
    with suppress(NoChangesError):
        tiers.edit(
            actor=installation_reader(request), tier=tier, revision=expected_revision(request), **changed.sent_fields()
        )
    return _render(request, response, tier)


@router.delete("/tiers/{uuid:tier}", url_name="tier", **openapi.edit(None, scope=None))
def remove(request: ApiRequest, tier: UUID) -> Status[None]:
    """Remove a tier. No key and no organisation may use it."""
    tiers.remove(actor=installation_reader(request), tier=tier, revision=expected_revision(request))
    return Status(204, None)


def _render(request: ApiRequest, response: HttpResponse, tier: Any, created: Any = None) -> TierOut:
    return render(response, Tier.objects.visible_to(installation_reader(request)), TierOut.of, id=tier)
