"""`/api/tiers`: how many calls a key may make in any rolling hour. For who reads the whole installation."""

from functools import partial
from typing import Annotated, Any, Self
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Body as FromBody
from ninja import Query, Router, Status
from pydantic import Field

from keyadmin.api import headers, idempotency
from keyadmin.api.bodies import Body
from keyadmin.api.crud import (
    BY_NAME,
    Text,
    given,
    listed,
    reader_of_all,
    told,
)
from keyadmin.api.filters import PageQuery
from keyadmin.api.schemas import Revision, TierName
from keyadmin.models import Tier
from keyadmin.operations.catalogue import tiers
from keyadmin.operations.catalogue.tiers import HIGHEST_LIMIT

router = Router(tags=["Tiers"])

Limit = Annotated[int, Field(ge=1, le=HIGHEST_LIMIT, examples=[5000])]


class NewTier(Body):
    name: Text = Field(examples=["Gold"])
    hourly_limit: Limit


class ChangedTier(Body):
    """Only what is given is changed; a new limit holds from the next call of every key of the tier."""

    name: Text = Field(default="", examples=["Gold"])
    hourly_limit: Limit = 1


class TierOut(TierName):
    revision: Revision

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(id=row.id, name=row.name, hourly_limit=row.hourly_limit, revision=row.revision)


@router.get("/tiers", response=list[TierOut], url_name="tiers")
def list_(request: HttpRequest, response: HttpResponse, query: Query[PageQuery]) -> Any:
    """Tiers, by name."""
    rows = Tier.objects.visible_to(reader_of_all(request))
    return listed(request, response, rows, BY_NAME, query, TierOut.of)


@router.post("/tiers", response={201: TierOut, 200: TierOut}, url_name="tiers")
def create(request: HttpRequest, response: HttpResponse, new: NewTier = FromBody(...)) -> Any:  # noqa: B008
    """Make a tier."""
    act = partial(tiers.create, actor=reader_of_all(request), **given(new))
    return idempotency.created(request, response, act, partial(_told, request, response))


@router.get("/tiers/{uuid:tier}", response=TierOut, url_name="tier")
def view(request: HttpRequest, response: HttpResponse, tier: UUID) -> Any:
    """One tier."""
    return _told(request, response, tier)


@router.patch("/tiers/{uuid:tier}", response=TierOut, url_name="tier")
def edit(request: HttpRequest, response: HttpResponse, tier: UUID, changed: ChangedTier = FromBody(...)) -> Any:  # noqa: B008
    """Change what is given."""
    tiers.edit(actor=reader_of_all(request), tier=tier, revision=headers.revision(request), **given(changed))
    return _told(request, response, tier)


@router.delete("/tiers/{uuid:tier}", response={204: None}, url_name="tier")
def remove(request: HttpRequest, tier: UUID) -> Any:
    """Remove a tier that no key and no organisation uses."""
    tiers.remove(actor=reader_of_all(request), tier=tier, revision=headers.revision(request))
    return Status(204, None)


def _told(request: HttpRequest, response: HttpResponse, tier: Any, made: Any = None) -> TierOut:
    return told(response, Tier.objects.visible_to(reader_of_all(request)), TierOut.of, id=tier)
