"""`/api/people`: who there is, the roles they hold, and their invitations. For people only; no key manages people."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from ninja import Body as FromBody
from ninja import Query, Router, Status
from pydantic import BaseModel, Field

from keyadmin.api import headers, idempotency
from keyadmin.api.bodies import Body
from keyadmin.api.callers import actor_of, organisation_of
from keyadmin.api.crud import (
    BY_NAME,
    Text,
    given,
    listed,
    one,
    told,
)
from keyadmin.api.filters import ListQuery
from keyadmin.api.schemas import OrganisationName, Revision
from keyadmin.core.actors import Actor
from keyadmin.models import AccountStatus, Organisation, Person, Role
from keyadmin.operations import people
from keyadmin.operations.people import Invited

router = Router(tags=["People"])

AnySystemRole = Literal["administrator", "auditor", ""]
AnyRole = Literal["owner", "auditor", "member", "system-administrator", "system-auditor"]


class RoleIn(Body):
    role: Annotated[Role, Field(strict=False, examples=["member"])]


class RoleOut(BaseModel):
    organisation: OrganisationName
    role: Role


class PersonOut(BaseModel):
    """`roles` are those in organisations that the caller may read."""

    id: UUID
    name: str = Field(examples=["Jonas Lind"])
    email: str = Field(examples=["jonas@northwind.example"])
    status: AccountStatus
    system_role: AnySystemRole
    roles: list[RoleOut]
    created_at: datetime
    revision: Revision

    @classmethod
    def of(cls, row: Any) -> Self:
        held = [
            RoleOut(organisation=OrganisationName.of(each.organisation), role=each.role)
            for each in row.visible_memberships
        ]
        return cls(
            id=row.id,
            name=row.name,
            email=row.email,
            status=row.account_status,
            system_role=row.system_role,
            roles=held,
            created_at=row.created_at,
            revision=row.revision,
        )


class InvitedOut(BaseModel):
    person: PersonOut
    link: str | None = Field(
        description="By which somebody new chooses a password, told this once; null for who was here already."
    )


class ChangedPerson(Body):
    """Only what is given is changed."""

    name: Text = Field(default="", examples=["Sam Reyes"])
    email: Text = ""


class Invitation(Body):
    """Into an organisation; only system administrators may leave that out, or give a system role."""

    email: Text = Field(examples=["new@northwind.example"])
    name: Text = Field(examples=["Sam Reyes"])
    organisation: str = Field(default="", description="A slug.", examples=["northwind"])
    role: Annotated[Role | None, Field(strict=False, examples=["member"])] = None
    system_role: AnySystemRole = ""


class SystemRoleIn(Body):
    system_role: AnySystemRole = Field(description="Empty: none.", examples=["auditor"])


class PeopleQuery(ListQuery):
    q: str = Field(default="", max_length=120, description="Part of a name or e-mail address.")
    status: AccountStatus | None = None
    role: AnyRole | None = None


@router.get("/people", response=list[PersonOut], url_name="people")
def list_(request: HttpRequest, response: HttpResponse, query: Query[PeopleQuery]) -> Any:
    """People, by name."""
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
    return listed(request, response, rows, BY_NAME, query, PersonOut.of)


@router.post("/people", response={201: InvitedOut, 200: InvitedOut}, url_name="people")
def invite(request: HttpRequest, response: HttpResponse, new: Invitation = FromBody(...)) -> Any:  # noqa: B008
    """Invite somebody; who is here already gets the role. The link is told once: with a repeated Idempotency-Key no
    more.
    """
    owner = organisation_of(request, new.organisation).id if new.organisation else None
    act = partial(
        people.invite,
        actor=actor_of(request),
        email=new.email,
        name=new.name,
        organisation=owner,
        role=new.role or "",
        system_role=new.system_role,
    )
    return idempotency.created(request, response, act, partial(_invited, request, response))


@router.get("/people/{uuid:person}", response=PersonOut, url_name="person")
def view(request: HttpRequest, response: HttpResponse, person: UUID) -> Any:
    """One person."""
    return _told(request, response, person)


@router.patch("/people/{uuid:person}", response=PersonOut, url_name="person")
def edit(request: HttpRequest, response: HttpResponse, person: UUID, changed: ChangedPerson = FromBody(...)) -> Any:  # noqa: B008
    """Change what is given."""
    actor, revision = _seeing(request, person), headers.revision(request)
    people.edit(actor=actor, person=person, revision=revision, **given(changed))
    return _told(request, response, person)


@router.post("/people/{uuid:person}/link", response=InvitedOut, url_name="person-link")
def link(request: HttpRequest, response: HttpResponse, person: UUID) -> Any:
    """A new link to choose a password by, in place of every earlier one. It is told once."""
    act = partial(people.make_link, actor=_seeing(request, person), person=person)
    return idempotency.done(request, act, partial(_invited, request, response))


@router.post("/people/{uuid:person}/deactivate", response={204: None}, url_name="deactivate")
def deactivate(request: HttpRequest, person: UUID) -> Any:
    """Shut the person out at once; keys that inherit from them may nothing any more."""
    people.deactivate(actor=_seeing(request, person), person=person)
    return Status(204, None)


@router.post("/people/{uuid:person}/reactivate", response={204: None}, url_name="reactivate-person")
def reactivate(request: HttpRequest, person: UUID) -> Any:
    """Let the person in again, with the roles they had."""
    people.reactivate(actor=_seeing(request, person), person=person)
    return Status(204, None)


@router.put("/people/{uuid:person}/system-role", response={204: None}, url_name="system-role")
def system_role(request: HttpRequest, person: UUID, given: SystemRoleIn = FromBody(...)) -> Any:  # noqa: B008
    """Give a system role, or with an empty one none. The last administrator keeps theirs."""
    actor, revision = _seeing(request, person), headers.revision(request)
    people.set_system_role(actor=actor, person=person, system_role=given.system_role, revision=revision)
    return Status(204, None)


@router.put("/people/{uuid:person}/roles/{uuid:organisation}", response={204: None}, url_name="role")
def role(request: HttpRequest, person: UUID, organisation: UUID, given: RoleIn = FromBody(...)) -> Any:  # noqa: B008
    """Give this role in the organisation, in place of any other."""
    actor, revision = _seeing(request, person), headers.revision(request)
    people.set_role(actor=actor, person=person, organisation=organisation, role=given.role, revision=revision)
    return Status(204, None)


@router.delete("/people/{uuid:person}/roles/{uuid:organisation}", response={204: None}, url_name="role")
def remove_role(request: HttpRequest, person: UUID, organisation: UUID) -> Any:
    """Take the person out of the organisation."""
    actor, revision = _seeing(request, person), headers.revision(request)
    people.remove_role(actor=actor, person=person, organisation=organisation, revision=revision)
    return Status(204, None)


def _readable(actor: Actor) -> Any:
    """Nobody for who reads no organisation, not even themselves: as on pages."""
    rows: Any = Person.objects.visible_to(actor).with_account_status().with_memberships_visible_to(actor)
    return rows if Organisation.objects.visible_to(actor).exists() else rows.none()


def _told(request: HttpRequest, response: HttpResponse, person: Any) -> PersonOut:
    return told(response, _readable(actor_of(request)), PersonOut.of, id=person)


def _seeing(request: HttpRequest, person: UUID) -> Actor:
    """The caller, if it sees the person; raises NotFound."""
    actor = actor_of(request)
    one(_readable(actor), id=person)
    return actor


@sensitive_variables("invited", "path")
def _invited(request: HttpRequest, response: HttpResponse, person: str, invited: Invited | None) -> InvitedOut:
    path = reverse("choose_password", args=[invited.token]) if invited and invited.token else None
    return InvitedOut(person=_told(request, response, person), link=path and request.build_absolute_uri(path))
