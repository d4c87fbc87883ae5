"""`/api/people`: people, their roles and password links. Only for people; no key manages people."""

from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from ninja import Query, Router, Status
from pydantic import BaseModel, Field

from keyadmin.api import idempotency, openapi
from keyadmin.api.auth import ApiRequest, actor_of, link_url, site_url
from keyadmin.api.crud import expected_revision, get_or_404, organisation_of, render, render_page
from keyadmin.api.resources.invitations import InvitationIn, InvitedOut, SystemRoleName, render_invited
from keyadmin.api.schemas import Body, ListQuery, OrganisationName, Revision, RoleOut, Text
from keyadmin.core.actors import Actor
from keyadmin.core.errors import NoChangesError
from keyadmin.models import AccountStatus, LinkPurpose, Organisation, PasswordLink, Person, Role, paging
from keyadmin.operations import people
from keyadmin.operations.people import MadeLink, invitations, rows
from keyadmin.operations.people import links as people_links

router = Router(tags=["People"])

RoleName = Literal["owner", "auditor", "member", "system-administrator", "system-auditor"]


class RoleIn(Body):
    role: Annotated[Role, Field(strict=False, examples=["member"])]


class PersonOut(BaseModel):
    """`roles` are limited to organisations that the caller may read."""

    id: UUID
    name: str = Field(examples=["Jonas Lind"])
    email: str = Field(examples=["jonas@northwind.example"])
    email_verified: bool = Field(
        description="Whether a link that was mailed to this address was used.", examples=[True]
    )
    status: AccountStatus
    system_role: SystemRoleName
    roles: list[RoleOut]
    created_at: datetime
    revision: Revision

    @classmethod
    def of(cls, row: Any) -> Self:
        roles = [
            RoleOut(organisation=OrganisationName.of(each.organisation), role=each.role)
            for each in row.visible_memberships
        ]
        return cls(
            id=row.id,
            name=row.name,
            email=row.email,
            email_verified=row.is_email_verified,
            status=row.account_status,
            system_role=row.system_role,
            roles=roles,
            created_at=row.created_at,
            revision=row.revision,
        )


class LinkedOut(BaseModel):
    person: PersonOut
    link: str | None = Field(
        description="Link by which the person chooses a password, shown once. null: it is only mailed to them.",
        examples=["https://keys.example.com/welcome/…"],
    )


class OpenLink(BaseModel):
    id: UUID
    purpose: LinkPurpose
    created_by: str = Field(description="Empty: the person requested it.", examples=["Jonas Lind"])
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, row: PasswordLink) -> Self:
        return cls(
            id=row.id,
            purpose=LinkPurpose(row.purpose),
            created_by=row.maker_label,
            created_at=row.created_at,
            expires_at=row.expires_at,
        )


class ChangedPerson(Body):
    """Fields that are not sent do not change."""

    name: Text = Field(default="", examples=["Sam Reyes"])
    email: Text = ""


class SystemRoleIn(Body):
    system_role: SystemRoleName = Field(description="Empty: none.", examples=["auditor"])


class PeopleQuery(ListQuery):
    q: str = Field(default="", max_length=120, description="Part of a name or email address.")
    status: AccountStatus | None = None
    role: RoleName | None = None


@router.get("/people", url_name="people", **openapi.page(PersonOut, scope=None))
def list_(request: ApiRequest, response: HttpResponse, query: Query[PeopleQuery]) -> list[PersonOut]:
    """List people by name."""
    actor = actor_of(request)
    rows = _readable(actor).search(query.q)
    organisation = organisation_of(request, query.organisation) if query.organisation else None
    if organisation:
        rows = rows.in_organisation(organisation.id)
    role = query.role or ""
    if role.startswith("system-"):
        rows = rows.with_system_role(role.removeprefix("system-"))
    elif role:
        rows = rows.with_role(actor, role, organisation.id if organisation else None)
    if query.status:
        rows = rows.filter(account_status_now=query.status)
    return render_page(request, response, rows, paging.BY_NAME, query, PersonOut.of)


@router.post(
    "/people",
    url_name="people",
    **openapi.creation(
        InvitedOut,
        scope=None,
        links=openapi.links_to(
            "invitation",
            *(f"invitations_{action}" for action in ("view", "renew", "withdraw", "accept", "decline")),
            pointer="invitation/id",
        ),
    ),
)
def invite(request: ApiRequest, response: HttpResponse, new: InvitationIn) -> Status[InvitedOut]:
    """Invite a person. They have the role when they accept. Only the first response to an Idempotency-Key has the link.

    The response is the same whether the address has an account or not.
    """
    owner = organisation_of(request, new.organisation).id if new.organisation else None
    operation = partial(
        invitations.invite,
        actor=actor_of(request),
        email=new.email,
        name=new.name,
        organisation=owner,
        role=new.role or "",
        system_role=new.system_role,
        base_url=site_url(request),
    )
    render = partial(render_invited, request)
    return idempotency.run_creation(request, response, operation, render, collection=reverse("api:invitations"))


@router.get("/people/{uuid:person}", url_name="person", **openapi.row(PersonOut, scope=None))
def view(request: ApiRequest, response: HttpResponse, person: UUID) -> PersonOut:
    """Show a person."""
    return _render(request, response, person)


@router.patch("/people/{uuid:person}", url_name="person", **openapi.edit(PersonOut, scope=None))
def edit(request: ApiRequest, response: HttpResponse, person: UUID, changed: ChangedPerson) -> PersonOut:
    """Edit a person.

    If an owner changes the email, a link is mailed to the new address. The email changes when the link is used.
    """
    actor, revision = _actor_who_sees(request, person), expected_revision(request)
    with suppress(NoChangesError):
        people.edit(actor=actor, person=person, revision=revision, base_url=site_url(request), **changed.sent_fields())
    return _render(request, response, person)


@router.post(
    "/people/{uuid:person}/link", url_name="person-link", **openapi.action(LinkedOut, scope=None, is_idempotent=True)
)
def link(request: ApiRequest, response: HttpResponse, person: UUID) -> LinkedOut:
    """Create a link to choose a password. It replaces earlier ones and is mailed to the person.

    The response has the link only if the person has a lower role than the caller and no other organisation.
    """
    actor = _actor_who_sees(request, person)
    operation = partial(people.create_password_link, actor=actor, person=person, base_url=site_url(request))
    return idempotency.run(request, operation, partial(_render_link, request, response))


@router.get("/people/{uuid:person}/links", url_name="person-links", **openapi.row(list[OpenLink], scope=None))
def links(request: ApiRequest, person: UUID) -> list[OpenLink]:
    """List the open links of a person. Only for callers who may end them."""
    actor = _actor_who_sees(request, person)
    row = get_or_404(_readable(actor), id=person)
    rows.require_authority_over(actor, row)
    return [OpenLink.of(each) for each in people_links.open_links(row)]


@router.delete(
    "/people/{uuid:person}/links/{uuid:link_id}", url_name="person-end-link", **openapi.action(None, scope=None)
)
def end_link(request: ApiRequest, person: UUID, link_id: UUID) -> Status[None]:
    """End an open link."""
    people.end_link(actor=_actor_who_sees(request, person), person=person, link=link_id)
    return Status(204, None)


@router.post(
    "/people/{uuid:person}/verify-email",
    url_name="person-verify-email",
    **openapi.action(LinkedOut, scope=None, is_idempotent=True),
)
def verify_email(request: ApiRequest, response: HttpResponse, person: UUID) -> LinkedOut:
    """Mark the email address as verified. Earlier passwords, sessions and links of the person end."""
    actor = _actor_who_sees(request, person)
    operation = partial(people.verify_email, actor=actor, person=person, base_url=site_url(request))
    return idempotency.run(request, operation, partial(_render_link, request, response))


@router.post("/people/{uuid:person}/deactivate", url_name="deactivate", **openapi.action(None, scope=None))
def deactivate(request: ApiRequest, person: UUID) -> Status[None]:
    """Deactivate a person. They are signed out immediately. Keys that inherit from them lose their permissions."""
    people.deactivate(actor=_actor_who_sees(request, person), person=person)
    return Status(204, None)


@router.post("/people/{uuid:person}/reactivate", url_name="reactivate-person", **openapi.action(None, scope=None))
def reactivate(request: ApiRequest, person: UUID) -> Status[None]:
    """Reactivate a person, with the roles they had."""
    people.reactivate(actor=_actor_who_sees(request, person), person=person)
    return Status(204, None)


@router.put("/people/{uuid:person}/system-role", url_name="system-role", **openapi.edit(None, scope=None))
def system_role(request: ApiRequest, person: UUID, body: SystemRoleIn) -> Status[None]:
    """Set the system role; empty removes it. It needs a verified address. The last administrator keeps theirs."""
    actor, revision = _actor_who_sees(request, person), expected_revision(request)
    with suppress(NoChangesError):
        people.set_system_role(actor=actor, person=person, system_role=body.system_role, revision=revision)
    return Status(204, None)


@router.put("/people/{uuid:person}/roles/{uuid:organisation}", url_name="role", **openapi.edit(None, scope=None))
def role(request: ApiRequest, person: UUID, organisation: UUID, body: RoleIn) -> Status[None]:
    """Set the role of a person who belongs to the organisation. People join by an invitation."""
    actor, revision = _actor_who_sees(request, person), expected_revision(request)
    with suppress(NoChangesError):
        people.set_role(actor=actor, person=person, organisation=organisation, role=body.role, revision=revision)
    return Status(204, None)


@router.delete("/people/{uuid:person}/roles/{uuid:organisation}", url_name="role", **openapi.edit(None, scope=None))
def remove_role(request: ApiRequest, person: UUID, organisation: UUID) -> Status[None]:
    """Remove the person from the organisation. Callers may remove themselves."""
    actor, revision = _actor_who_sees(request, person), expected_revision(request)
    people.remove_role(actor=actor, person=person, organisation=organisation, revision=revision)
    return Status(204, None)


def _readable(actor: Actor) -> Any:
    """The people whom the actor may see. As on pages, an actor that may read no organisation sees no people."""
    rows: Any = Person.objects.visible_to(actor).with_account_status().with_memberships_visible_to(actor)
    return rows if Organisation.objects.visible_to(actor).exists() else rows.none()


def _render(request: ApiRequest, response: HttpResponse, person: Any) -> PersonOut:
    return render(response, _readable(actor_of(request)), PersonOut.of, id=person)


def _actor_who_sees(request: ApiRequest, person: UUID) -> Actor:
    """Return the caller, if it may see the person. Raises NotFoundError."""
    actor = actor_of(request)
    get_or_404(_readable(actor), id=person)
    return actor


@sensitive_variables("made", "path")
def _render_link(request: ApiRequest, response: HttpResponse, person: str, made: MadeLink | None) -> LinkedOut:
    return LinkedOut(person=_render(request, response, person), link=link_url(request, made.token if made else ""))
