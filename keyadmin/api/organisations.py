"""`/api/organisations`: the tenants, and the rules their keys are made by."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Body as FromBody
from ninja import Query, Router, Status
from pydantic import BaseModel, Field

from keyadmin.api.bodies import Body
from keyadmin.api.callers import actor_of
from keyadmin.api.filters import PageQuery
from keyadmin.api.names import tier_named
from keyadmin.api.rows import BY_NAME, Reasoned, Text, given, listed, one
from keyadmin.api.schemas import TierName
from keyadmin.foundation.actors import Actor
from keyadmin.foundation.tokens import Format
from keyadmin.models import Organisation
from keyadmin.operations import organisations
from keyadmin.operations.errors import Invalid

router = Router(tags=["Organisations"])

Days = Annotated[int | None, Field(ge=1, le=36_500)]
KeyFormat = Annotated[Format, Field(strict=False)]


class OrganisationOut(BaseModel):
    id: UUID
    slug: str = Field(examples=["northwind"])
    name: str = Field(examples=["Northwind"])
    is_active: bool = Field(description="All keys of a disabled organisation are paused.")
    key_prefix: str = Field(examples=["kad"])
    key_format: Format
    tier: TierName = Field(description="Of keys for which no other is chosen.")
    default_expiry_days: int | None = Field(description="What pages propose for a new key.")
    longest_expiry_days: int | None
    may_never_expire: bool
    created_at: datetime

    @classmethod
    def of(cls, row: Any) -> Self:
        tier = row.default_tier
        return cls(
            id=row.id, slug=row.slug, name=row.name, is_active=row.is_active, key_prefix=row.key_prefix,
            key_format=row.key_format, tier=TierName(id=tier.id, name=tier.name, hourly_limit=tier.hourly_limit),
            default_expiry_days=row.default_expiry_days, longest_expiry_days=row.longest_expiry_days,
            may_never_expire=row.may_never_expire, created_at=row.created_at,
        )  # fmt: skip


class NewOrganisation(Body):
    name: Text = Field(examples=["Fabrikam"])
    slug: Text = Field(default="", description="Absent: made of the name.", examples=["fabrikam"])
    key_prefix: Text = Field(default="kad", description="2 to 12 lower-case letters and digits.", examples=["fab"])
    key_format: KeyFormat = Format.DEFAULT
    tier: Text = Field(default="", description="A tier's name; absent: the one with the lowest limit.")


class ChangedOrganisation(Body):
    """Only what is given is changed. New rules are for keys made or changed from now on."""

    name: Text = Field(default="", examples=["Fabrikam"])
    key_prefix: Text = ""
    key_format: KeyFormat = Format.DEFAULT
    tier: Text = Field(default="", description="A tier's name.")
    default_expiry_days: Days = None
    longest_expiry_days: Days = None
    may_never_expire: bool = True


class OrganisationQuery(PageQuery):
    q: str = Field(default="", max_length=120, description="Part of a name.")


@router.get("/organisations", response=list[OrganisationOut], url_name="organisations")
def list_(request: HttpRequest, response: HttpResponse, query: Query[OrganisationQuery]) -> Any:
    """Organisations, by name."""
    rows = _readable(actor_of(request)).filter(name__icontains=query.q)
    return listed(request, response, rows, BY_NAME, query, OrganisationOut.of)


@router.post("/organisations", response={201: OrganisationOut}, url_name="organisations")
def create(request: HttpRequest, response: HttpResponse, new: NewOrganisation = FromBody(...)) -> Any:  # noqa: B008
    """Make an organisation."""
    actor = actor_of(request)
    made = organisations.create(actor=actor, **_values(new))
    response["Location"] = f"{request.path}/{made.id}"
    return Status(201, _told(actor, made.id))


@router.get("/organisations/{uuid:organisation}", response=OrganisationOut, url_name="organisation")
def view(request: HttpRequest, organisation: UUID) -> Any:
    """One organisation."""
    return _told(actor_of(request), organisation)


@router.patch("/organisations/{uuid:organisation}", response=OrganisationOut, url_name="organisation")
def edit(request: HttpRequest, organisation: UUID, changed: ChangedOrganisation = FromBody(...)) -> Any:  # noqa: B008
    """Change what is given."""
    actor = actor_of(request)
    _told(actor, organisation)
    organisations.edit(actor=actor, organisation=organisation, **_values(changed))
    return _told(actor, organisation)


@router.post("/organisations/{uuid:organisation}/disable", response=OrganisationOut, url_name="disable-organisation")
def disable(request: HttpRequest, organisation: UUID, why: Reasoned = FromBody(Reasoned())) -> Any:  # noqa: B008
    """Pause every key of the organisation at once."""
    actor = actor_of(request)
    organisations.disable(actor=actor, organisation=organisation, reason=why.reason)
    return _told(actor, organisation)


@router.post("/organisations/{uuid:organisation}/enable", response=OrganisationOut, url_name="enable-organisation")
def enable(request: HttpRequest, organisation: UUID, why: Reasoned = FromBody(Reasoned())) -> Any:  # noqa: B008
    """Bring its keys back."""
    actor = actor_of(request)
    organisations.enable(actor=actor, organisation=organisation, reason=why.reason)
    return _told(actor, organisation)


def _readable(actor: Actor) -> Any:
    return Organisation.objects.visible_to(actor).select_related("default_tier")


def _told(actor: Actor, organisation: UUID) -> OrganisationOut:
    return OrganisationOut.of(one(_readable(actor), id=organisation))


def _values(body: NewOrganisation | ChangedOrganisation) -> dict[str, Any]:
    values = given(body)
    if values.pop("tier", ""):
        values["tier"] = tier_named(body.tier)
        if values["tier"] is None:
            raise Invalid({"tier": ["There is no tier of this name."]})
    if "key_format" in values:
        values["key_format"] = values["key_format"].value
    return values
