"""`/api/organisations`: the tenants, and the rules for their keys."""

from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Self
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router, Status
from pydantic import BaseModel, Field

from keyadmin.api import idempotency, openapi
from keyadmin.api.auth import ApiRequest, actor_of
from keyadmin.api.crud import expected_revision, find_tier, get_or_404, render, render_page
from keyadmin.api.schemas import NO_REASON, Body, PageQuery, ReasonIn, Revision, Text, TierName
from keyadmin.core.actors import Actor
from keyadmin.core.errors import InvalidInputError, NoChangesError
from keyadmin.core.tokens import KeyFormat
from keyadmin.models import Organisation, paging
from keyadmin.models.organisation import USAGE_RETENTION_DAYS
from keyadmin.operations import organisations

router = Router(tags=["Organisations"])

Days = Annotated[int | None, Field(ge=1, le=36_500)]
KeyFormatInput = Annotated[KeyFormat, Field(strict=False)]


class OrganisationOut(BaseModel):
    id: UUID
    slug: str = Field(examples=["northwind"])
    name: str = Field(examples=["Northwind"])
    is_active: bool = Field(description="false: all keys of the organisation are paused.", examples=[True])
    key_prefix: str = Field(examples=["kad"])
    key_format: KeyFormat
    tier: TierName = Field(description="The default tier of new keys.")
    default_expiry_days: int | None = Field(
        description="Days until expiry that pages propose for a new key. null: never.", examples=[90]
    )
    max_expiry_days: int | None = Field(
        description="Maximum lifetime of a key in days. null: no limit.", examples=[365]
    )
    may_never_expire: bool = Field(description="Whether keys without an expiry are allowed.", examples=[False])
    usage_retention_days: int = Field(description="Days for which usage is kept.", examples=[400])
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
    slug: Text = Field(default="", description="Absent: derived from the name.", examples=["fabrikam"])
    key_prefix: Text = Field(default="kad", description="2 to 12 lower-case letters and digits.", examples=["fab"])
    key_format: KeyFormatInput = KeyFormat.DEFAULT
    tier: Text = Field(default="", description="The name of a tier. Absent: the one with the lowest limit.")


class ChangedOrganisation(Body):
    """Fields that are not sent do not change. New rules apply to keys that are created or edited later."""

    name: Text = Field(default="", examples=["Fabrikam"])
    key_prefix: Text = ""
    key_format: KeyFormatInput = KeyFormat.DEFAULT
    tier: Text = Field(default="", description="The name of a tier.")
    default_expiry_days: Days = None
    max_expiry_days: Days = None
    may_never_expire: bool = True
    usage_retention_days: int = Field(
        default=400, ge=USAGE_RETENTION_DAYS[0], le=USAGE_RETENTION_DAYS[1], description="Days for which usage is kept."
    )


class OrganisationQuery(PageQuery):
    q: str = Field(default="", max_length=120, description="Part of a name.")


@router.get("/organisations", url_name="organisations", **openapi.page(OrganisationOut, scope="keys:read"))
def list_(request: ApiRequest, response: HttpResponse, query: Query[OrganisationQuery]) -> list[OrganisationOut]:
    """List organisations by name."""
    rows = _readable(actor_of(request)).search(query.q)
    return render_page(request, response, rows, paging.BY_NAME, query, OrganisationOut.of)


@router.post(
    "/organisations",
    url_name="organisations",
    **openapi.creation(
        OrganisationOut,
        scope=None,
        links=openapi.links_to(
            "organisation",
            "organisations_view",
            "organisations_edit",
            "organisations_disable",
            "organisations_enable",
        ),
    ),
)
def create(request: ApiRequest, response: HttpResponse, new: NewOrganisation) -> Status[OrganisationOut]:
    """Create an organisation."""
    operation = partial(organisations.create, actor=actor_of(request), **_operation_values(new))
    return idempotency.run_creation(request, response, operation, partial(_render, request, response))


@router.get(
    "/organisations/{uuid:organisation}", url_name="organisation", **openapi.row(OrganisationOut, scope="keys:read")
)
def view(request: ApiRequest, response: HttpResponse, organisation: UUID) -> OrganisationOut:
    """Show an organisation."""
    return _render(request, response, organisation)


@router.patch(
    "/organisations/{uuid:organisation}", url_name="organisation", **openapi.edit(OrganisationOut, scope=None)
)
def edit(
    request: ApiRequest,
    response: HttpResponse,
    organisation: UUID,
    changed: ChangedOrganisation,
) -> OrganisationOut:
    """Edit an organisation."""
    actor, revision = actor_of(request), expected_revision(request)
    get_or_404(_readable(actor), id=organisation)
    with suppress(NoChangesError):
        organisations.edit(actor=actor, organisation=organisation, revision=revision, **_operation_values(changed))
    return _render(request, response, organisation)


@router.post(
    "/organisations/{uuid:organisation}/disable",
    url_name="disable-organisation",
    **openapi.action(OrganisationOut, scope=None),
)
def disable(
    request: ApiRequest,
    response: HttpResponse,
    organisation: UUID,
    body: ReasonIn = NO_REASON,
) -> OrganisationOut:
    """Disable an organisation. All its keys are paused immediately."""
    organisations.disable(actor=actor_of(request), organisation=organisation, reason=body.reason)
    return _render(request, response, organisation)


@router.post(
    "/organisations/{uuid:organisation}/enable",
    url_name="enable-organisation",
    **openapi.action(OrganisationOut, scope=None),
)
def enable(
    request: ApiRequest,
    response: HttpResponse,
    organisation: UUID,
    body: ReasonIn = NO_REASON,
) -> OrganisationOut:
    """Enable an organisation. Its keys work again."""
    organisations.enable(actor=actor_of(request), organisation=organisation, reason=body.reason)
    return _render(request, response, organisation)


def _readable(actor: Actor) -> Any:
    return Organisation.objects.visible_to(actor).select_related("default_tier")


def _render(request: ApiRequest, response: HttpResponse, organisation: Any, created: Any = None) -> OrganisationOut:
    return render(response, _readable(actor_of(request)), OrganisationOut.of, id=organisation)


def _operation_values(body: NewOrganisation | ChangedOrganisation) -> dict[str, Any]:
    values = body.sent_fields()
    if values.pop("tier", ""):
        values["tier"] = find_tier(body.tier)
        if values["tier"] is None:
            raise InvalidInputError({"tier": ["There is no tier with this name."]})
    if "key_format" in values:
        values["key_format"] = values["key_format"].value
    return values
