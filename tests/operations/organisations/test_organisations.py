"""Organisations."""

from typing import Any
from uuid import uuid4

import pytest

from keyadmin.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from keyadmin.models import Organisation, Person, Tier
from keyadmin.operations import organisations
from tests.factories import OPERATOR, KeyFactory, TierFactory, as_actor
from tests.operations.helpers import latest_event, meter_version, version


def test_organisation_is_created_with_defaults(maya: Person) -> None:
    made = organisations.create(actor=as_actor(maya), name=" Blue Sky & Co ")
    row = Organisation.objects.get(id=made.id)
    assert (row.name, row.slug, row.key_prefix, row.key_format) == ("Blue Sky & Co", "blue-sky-co", "kad", "default")
    assert (row.default_tier.name, row.is_active, row.default_expiry_days) == ("Standard", True, 90)
    event = latest_event()
    assert (event.type, event.organisation_id, event.target_id) == ("organisation.created", row.id, str(row.id))
    assert event.changes["name"] == [None, "Blue Sky & Co"]
    assert version(row) >= 1


def test_organisation_is_created_with_given_values(db: None) -> None:
    tier = TierFactory.create()
    made = organisations.create(
        actor=OPERATOR, name="W", slug="woods", key_prefix="whm", key_format="compact", tier=tier.id
    )
    assert (made.slug, made.key_prefix, made.key_format, made.default_tier_id) == ("woods", "whm", "compact", tier.id)


def test_organisation_needs_a_tier(db: None) -> None:
    Tier.objects.all().delete()
    with pytest.raises(InvalidInputError) as raised:
        organisations.create(actor=OPERATOR, name="W")
    assert raised.value.errors == {"tier": ["Choose one of the tiers."]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 121),
        ("slug", "Not A Slug"),
        ("slug", "northwind"),
        ("slug", "-x"),
        ("key_prefix", "1ab"),
        ("key_prefix", "a"),
        ("key_prefix", "kad\n"),
        ("key_prefix", "WHM"),
        ("key_format", "other"),
        ("tier", uuid4()),
    ],
)
def test_invalid_organisation_is_rejected(northwind: Organisation, field: str, value: object) -> None:
    values: dict[str, Any] = {"name": "New", "slug": "new"} | {field: value}
    with pytest.raises(InvalidInputError) as raised:
        organisations.create(actor=OPERATOR, **values)
    assert list(raised.value.errors) == [field]


def test_name_without_letters_needs_a_slug(db: None) -> None:
    with pytest.raises(InvalidInputError) as raised:
        organisations.create(actor=OPERATOR, name="電話")
    assert list(raised.value.errors) == ["slug"]


def test_owner_edits_the_rules_for_keys(northwind: Organisation, jonas: Person) -> None:
    organisations.edit(
        actor=as_actor(jonas),
        organisation=northwind.id,
        key_prefix="nw",
        default_expiry_days=30,
        max_expiry_days=365,
        may_never_expire=False,
        usage_retention_days=100,
    )
    assert latest_event().changes == {
        "key_prefix": ["kad", "nw"],
        "default_expiry_days": [90, 30],
        "max_expiry_days": [None, 365],
        "may_never_expire": [True, False],
        "usage_retention_days": [400, 100],
    }
    assert version(northwind) == 2
    with pytest.raises(InvalidInputError, match="No changes"):
        organisations.edit(actor=as_actor(jonas), organisation=northwind.id, key_prefix="nw")


def test_owner_cannot_change_the_tier(northwind: Organisation, jonas: Person, maya: Person) -> None:
    admin = Tier.objects.get(name="Admin").id
    with pytest.raises(ForbiddenError, match="choose a tier"):
        organisations.edit(actor=as_actor(jonas), organisation=northwind.id, tier=admin)
    organisations.edit(actor=as_actor(jonas), organisation=northwind.id, tier=northwind.default_tier_id, name="NW")
    organisations.edit(actor=as_actor(maya), organisation=northwind.id, tier=admin)
    assert latest_event().changes == {"tier": ["Standard", "Admin"]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_expiry_days", 0),
        ("max_expiry_days", 40_000),
        ("default_expiry_days", 0),
        ("default_expiry_days", 400),
        ("usage_retention_days", 89),
        ("usage_retention_days", 3651),
    ],
)
def test_invalid_rules_are_rejected(northwind: Organisation, field: str, value: int) -> None:
    Organisation.objects.update(max_expiry_days=365)
    rules: dict[str, Any] = {field: value}
    with pytest.raises(InvalidInputError) as raised:
        organisations.edit(actor=OPERATOR, organisation=northwind.id, **rules)
    assert list(raised.value.errors) == [field]


def test_disabling_an_organisation_pauses_its_keys_without_changing_them(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind)
    organisations.disable(actor=OPERATOR, organisation=northwind.id)
    assert not Organisation.objects.get().is_active
    assert (version(northwind), meter_version(key)) == (2, 1)
    with pytest.raises(ConflictError, match="already disabled"):
        organisations.disable(actor=OPERATOR, organisation=northwind.id)
    organisations.enable(actor=OPERATOR, organisation=northwind.id)
    assert version(northwind) == 3
    with pytest.raises(ConflictError, match="already enabled"):
        organisations.enable(actor=OPERATOR, organisation=northwind.id)


def test_organisation_that_the_actor_cannot_see_is_not_found(northwind: Organisation, lena: Person) -> None:
    for organisation in (northwind.id, uuid4()):
        with pytest.raises(NotFoundError):
            organisations.edit(actor=as_actor(lena), organisation=organisation, name="Mine")


def test_invalid_reason_and_reserved_slug_are_rejected(northwind: Organisation) -> None:
    organisations.disable(actor=OPERATOR, organisation=northwind.id, reason="Contract ended")
    assert latest_event().reason == "Contract ended"
    with pytest.raises(InvalidInputError) as raised:
        organisations.create(actor=OPERATOR, name="Create")
    assert list(raised.value.errors) == ["slug"]
