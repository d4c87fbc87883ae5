"""Who is calling: the first thing to ask with a new key or token."""

from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, Field

from keyadmin.api.callers import person_of
from keyadmin.api.schemas import BotName, OrganisationName
from keyadmin.core.callers import Caller
from keyadmin.models import Kind, Membership, Person, Role, SystemRole

router = Router(tags=["Who am I"])


class Meter(BaseModel):
    name: str = Field(examples=["Standard"])
    hourly_limit: int = Field(examples=[1000])
    remaining: int = Field(description="Calls left in this rolling hour.")


class PersonName(BaseModel):
    id: UUID
    email: str
    name: str


class KeyCalling(BaseModel):
    id: UUID
    key_id: str | None
    name: str
    kind: Kind
    organisation: OrganisationName
    bot: BotName | None
    scopes: list[str]
    tier: Meter
    on_behalf_of: PersonName | None


class RoleHeld(BaseModel):
    organisation: OrganisationName
    role: Role


class PersonCalling(BaseModel):
    id: UUID
    kind: Literal["person"] = "person"
    name: str
    email: str
    system_role: SystemRole | Literal[""]
    roles: list[RoleHeld]


@router.get("/whoami", response=KeyCalling | PersonCalling, url_name="whoami")
def whoami(request: HttpRequest) -> Any:
    """The key, whom it belongs to, what it may do and what remains of its hour, and for whom it acts; or the person
    and their roles.
    """
    person = person_of(request)
    return _person(person.id) if person else _key(request.caller)  # type: ignore[attr-defined]


def _key(caller: Caller) -> KeyCalling:
    key, behalf = caller.key, caller.on_behalf_of
    return KeyCalling(
        id=key.id,
        key_id=key.key_id,
        name=key.name,
        kind=Kind(key.kind),
        organisation=OrganisationName(id=key.organisation_id, slug=key.organisation_slug, name=key.organisation_name),
        bot=BotName(id=key.bot_id, name=key.bot_name or "") if key.bot_id else None,
        scopes=sorted(caller.scopes),
        tier=Meter(name=key.tier, hourly_limit=key.limit, remaining=caller.quota.remaining),
        on_behalf_of=PersonName(id=behalf.id, email=behalf.email, name=behalf.name) if behalf else None,
    )


def _person(identity: UUID | None) -> PersonCalling:
    person = Person.objects.get(id=identity)
    held = Membership.objects.filter(person=person).select_related("organisation").order_by("organisation__name", "id")
    return PersonCalling(
        id=person.id,
        name=person.name,
        email=person.email,
        system_role=person.system_role,
        roles=[RoleHeld(organisation=OrganisationName.of(row.organisation), role=row.role) for row in held],
    )
