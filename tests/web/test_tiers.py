"""Tiers: list, create, edit and remove."""

from typing import Any

import pytest

from keyadmin.models import Organisation, Person, Tier
from tests.factories import KeyFactory, OrganisationFactory, TierFactory
from tests.fixtures.clients import SignedIn


def test_list_shows_tiers_by_limit_with_their_use(priya: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    KeyFactory.create(organisation=northwind)
    rows = list(signed_in(priya).get("/tiers/").context["rows"])
    assert [(row.name, row.key_count, row.organisation_count) for row in rows] == [("Standard", 1, 1), ("Admin", 0, 0)]


def test_tier_is_created_and_edited(maya: Person, signed_in: SignedIn) -> None:
    client = signed_in(maya)
    assert client.post("/tiers/create/", {"name": "Gold", "hourly_limit": "9000"}).status_code == 302
    tier = Tier.objects.get(name="Gold")
    assert client.post(f"/tiers/{tier.id}/edit/", {"name": "Gold", "hourly_limit": "10"}).status_code == 302
    tier.refresh_from_db()
    assert tier.hourly_limit == 10
    response = client.post(f"/tiers/{tier.id}/edit/", {"name": "Gold", "hourly_limit": "10"})
    assert "No changes to save." in response.content.decode()


@pytest.mark.parametrize(
    "sent",
    [
        {"name": "", "hourly_limit": "1"},
        {"name": "Standard", "hourly_limit": "1"},
        {"name": "X", "hourly_limit": "0"},
        {"name": "X", "hourly_limit": "2147483648"},
        {"name": "X", "hourly_limit": "many"},
    ],
)
def test_create_with_invalid_input_shows_the_error(maya: Person, signed_in: SignedIn, sent: dict[str, str]) -> None:
    assert signed_in(maya).post("/tiers/create/", sent).status_code == 422
    assert Tier.objects.count() == 2


def test_edit_dialog_counts_the_affected_keys(maya: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    for _ in range(2):
        KeyFactory.create(organisation=northwind)
    html = signed_in(maya).get(f"/tiers/{northwind.default_tier_id}/edit/").content.decode()
    assert "2 keys are in this tier. A new limit applies from their next request." in html
    assert "If you lower the limit from 1,000, <b>2 keys</b> may be rate limited sooner." in html


def test_tier_in_use_is_not_removed(maya: Person, signed_in: SignedIn) -> None:
    tier = TierFactory.create()
    organisation = OrganisationFactory.create(default_tier=tier)
    key = KeyFactory.create(organisation=organisation)
    client, url = signed_in(maya), f"/tiers/{tier.id}/remove/"
    html = client.get(url).content.decode()
    assert "<b>1 key is in it.</b>" in html
    assert "It is the default tier of 1 organisation." in html
    assert "Remove tier</button>" not in html
    assert "1 key has this tier. Give it another tier first." in client.post(url).content.decode()
    key.delete()
    response = client.post(url)
    assert response.status_code == 409
    assert "This is the default tier of" in response.content.decode()
    Organisation.objects.update(default_tier=Tier.objects.get(name="Standard"))
    assert client.post(url).status_code == 302
    assert not Tier.objects.filter(id=tier.id).exists()


def test_list_sends_as_many_statements_for_many_tiers_as_for_few(
    maya: Person, signed_in: SignedIn, django_assert_max_num_queries: Any
) -> None:
    client = signed_in(maya)
    counts = []
    for more in (1, 30):
        for _ in range(more):
            KeyFactory.create(tier=TierFactory.create())
        with django_assert_max_num_queries(12) as captured:
            assert client.get("/tiers/").status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]
