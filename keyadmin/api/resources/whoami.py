"""`GET /api/whoami`: the caller of the request. It is a test for a new key or token."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Router
from pydantic import BaseModel, Field

from keyadmin.api import openapi
from keyadmin.api.auth import ApiRequest
from keyadmin.api.schemas import BotName, OrganisationName, PersonName, RoleOut
from keyadmin.core.callers import Caller
from keyadmin.models import KeyKind, Membership, Person, SystemRole

router = Router(tags=["Who am I"])


class TierUsage(BaseModel):
    name: str = Field(examples=["Standard"])
    hourly_limit: int = Field(examples=[1000])
    remaining: int = Field(description="Calls left in this rolling hour.", examples=[588])


class CallingKey(BaseModel):
    id: UUID
    key_id: str | None = Field(examples=["kad_a1b2c3d4e5f6a7b8"])
    name: str = Field(examples=["CRM integration"])
    kind: KeyKind = Field(examples=["bot"])
    organisation: OrganisationName
    bot: BotName | None
    expires_at: datetime | None = Field(
        description="When the credential of this call stops working. During the grace period of a replaced secret: "
        "the end of that period. null: never."
    )
    scopes: list[str] = Field(examples=[["chats:read"]])
    tier: TierUsage
    on_behalf_of: PersonName | None


class CallingPerson(BaseModel):
    id: UUID
    kind: Literal["person"] = "person"
    name: str = Field(examples=["Jonas Lind"])
    email: str = Field(examples=["jonas@northwind.example"])
    system_role: SystemRole | Literal[""]
    roles: list[RoleOut]


@router.get("/whoami", url_name="whoami", **openapi.whoami(CallingKey | CallingPerson))
def whoami(request: ApiRequest) -> CallingKey | CallingPerson:
    """Show the caller: a key with its scopes and remaining calls, or a person with their roles."""
    caller = request.auth
    return _calling_key(caller) if isinstance(caller, Caller) else _calling_person(caller.id)


def _calling_key(caller: Caller) -> CallingKey:
    key, person = caller.key, caller.on_behalf_of
    return CallingKey(
        id=key.id,
        key_id=key.key_id,
        name=key.name,
        kind=KeyKind(key.kind),
        organisation=OrganisationName.of_key(key),
        bot=BotName.of_key(key),
        expires_at=caller.expires_at,
        scopes=sorted(caller.scopes),
        tier=TierUsage(name=key.tier, hourly_limit=key.limit, remaining=caller.quota.remaining),
        on_behalf_of=PersonName.of(person) if person else None,
    )


def _calling_person(person_id: UUID | None) -> CallingPerson:
    person = Person.objects.get(id=person_id)
    memberships = (
        Membership.objects.filter(person=person).select_related("organisation").order_by("organisation__name", "id")
    )
    return CallingPerson(
        id=person.id,
        name=person.name,
        email=person.email,
        system_role=person.system_role,
        roles=[RoleOut(organisation=OrganisationName.of(row.organisation), role=row.role) for row in memberships],
    )
