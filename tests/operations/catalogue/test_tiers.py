"""Tiers."""

from typing import Any
from uuid import uuid4

import pytest

from keyadmin.core.errors import ConflictError, InvalidInputError, NotFoundError
from keyadmin.models import Organisation, Person, Tier
from keyadmin.operations.catalogue import tiers
from tests.factories import OPERATOR, KeyFactory, TierFactory, as_actor
from tests.operations.helpers import latest_event, version


def test_tier_is_created(maya: Person) -> None:
    tier = tiers.create(actor=as_actor(maya), name=" Gold ", hourly_limit=20_000)
    assert (tier.name, tier.hourly_limit) == ("Gold", 20_000)
    assert latest_event().changes == {"name": [None, "Gold"], "hourly_limit": [None, 20_000]}
    assert latest_event().organisation_id is None
    assert version() == 1  # nothing cached is stale


def test_edited_tier_records_the_changed_fields(db: None) -> None:
    tier = TierFactory.create(hourly_limit=5)
    tiers.edit(actor=OPERATOR, tier=tier.id, hourly_limit=6)
    assert Tier.objects.get(id=tier.id).hourly_limit == 6
    assert latest_event().changes == {"hourly_limit": [5, 6]}
    assert version() == 2
    with pytest.raises(InvalidInputError, match="No changes"):
        tiers.edit(actor=OPERATOR, tier=tier.id, hourly_limit=6)


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("name", "Standard"), ("hourly_limit", 0), ("hourly_limit", -1), ("hourly_limit", 2**31)],
)
def test_invalid_tier_is_rejected(db: None, field: str, value: object) -> None:
    values: dict[str, Any] = {"name": "Gold", "hourly_limit": 5} | {field: value}
    with pytest.raises(InvalidInputError) as raised:
        tiers.create(actor=OPERATOR, **values)
    assert list(raised.value.errors) == [field]


def test_unused_tier_is_removed(db: None) -> None:
    tier = TierFactory.create()
    tiers.remove(actor=OPERATOR, tier=tier.id)
    assert not Tier.objects.filter(id=tier.id).exists()
    assert version() == 2


def test_used_tier_is_not_removed(northwind: Organisation) -> None:
    with pytest.raises(ConflictError, match="default tier of Northwind"):
        tiers.remove(actor=OPERATOR, tier=northwind.default_tier_id)
    KeyFactory.create(organisation=northwind)
    with pytest.raises(ConflictError, match="1 key has this tier"):
        tiers.remove(actor=OPERATOR, tier=northwind.default_tier_id)


def test_unknown_tier_is_not_found(db: None) -> None:
    with pytest.raises(NotFoundError):
        tiers.remove(actor=OPERATOR, tier=uuid4())
