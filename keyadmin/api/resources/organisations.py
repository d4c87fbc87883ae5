"""`/api/organisations`: the tenants, and the rules their keys are made by."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Self
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Body as FromBody
from ninja import Query, Router
from pydantic import BaseModel, Field

from keyadmin.api import headers, idempotency
from keyadmin.api.bodies import Body
from keyadmin.api.callers import actor_of
from keyadmin.api.crud import (
    BY_NAME,
    Reasoned,
    Text,
    given,
    listed,
    one,
    told,
)
from keyadmin.api.filters import PageQuery
from keyadmin.api.schemas import Revision, TierName
from keyadmin.api.text import tier_named
from keyadmin.core.actors import Actor
from keyadmin.core.errors import InvalidInputError
from keyadmin.core.tokens import Format
from keyadmin.models import Organisation
from keyadmin.models.organisation import USAGE_RETENTION_DAYS
from keyadmin.operations import organisations

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
    max_expiry_days: int | None
    may_never_expire: bool
    usage_retention_days: int = Field(description="How long usage is kept.")
    created_at: datetime
    revision: Revision

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(
            id=row.id,
            slug=row.slug,
            name=row.name,
            is_active=row.is_active,
            key_prefix=row.key_prefix,
            key_format=row.key_format,
            tier=TierName.of(row.default_tier),
            revision=row.revision,
            default_expiry_days=row.default_expiry_days,
            max_expiry_days=row.max_expiry_days,
            may_never_expire=row.may_never_expire,
            usage_retention_days=row.usage_retention_days,
            created_at=row.created_at,
        )


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
    max_expiry_days: Days = None
    may_never_expire: bool = True
    usage_retention_days: int = Field(
        default=400, ge=USAGE_RETENTION_DAYS[0], le=USAGE_RETENTION_DAYS[1], description="How long usage is kept."
    )


class OrganisationQuery(PageQuery):
    q: str = Field(default="", max_length=120, description="Part of a name.")


@router.get("/organisations", response=list[OrganisationOut], url_name="organisations")
def list_(request: HttpRequest, response: HttpResponse, query: Query[OrganisationQuery]) -> Any:
    """Organisations, by name."""
    rows = _readable(actor_of(request)).filter(name__icontains=query.q)
    return listed(request, response, rows, BY_NAME, query, OrganisationOut.of)


@router.post("/organisations", response={201: OrganisationOut, 200: OrganisationOut}, url_name="organisations")
def create(request: HttpRequest, response: HttpResponse, new: NewOrganisation = FromBody(...)) -> Any:  # noqa: B008
    """Make an organisation."""
    act = partial(organisations.create, actor=actor_of(request), **_values(new))
    return idempotency.created(request, response, act, partial(_told, request, response))


@router.get("/organisations/{uuid:organisation}", response=OrganisationOut, url_name="organisation")
def view(request: HttpRequest, response: HttpResponse, organisation: UUID) -> Any:
    """One organisation."""
    return _told(request, response, organisation)


@router.patch("/organisations/{uuid:organisation}", response=OrganisationOut, url_name="organisation")
def edit(
    request: HttpRequest,
    response: HttpResponse,
    organisation: UUID,
    changed: ChangedOrganisation = FromBody(...),  # noqa: B008
) -> Any:
    """Change what is given."""
    actor, revision = actor_of(request), headers.revision(request)
    one(_readable(actor), id=organisation)
    organisations.edit(actor=actor, organisation=organisation, revision=revision, **_values(changed))
    return _told(request, response, organisation)


@router.post("/organisations/{uuid:organisation}/disable", response=OrganisationOut, url_name="disable-organisation")
def disable(
    request: HttpRequest,
    response: HttpResponse,
    organisation: UUID,
    why: Reasoned = FromBody(Reasoned()),  # noqa: B008
) -> Any:
    """Pause every key of the organisation at once."""
    organisations.disable(actor=actor_of(request), organisation=organisation, reason=why.reason)
    return _told(request, response, organisation)


@router.post("/organisations/{uuid:organisation}/enable", response=OrganisationOut, url_name="enable-organisation")
def enable(
    request: HttpRequest,
    response: HttpResponse,
    organisation: UUID,
    why: Reasoned = FromBody(Reasoned()),  # noqa: B008
) -> Any:
    """Bring its keys back."""
    organisations.enable(actor=actor_of(request), organisation=organisation, reason=why.reason)
    return _told(request, response, organisation)


def _readable(actor: Actor) -> Any:
    return Organisation.objects.visible_to(actor).select_related("default_tier")


def _told(request: HttpRequest, response: HttpResponse, organisation: Any, made: Any = None) -> OrganisationOut:
    return told(response, _readable(actor_of(request)), OrganisationOut.of, id=organisation)


def _values(body: NewOrganisation | ChangedOrganisation) -> dict[str, Any]:
    values = given(body)
    if values.pop("tier", ""):
        values["tier"] = tier_named(body.tier)
        if values["tier"] is None:
            raise InvalidInputError({"tier": ["There is no tier of this name."]})
    if "key_format" in values:
        values["key_format"] = values["key_format"].value
    return values
