"""`visible_to`: the rows that each kind of actor may read."""

from typing import Any

import pytest

from keyadmin.models import AllowListEntry, Bot, Channel, Event, Key, Organisation, Person
from keyadmin.operations import keys
from tests.factories import OPERATOR, BotFactory, ChannelFactory, KeyFactory, as_actor

MODELS = (Organisation, Bot, Channel, Key, AllowListEntry, Event)


@pytest.fixture
def both(northwind: Organisation, contoso: Organisation) -> dict[str, Key]:
    """One row of each kind in both organisations."""
    made: dict[str, Key] = {}
    for organisation in (northwind, contoso):
        ChannelFactory.create(organisation=organisation)
        key = KeyFactory.create(
            bot=BotFactory.create(organisation=organisation, networks=["10.0.0.0/16"]), networks=["10.0.0.0/16"]
        )
        keys.revoke(actor=OPERATOR, key=key.id)
        made[organisation.slug] = key
    return made


def seen(model: Any, who: Person | Key, **known: Any) -> set[str]:
    path = {Organisation: "id", Event: "organisation_id"}.get(model, "organisation_id")
    rows = model.objects.visible_to(as_actor(who, **known))
    if model is AllowListEntry:
        ids = {(row.bot or row.key).organisation_id for row in rows}
    else:
        ids = set(rows.values_list(path, flat=True))
    return {organisation.slug for organisation in Organisation.objects.filter(id__in=ids)}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("name", "slugs"),
    [
        ("maya", {"northwind", "contoso"}),
        ("priya", {"northwind", "contoso"}),
        ("jonas", {"northwind"}),
        ("asha", {"northwind"}),
        ("lena", {"contoso"}),
        ("sam", set()),
    ],
)
def test_person_sees_rows_of_readable_organisations(
    both: dict[str, Key], request: pytest.FixtureRequest, model: Any, name: str, slugs: set[str]
) -> None:
    person = request.getfixturevalue(name)
    assert seen(model, person) == slugs
    Person.objects.filter(id=person.id).update(is_active=False)
    assert seen(model, person) == set()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("name", "has_system_role", "known", "slugs"),
    [
        ("jonas", False, ["northwind"], {"northwind"}),
        ("jonas", False, ["northwind", "contoso"], {"northwind"}),
        ("jonas", False, ["contoso"], set()),
        ("jonas", True, [], set()),
        ("sam", False, ["northwind"], set()),
        ("maya", True, [], {"northwind", "contoso"}),
    ],
)
def test_outdated_roles_of_actor_grant_nothing(
    both: dict[str, Key],
    request: pytest.FixtureRequest,
    model: Any,
    name: str,
    has_system_role: bool,
    known: list[str],
    slugs: set[str],
) -> None:
    organisations = tuple(both[slug].organisation_id for slug in known)
    person = request.getfixturevalue(name)
    found = seen(model, person, has_system_role=has_system_role, organisations=organisations)
    if model is Event and known == ["contoso"]:  # EventQuery needs no list of organisations
        slugs = {"northwind"}
    assert found == slugs


@pytest.mark.parametrize("model", MODELS)
def test_key_sees_only_its_own_organisation(both: dict[str, Key], model: Any) -> None:
    assert seen(model, both["contoso"]) == {"contoso"}


@pytest.mark.parametrize("model", MODELS)
def test_command_sees_all_rows(both: dict[str, Key], model: Any) -> None:
    assert model.objects.visible_to(OPERATOR).count() == model.objects.count()


def test_person_sees_people_of_readable_organisations(jonas: Person, sam: Person, lena: Person) -> None:
    assert set(Person.objects.visible_to(as_actor(jonas))) == {jonas, sam}
    assert set(Person.objects.visible_to(as_actor(sam))) == {sam}
    assert set(Person.objects.visible_to(OPERATOR)) == {jonas, sam, lena}
