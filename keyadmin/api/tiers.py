"""`/api/tiers`: how many calls a key may make in any rolling hour. For who reads the whole installation."""

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Body as FromBody
from ninja import Query, Router, Status
from pydantic import Field

from keyadmin.api.bodies import Body
from keyadmin.api.filters import PageQuery
from keyadmin.api.rows import BY_NAME, Text, given, listed, one, reader_of_all
from keyadmin.api.schemas import TierName
from keyadmin.foundation.actors import Actor
from keyadmin.models import Tier
from keyadmin.operations import tiers
from keyadmin.operations.tiers import HIGHEST_LIMIT

router = Router(tags=["Tiers"])

Limit = Annotated[int, Field(ge=1, le=HIGHEST_LIMIT, examples=[5000])]


class NewTier(Body):
    name: Text = Field(examples=["Gold"])
    hourly_limit: Limit


class ChangedTier(Body):
    """Only what is given is changed; a new limit holds from the next call of every key of the tier."""

    name: Text = Field(default="", examples=["Gold"])
    hourly_limit: Limit = 1


@router.get("/tiers", response=list[TierName], url_name="tiers")
def list_(request: HttpRequest, response: HttpResponse, query: Query[PageQuery]) -> Any:
    """Tiers, by name."""
    rows = Tier.objects.visible_to(reader_of_all(request))
    return listed(request, response, rows, BY_NAME, query, _shape)


@router.post("/tiers", response={201: TierName}, url_name="tiers")
def create(request: HttpRequest, response: HttpResponse, new: NewTier = FromBody(...)) -> Any:  # noqa: B008
    """Make a tier."""
    actor = reader_of_all(request)
    made = tiers.create(actor=actor, **given(new))
    response["Location"] = f"{request.path}/{made.id}"
    return Status(201, _told(actor, made.id))


@router.get("/tiers/{uuid:tier}", response=TierName, url_name="tier")
def view(request: HttpRequest, tier: UUID) -> Any:
    """One tier."""
    return _told(reader_of_all(request), tier)


@router.patch("/tiers/{uuid:tier}", response=TierName, url_name="tier")
def edit(request: HttpRequest, tier: UUID, changed: ChangedTier = FromBody(...)) -> Any:  # noqa: B008
    """Change what is given."""
    actor = reader_of_all(request)
    tiers.edit(actor=actor, tier=tier, **given(changed))
    return _told(actor, tier)


@router.delete("/tiers/{uuid:tier}", response={204: None}, url_name="tier")
def remove(request: HttpRequest, tier: UUID) -> Any:
    """Remove a tier that no key and no organisation uses."""
    tiers.remove(actor=reader_of_all(request), tier=tier)
    return Status(204, None)


def _shape(row: Any) -> TierName:
    return TierName(id=row.id, name=row.name, hourly_limit=row.hourly_limit)


def _told(actor: Actor, tier: UUID) -> TierName:
    return _shape(one(Tier.objects.visible_to(actor), id=tier))
