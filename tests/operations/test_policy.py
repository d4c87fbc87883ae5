"""The permission table, and the outcome of every operation for every kind of actor."""

from collections.abc import Callable

import pytest

from keyadmin.core.actors import Actor, ActorKind, Interface
from keyadmin.core.errors import ForbiddenError, NotFoundError, OperationError
from keyadmin.models import Organisation, Person, Role, SystemRole
from keyadmin.operations import policy
from keyadmin.operations.policy import Permission, PrincipalRole
from tests.factories import OPERATOR, BotFactory, KeyFactory, OrganisationFactory, PersonFactory, as_actor, member_of
from tests.operations import cases
from tests.operations.helpers import dump
from tests.rollback import rolled_back

SYSTEM = Actor(kind=ActorKind.SYSTEM, id=None, label="system", interface=Interface.BACKGROUND)
WRITER = ("keys:write", "chats:read")

#: Each kind of actor, created in the given organisation.
ACTORS: dict[str, Callable[[Organisation], Actor]] = {
    "operator": lambda o: OPERATOR,
    "system": lambda o: SYSTEM,
    "administrator": lambda o: as_actor(PersonFactory.create(administrator=True)),
    "system auditor": lambda o: as_actor(PersonFactory.create(auditor=True)),
    "owner": lambda o: as_actor(member_of(o, Role.OWNER)),
    "auditor": lambda o: as_actor(member_of(o, Role.AUDITOR)),
    "member": lambda o: as_actor(member_of(o)),
    "writing key": lambda o: as_actor(KeyFactory.create(organisation=o, scopes=WRITER)),
    "inheriting key": lambda o: as_actor(
        KeyFactory.create(organisation=o, inherits=True, creator=member_of(o, Role.OWNER))
    ),
    "reading key": lambda o: as_actor(KeyFactory.create(organisation=o, scopes=["keys:read", "history:read"])),
    "ordinary key": lambda o: as_actor(KeyFactory.create(organisation=o)),
    "revoked writing key": lambda o: as_actor(KeyFactory.create(organisation=o, scopes=WRITER, revoked=True)),
    "expired writing key": lambda o: as_actor(KeyFactory.create(organisation=o, scopes=WRITER, expired=True)),
    "paused writing key": lambda o: as_actor(
        KeyFactory.create(bot=BotFactory.create(organisation=o, disabled=True), scopes=WRITER)
    ),
    "another's owner": lambda o: as_actor(member_of(OrganisationFactory.create(), Role.OWNER)),
    "another's key": lambda o: as_actor(KeyFactory.create(scopes=WRITER)),
    "deactivated owner": lambda o: as_actor(member_of(o, Role.OWNER, deactivated=True)),
    "deactivated administrator": lambda o: as_actor(PersonFactory.create(administrator=True, deactivated=True)),
}
EVERYWHERE = {"operator", "system", "administrator"}
SEES_EVERYTHING = EVERYWHERE | {"system auditor"}
OWNING = EVERYWHERE | {"owner"}
WRITING_KEYS = OWNING | {"writing key", "inheriting key"}
READING_KEYS = SEES_EVERYTHING | WRITING_KEYS | {"auditor", "reading key"}
OUTSIDE = {"member", "another's owner", "another's key", "deactivated owner", "deactivated administrator"}


def expected_error(case: str, who: str) -> type[Exception] | None:
    allowed = WRITING_KEYS if case in cases.KEY_CASES else OWNING if case in cases.OWNER_CASES else EVERYWHERE
    allowed = READING_KEYS if case in cases.READER_CASES else allowed
    if who in allowed:
        return None
    if case in cases.SYSTEM_CASES:
        return ForbiddenError
    if case in cases.HIDDEN_ORGANISATION_CASES:
        return ForbiddenError if who in SEES_EVERYTHING else NotFoundError
    return NotFoundError if who in OUTSIDE else ForbiddenError


ALLOWED = [(case, who) for case in cases.ALL_CASES for who in ACTORS if expected_error(case, who) is None]


@pytest.mark.parametrize("case", cases.ALL_CASES)
def test_actors_with_permission_succeed(world: cases.World, case: str) -> None:
    """Each actor starts from the same rows."""
    raised = {}
    for who in ACTORS:
        if (case, who) in ALLOWED:
            with rolled_back():
                try:
                    cases.ALL_CASES[case](world, ACTORS[who](world.organisation))
                except OperationError as error:
                    raised[who] = error
    assert raised == {}


@pytest.mark.parametrize("case", cases.ALL_CASES)
def test_actor_without_permission_is_denied_and_nothing_changes(world: cases.World, case: str) -> None:
    expected = {who: expected_error(case, who) for who in ACTORS if (case, who) not in ALLOWED}
    actors = {who: ACTORS[who](world.organisation) for who in expected}
    before = dump()
    raised = {}
    for who, actor in actors.items():
        with pytest.raises(OperationError) as denial:
            cases.ALL_CASES[case](world, actor)
        raised[who] = denial.type
    assert raised == expected
    assert dump() == before


READING = {"read_organisation", "read_keys", "read_history", "read_people"}
KEYS = {"issue_keys", "edit_keys", "regenerate_keys", "revoke_keys", "reactivate_keys", "delete_keys"}
MANAGING = {"public_key", "manage_bots", "manage_channels", "edit_organisation", "manage_people"}
EXPECTED_PERMISSIONS: dict[str, set[str]] = {
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


@pytest.mark.parametrize("who", EXPECTED_PERMISSIONS)
def test_permissions_of_each_actor_are_as_documented(northwind: Organisation, who: str) -> None:
    assert policy.permissions(ACTORS[who](northwind), northwind.id) == EXPECTED_PERMISSIONS[who]


@pytest.mark.parametrize("who", ["owner", "auditor", "member", "writing key"])
def test_organisation_roles_grant_nothing_in_the_installation(northwind: Organisation, who: str) -> None:
    assert policy.permissions(ACTORS[who](northwind), None) == frozenset()


def test_table_covers_every_role_and_permission() -> None:
    assert set(policy.TABLE) == set(PrincipalRole)
    assert {permission for row in policy.TABLE.values() for permission in row} == set(Permission)
    assert set(policy._DESCRIPTIONS) == set(Permission)


def test_person_with_two_roles_has_the_permissions_of_both(northwind: Organisation) -> None:
    person = member_of(northwind, Role.OWNER, system_role=SystemRole.AUDITOR)
    assert policy.allows(as_actor(person), Permission.EDIT_KEYS, northwind.id)
    assert policy.allows(as_actor(person), Permission.READ_KEYS, None)


def test_denial_says_whom_to_ask(world: cases.World, asha: Person, jonas: Person) -> None:
    with pytest.raises(ForbiddenError) as raised:
        cases.ALL_CASES["keys.revoke"](world, as_actor(asha))
    assert raised.value.message == "You don’t have permission to revoke this key. Ask an owner of Northwind."
    with pytest.raises(ForbiddenError) as raised:
        cases.ALL_CASES["keys.revoke master"](world, as_actor(jonas))
    assert raised.value.message == "You don’t have permission to revoke this key. Ask a system administrator."


def test_permissions_for_a_key_depend_on_its_kind(world: cases.World, jonas: Person, maya: Person) -> None:
    owner = as_actor(jonas)
    assert policy.permissions_for_key(owner, world.key) >= {Permission.EDIT_KEYS, Permission.DELETE_KEYS}
    assert policy.permissions_for_key(owner, world.master) & policy._WRITING_KEYS == frozenset()
    assert Permission.READ_KEYS in policy.permissions_for_key(owner, world.master)
    assert Permission.DELETE_KEYS in policy.permissions_for_key(as_actor(maya), world.master)


def test_inheriting_key_follows_its_creators_roles(northwind: Organisation, jonas: Person) -> None:
    key = as_actor(KeyFactory.create(organisation=northwind, inherits=True, creator=jonas))
    assert policy.allows(key, Permission.ISSUE_KEYS, northwind.id)
    jonas.memberships.update(role=Role.AUDITOR)
    assert not policy.allows(key, Permission.ISSUE_KEYS, northwind.id)
    assert policy.allows(key, Permission.READ_KEYS, northwind.id)
    jonas.is_active = False
    jonas.save()
    assert policy.permissions(key, northwind.id) == frozenset()


@pytest.mark.parametrize("system_role", ["", *SystemRole.values])
@pytest.mark.parametrize("role", ["", *Role.values])
def test_pages_and_operations_derive_the_same_roles(northwind: Organisation, system_role: str, role: str) -> None:
    person = (
        member_of(northwind, role, system_role=system_role) if role else PersonFactory.create(system_role=system_role)
    )
    membership = person.memberships.select_related("organisation").first()
    principal_roles = policy.principal_roles_of(system_role=system_role, membership=membership)
    assert policy.principal_roles(as_actor(person), northwind.id) == principal_roles
    assert policy.permissions(as_actor(person), northwind.id) == policy.permissions_of(principal_roles)
    assert len(principal_roles) == bool(system_role) + bool(role)
