"""One table, and what every standing meets at every operation."""

from collections.abc import Callable

import pytest

from keyadmin.core.actors import Actor, ActorKind, Interface
from keyadmin.core.errors import ForbiddenError, NotFoundError, OperationError
from keyadmin.models import Organisation, Person, Role, SystemRole
from keyadmin.operations import policy
from keyadmin.operations.policy import Permission, PrincipalRole
from tests.factories import OPERATOR, BotFactory, KeyFactory, PersonFactory, as_actor, member_of
from tests.operations import acts
from tests.operations.looking import dump

SYSTEM = Actor(kind=ActorKind.SYSTEM, id=None, label="system", interface=Interface.BACKGROUND)
WRITER = ("keys:write", "chats:read")

#: Who acts, as made in the world's organisation.
ACTORS: dict[str, Callable[[Organisation], Actor]] = {
    "operator": lambda o: OPERATOR,
    "system": lambda o: SYSTEM,
    "administrator": lambda o: as_actor(PersonFactory(administrator=True)),
    "system auditor": lambda o: as_actor(PersonFactory(auditor=True)),
    "owner": lambda o: as_actor(member_of(o, Role.OWNER)),
    "auditor": lambda o: as_actor(member_of(o, Role.AUDITOR)),
    "member": lambda o: as_actor(member_of(o)),
    "writing key": lambda o: as_actor(KeyFactory(organisation=o, scopes=WRITER)),
    "inheriting key": lambda o: as_actor(KeyFactory(organisation=o, inherits=True, creator=member_of(o, Role.OWNER))),
    "reading key": lambda o: as_actor(KeyFactory(organisation=o, scopes=["keys:read", "history:read"])),
    "ordinary key": lambda o: as_actor(KeyFactory(organisation=o)),
    "revoked writing key": lambda o: as_actor(KeyFactory(organisation=o, scopes=WRITER, revoked=True)),
    "expired writing key": lambda o: as_actor(KeyFactory(organisation=o, scopes=WRITER, expired=True)),
    "paused writing key": lambda o: as_actor(KeyFactory(bot=BotFactory(organisation=o, disabled=True), scopes=WRITER)),
    "another's owner": lambda o: as_actor(member_of(acts.OrganisationFactory(), Role.OWNER)),
    "another's key": lambda o: as_actor(KeyFactory(scopes=WRITER)),
    "deactivated owner": lambda o: as_actor(member_of(o, Role.OWNER, deactivated=True)),
    "deactivated administrator": lambda o: as_actor(PersonFactory(administrator=True, deactivated=True)),
}
EVERYWHERE = {"operator", "system", "administrator"}
SEES_EVERYTHING = EVERYWHERE | {"system auditor"}
OWNING = EVERYWHERE | {"owner"}
WRITING_KEYS = OWNING | {"writing key", "inheriting key"}
READING_KEYS = SEES_EVERYTHING | WRITING_KEYS | {"auditor", "reading key"}
OUTSIDE = {"member", "another's owner", "another's key", "deactivated owner", "deactivated administrator"}


def expected(act: str, who: str) -> type[Exception] | None:
    allowed = WRITING_KEYS if act in acts.KEYS else OWNING if act in acts.OWNERS else EVERYWHERE
    allowed = READING_KEYS if act in acts.READING else allowed
    if who in allowed:
        return None
    if act in acts.SYSTEM:
        return ForbiddenError
    if act in acts.ELSEWHERE:
        return ForbiddenError if who in SEES_EVERYTHING else NotFoundError
    return NotFoundError if who in OUTSIDE else ForbiddenError


ALLOWED = [(act, who) for act in acts.ALL for who in ACTORS if expected(act, who) is None]


@pytest.mark.parametrize(("act", "who"), ALLOWED)
def test_who_may_does(world: acts.World, act: str, who: str) -> None:
    acts.ALL[act](world, ACTORS[who](world.organisation))


@pytest.mark.parametrize("act", acts.ALL)
def test_who_may_not_is_refused_and_nothing_changes(world: acts.World, act: str) -> None:
    refused = {who: expected(act, who) for who in ACTORS if (act, who) not in ALLOWED}
    actors = {who: ACTORS[who](world.organisation) for who in refused}
    before = dump()
    met = {}
    for who, actor in actors.items():
        with pytest.raises(OperationError) as refusal:
            acts.ALL[act](world, actor)
        met[who] = refusal.type
    assert met == refused
    assert dump() == before


READING = {"read_organisation", "read_keys", "read_history", "read_people"}
KEYS = {"issue_keys", "edit_keys", "regenerate_keys", "revoke_keys", "reactivate_keys", "delete_keys"}
MANAGING = {"public_key", "manage_bots", "manage_channels", "edit_organisation", "manage_people"}
MEANT: dict[str, set[str]] = {
    "operator": {permission.value for permission in Permission},
    "administrator": {permission.value for permission in Permission},
    "system auditor": READING,
    "owner": READING | KEYS | MANAGING,
    "auditor": READING,
    "member": set(),
    "writing key": KEYS | {"read_organisation", "read_keys"},
    "reading key": {"read_organisation", "read_keys", "read_history"},
    "ordinary key": set(),
    "revoked writing key": set(),
    "another's owner": set(),
    "another's key": set(),
    "deactivated owner": set(),
}


@pytest.mark.parametrize("who", MEANT)
def test_the_table(northwind: Organisation, who: str) -> None:
    assert policy.permissions(ACTORS[who](northwind), northwind.id) == MEANT[who]


@pytest.mark.parametrize("who", ["owner", "auditor", "member", "writing key"])
def test_outside_organisations_only_system_roles_count(northwind: Organisation, who: str) -> None:
    assert policy.permissions(ACTORS[who](northwind), None) == frozenset()


def test_every_standing_and_permission_is_in_the_table() -> None:
    assert set(policy.TABLE) == set(PrincipalRole)
    assert {permission for row in policy.TABLE.values() for permission in row} == set(Permission)
    assert set(policy._ACTS) == set(Permission)


def test_two_roles_add_up(northwind: Organisation) -> None:
    person = member_of(northwind, Role.OWNER, system_role=SystemRole.AUDITOR)
    assert policy.allows(as_actor(person), Permission.EDIT_KEYS, northwind.id)
    assert policy.allows(as_actor(person), Permission.READ_KEYS, None)


def test_a_refusal_says_who_may(world: acts.World, asha: Person, jonas: Person) -> None:
    with pytest.raises(ForbiddenError) as refused:
        acts.ALL["keys.revoke"](world, as_actor(asha))
    assert refused.value.message == "You don't have permission to revoke this key. Ask an owner of Northwind."
    with pytest.raises(ForbiddenError) as refused:
        acts.ALL["keys.revoke master"](world, as_actor(jonas))
    assert refused.value.message == "You don't have permission to revoke this key. Ask a system administrator."


def test_what_may_be_done_with_a_key(world: acts.World, jonas: Person, maya: Person) -> None:
    owner = as_actor(jonas)
    assert policy.permissions_for_key(owner, world.key) >= {Permission.EDIT_KEYS, Permission.DELETE_KEYS}
    assert policy.permissions_for_key(owner, world.master) & policy._WRITING_KEYS == frozenset()
    assert Permission.READ_KEYS in policy.permissions_for_key(owner, world.master)
    assert Permission.DELETE_KEYS in policy.permissions_for_key(as_actor(maya), world.master)


def test_an_inheriting_key_manages_as_long_as_its_creator_does(northwind: Organisation, jonas: Person) -> None:
    key = as_actor(KeyFactory(organisation=northwind, inherits=True, creator=jonas))
    assert policy.allows(key, Permission.ISSUE_KEYS, northwind.id)
    jonas.memberships.update(role=Role.AUDITOR)
    assert not policy.allows(key, Permission.ISSUE_KEYS, northwind.id)
    assert policy.allows(key, Permission.READ_KEYS, northwind.id)
    jonas.is_active = False
    jonas.save()
    assert policy.permissions(key, northwind.id) == frozenset()


@pytest.mark.parametrize("system_role", ["", *SystemRole.values])
@pytest.mark.parametrize("role", ["", *Role.values])
def test_pages_and_operations_read_roles_alike(northwind: Organisation, system_role: str, role: str) -> None:
    person = member_of(northwind, role, system_role=system_role) if role else PersonFactory(system_role=system_role)
    principal_roles = policy.principal_roles_of(system_role=system_role, role=role)
    assert policy.principal_roles(as_actor(person), northwind.id) == principal_roles
    assert policy.permissions(as_actor(person), northwind.id) == policy.permissions_of(principal_roles)
    assert len(principal_roles) == bool(system_role) + bool(role)
