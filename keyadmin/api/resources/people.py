"""`/api/people`: people, their roles and invitations. Only for people; no key manages people."""

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
from keyadmin.api.auth import ApiRequest, actor_of
from keyadmin.api.crud import expected_revision, get_or_404, organisation_of, render, render_page
from keyadmin.api.schemas import Body, ListQuery, OrganisationName, Revision, RoleOut, Text
from keyadmin.core.actors import Actor
from keyadmin.models import AccountStatus, Organisation, Person, Role, paging
from keyadmin.operations import people
from keyadmin.operations.people import InvitedPerson

router = Router(tags=["People"])

SystemRoleName = Literal["administrator", "auditor", ""]
RoleName = Literal["owner", "auditor", "member", "system-administrator", "system-auditor"]


class RoleIn(Body):
    role: Annotated[Role, Field(strict=False, examples=["member"])]


class PersonOut(BaseModel):
    """`roles` are limited to organisations that the caller may read."""

    id: UUID
    name: str = Field(examples=["Jonas Lind"])
    email: str = Field(examples=["jonas@northwind.example"])
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
            status=row.account_status,
            system_role=row.system_role,
            roles=roles,
            created_at=row.created_at,
            revision=row.revision,
        )


class InvitedOut(BaseModel):
    person: PersonOut
    link: str | None = Field(
        description="Link with which a new person chooses a password, shown once. null: the person exists already."
    )


class ChangedPerson(Body):
    """Fields that are not sent do not change."""

    name: Text = Field(default="", examples=["Sam Reyes"])
    email: Text = ""


class Invitation(Body):
    """Only system administrators may leave out the organisation, or give a system role."""

    email: Text = Field(examples=["new@northwind.example"])
    name: Text = Field(examples=["Sam Reyes"])
    organisation: str = Field(default="", description="A slug.", examples=["northwind"])
    role: Annotated[Role | None, Field(strict=False, examples=["member"])] = None
    system_role: SystemRoleName = ""


class SystemRoleIn(Body):
    system_role: SystemRoleName = Field(description="Empty: none.", examples=["auditor"])


class PeopleQuery(ListQuery):
    q: str = Field(default="", max_length=120, description="Part of a name or email address.")
    status: AccountStatus | None = None
    role: RoleName | None = None


@router.get("/people", url_name="people", **openapi.page(PersonOut, scope=None))
def list_(request: ApiRequest, response: HttpResponse, query: Query[PeopleQuery]) -> Any:
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
            "person",
            "people_view",
            "people_edit",
            "people_link",
            "people_deactivate",
            "people_reactivate",
            "people_system_role",
            pointer="person/id",
        ),
    ),
)
def invite(request: ApiRequest, response: HttpResponse, new: Invitation) -> Any:
    """Invite a person. An existing person gets the role. Only the first response to an Idempotency-Key has the link."""
    owner = organisation_of(request, new.organisation).id if new.organisation else None
    operation = partial(
        people.invite,
        actor=actor_of(request),
        email=new.email,
        name=new.name,
        organisation=owner,
        role=new.role or "",
        system_role=new.system_role,
    )
    return idempotency.run_creation(request, response, operation, partial(_render_invited, request, response))


@router.get("/people/{uuid:person}", url_name="person", **openapi.row(PersonOut, scope=None))
def view(request: ApiRequest, response: HttpResponse, person: UUID) -> Any:
    """Show a person."""
    return _render(request, response, person)


@router.patch("/people/{uuid:person}", url_name="person", **openapi.edit(PersonOut, scope=None))
def edit(request: ApiRequest, response: HttpResponse, person: UUID, changed: ChangedPerson) -> Any:
    """Edit a person."""
    actor, revision = _actor_who_sees(request, person), expected_revision(request)
    people.edit(actor=actor, person=person, revision=revision, **changed.sent_fields())
    return _render(request, response, person)


@router.post(
    "/people/{uuid:person}/link", url_name="person-link", **openapi.action(InvitedOut, scope=None, is_idempotent=True)
)
def link(request: ApiRequest, response: HttpResponse, person: UUID) -> Any:
    """Create a link to choose a password. It replaces earlier links and is shown once."""
    operation = partial(people.create_password_link, actor=_actor_who_sees(request, person), person=person)
    return idempotency.run(request, operation, partial(_render_invited, request, response))


@router.post("/people/{uuid:person}/deactivate", url_name="deactivate", **openapi.action(None, scope=None))
def deactivate(request: ApiRequest, person: UUID) -> Any:
    """Deactivate a person. They are signed out immediately. Keys that inherit from them lose their permissions."""
    people.deactivate(actor=_actor_who_sees(request, person), person=person)
    return Status(204, None)


@router.post("/people/{uuid:person}/reactivate", url_name="reactivate-person", **openapi.action(None, scope=None))
def reactivate(request: ApiRequest, person: UUID) -> Any:
    """Reactivate a person, with the roles they had."""
    people.reactivate(actor=_actor_who_sees(request, person), person=person)
    return Status(204, None)


@router.put("/people/{uuid:person}/system-role", url_name="system-role", **openapi.edit(None, scope=None))
def system_role(request: ApiRequest, person: UUID, body: SystemRoleIn) -> Any:
    """Set the system role; empty removes it. The role of the last administrator cannot be removed."""
    actor, revision = _actor_who_sees(request, person), expected_revision(request)
    people.set_system_role(actor=actor, person=person, system_role=body.system_role, revision=revision)
    return Status(204, None)


@router.put("/people/{uuid:person}/roles/{uuid:organisation}", url_name="role", **openapi.edit(None, scope=None))
def role(request: ApiRequest, person: UUID, organisation: UUID, body: RoleIn) -> Any:
    """Set the role in the organisation. It replaces any other."""
    actor, revision = _actor_who_sees(request, person), expected_revision(request)
    people.set_role(actor=actor, person=person, organisation=organisation, role=body.role, revision=revision)
    return Status(204, None)


@router.delete("/people/{uuid:person}/roles/{uuid:organisation}", url_name="role", **openapi.edit(None, scope=None))
def remove_role(request: ApiRequest, person: UUID, organisation: UUID) -> Any:
    """Remove the person from the organisation."""
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


@sensitive_variables("invited", "path")
def _render_invited(
    request: ApiRequest, response: HttpResponse, person: str, invited: InvitedPerson | None
) -> InvitedOut:
    path = reverse("choose_password", args=[invited.token]) if invited and invited.token else None
    return InvitedOut(person=_render(request, response, person), link=path and request.build_absolute_uri(path))
