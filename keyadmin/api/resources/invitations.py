"""`/api/invitations`: invitations that were not accepted yet. Only for people."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.debug import sensitive_variables
from ninja import Query, Router, Status
from pydantic import BaseModel, Field

from keyadmin.api import idempotency, openapi
from keyadmin.api.auth import ApiRequest, actor_of, link_url, site_url
from keyadmin.api.crud import filter_by_org, get_or_404, render_page
from keyadmin.api.schemas import Body, ListQuery, OrganisationName, Text
from keyadmin.core.actors import Actor
from keyadmin.models import Invitation, Person, Role, paging
from keyadmin.operations.people import invitations
from keyadmin.operations.people.invitations import MadeInvitation

router = Router(tags=["Invitations"])

SystemRoleName = Literal["administrator", "auditor", ""]


class InvitationIn(Body):
    """Only system administrators may leave out the organisation, or give a system role."""

    email: Text = Field(examples=["new@northwind.example"])
    name: Text = Field(examples=["Sam Reyes"])
    organisation: str = Field(default="", description="A slug.", examples=["northwind"])
    role: Annotated[Role | None, Field(strict=False, examples=["member"])] = None
    system_role: SystemRoleName = ""


class InvitationOut(BaseModel):
    """It looks the same whether the address has an account or not. `name` is as the inviter typed it."""

    id: UUID
    email: str = Field(examples=["new@northwind.example"])
    name: str = Field(examples=["Sam Reyes"])
    organisation: OrganisationName | None
    role: Role | None
    system_role: SystemRoleName
    invited_by: str = Field(examples=["Jonas Lind"])
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(
            id=row.id,
            email=row.email,
            name=row.name,
            organisation=OrganisationName.of(row.organisation) if row.organisation else None,
            role=row.role or None,
            system_role=row.system_role,
            invited_by=row.maker_label,
            created_at=row.created_at,
            expires_at=row.expires_at,
        )


class InvitedOut(BaseModel):
    invitation: InvitationOut
    link: str | None = Field(
        description="Link by which the invited person chooses a password, shown once. null: it is only mailed to them.",
        examples=["https://keys.example.com/welcome/…"],
    )


@router.get("/invitations", url_name="invitations", **openapi.page(InvitationOut, scope=None))
def list_(request: ApiRequest, response: HttpResponse, query: Query[ListQuery]) -> list[InvitationOut]:
    """List open invitations by name: those of organisations that the caller may read."""
    rows = filter_by_org(request, _readable(actor_of(request)), query.organisation)
    return render_page(request, response, rows, paging.BY_NAME, query, InvitationOut.of)


@router.get("/invitations/own", url_name="own-invitations", **openapi.row(list[InvitationOut], scope=None))
def own(request: ApiRequest) -> list[InvitationOut]:
    """List the invitations that the caller can accept. There are none without a verified email address."""
    person = get_or_404(Person.objects.all(), id=actor_of(request).id)
    return [InvitationOut.of(row) for row in invitations.of_person(person)]


@router.get("/invitations/{uuid:invitation}", url_name="invitation", **openapi.row(InvitationOut, scope=None))
def view(request: ApiRequest, invitation: UUID) -> InvitationOut:
    """Show an invitation."""
    return InvitationOut.of(get_or_404(_readable(actor_of(request)), id=invitation))


@router.post(
    "/invitations/{uuid:invitation}/link",
    url_name="invitation-link",
    **openapi.action(InvitedOut, scope=None, is_idempotent=True),
)
def renew(request: ApiRequest, invitation: UUID) -> InvitedOut:
    """Create a new link of the invitation. Earlier links end."""
    actor = _actor_who_sees(request, invitation)
    operation = partial(invitations.renew, actor=actor, invitation=invitation, base_url=site_url(request))
    return idempotency.run(request, operation, partial(render_invited, request))


@router.delete("/invitations/{uuid:invitation}", url_name="invitation", **openapi.action(None, scope=None))
def withdraw(request: ApiRequest, invitation: UUID) -> Status[None]:
    """Withdraw an invitation. Its links end."""
    invitations.withdraw(actor=_actor_who_sees(request, invitation), invitation=invitation)
    return Status(204, None)


@router.post("/invitations/{uuid:invitation}/accept", url_name="accept-invitation", **openapi.action(None, scope=None))
def accept(request: ApiRequest, invitation: UUID) -> Status[None]:
    """Accept an invitation of the caller."""
    invitations.accept(actor=actor_of(request), invitation=invitation)
    return Status(204, None)


@router.post(
    "/invitations/{uuid:invitation}/decline", url_name="decline-invitation", **openapi.action(None, scope=None)
)
def decline(request: ApiRequest, invitation: UUID) -> Status[None]:
    """Decline an invitation of the caller."""
    invitations.decline(actor=actor_of(request), invitation=invitation)
    return Status(204, None)


def _readable(actor: Actor) -> Any:
    return Invitation.objects.visible_to(actor).open().select_related("organisation")


def _actor_who_sees(request: ApiRequest, invitation: UUID) -> Actor:
    """Return the caller, if it may see the invitation. Raises NotFoundError."""
    actor = actor_of(request)
    get_or_404(Invitation.objects.visible_to(actor), id=invitation)
    return actor


@sensitive_variables("made")
def render_invited(request: ApiRequest, invitation: str, made: MadeInvitation | None) -> InvitedOut:
    row = get_or_404(Invitation.objects.visible_to(actor_of(request)).select_related("organisation"), id=invitation)
    return InvitedOut(invitation=InvitationOut.of(row), link=link_url(request, made.token if made else ""))
