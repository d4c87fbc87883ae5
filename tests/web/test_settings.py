"""Settings: an organisation's rules for new keys."""

from typing import Any

import pytest

from keyadmin.models import Event, Organisation, Person, Tier
from tests.factories import OrganisationFactory
from tests.fixtures.clients import SignedIn
from tests.operations.helpers import latest_event

URL = "/settings/?organisation=northwind"


@pytest.fixture
def rules() -> dict[str, str]:
    return {
        "name": "Northwind",
        "default_expiry_days": "30",
        "max_expiry_days": "365",
        "key_prefix": "nw",
        "key_format": "compact",
        "usage_retention_days": "100",
    }


def test_owner_changes_the_rules(
    jonas: Person, northwind: Organisation, signed_in: SignedIn, rules: dict[str, str]
) -> None:
    assert signed_in(jonas).post(URL, rules)["Location"] == URL
    northwind.refresh_from_db()
    assert (northwind.default_expiry_days, northwind.max_expiry_days, northwind.may_never_expire) == (
        30,
        365,
        False,
    )
    assert (northwind.key_prefix, northwind.key_format, northwind.usage_retention_days) == ("nw", "compact", 100)
    assert latest_event().type == "organisation.edited"
    again = signed_in(jonas).post(URL, rules)
    assert again.status_code == 200
    assert "No changes to save." in again.content.decode()
    assert Event.objects.filter(type="organisation.edited").count() == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"key_prefix": "9"}, "Use 2 to 12 lower-case letters and digits, beginning with a letter."),
        ({"key_format": "odd"}, "Select a valid choice."),
        ({"default_expiry_days": "400"}, "Enter at most the maximum lifetime."),
        ({"default_expiry_days": ""}, "Enter a number of days, or allow keys that never expire."),
        ({"max_expiry_days": "0"}, "Ensure this value is greater than or equal to 1."),
        ({"usage_retention_days": "89"}, "Ensure this value is greater than or equal to 90."),
        ({"name": ""}, "Name: This field is required."),
    ],
)
def test_invalid_rules_show_the_error(
    jonas: Person,
    northwind: Organisation,
    signed_in: SignedIn,
    rules: dict[str, str],
    changes: dict[str, str],
    words: str,
) -> None:
    response = signed_in(jonas).post(URL, rules | changes)
    assert response.status_code == 422
    assert words in response.content.decode()
    northwind.refresh_from_db()
    assert northwind.key_prefix == "kad"


def test_only_administrator_can_choose_the_tier(
    jonas: Person, maya: Person, northwind: Organisation, signed_in: SignedIn, rules: dict[str, str]
) -> None:
    tier = Tier.objects.get(name="Admin")
    assert 'name="tier"' not in signed_in(jonas).get(URL).content.decode()
    signed_in(jonas).post(URL, rules | {"tier": str(tier.id)})
    northwind.refresh_from_db()
    assert northwind.default_tier != tier
    signed_in(maya).post(URL, rules | {"tier": str(tier.id)})
    northwind.refresh_from_db()
    assert northwind.default_tier == tier


def test_auditor_reads_the_settings(asha: Person, signed_in: SignedIn) -> None:
    html = signed_in(asha).get(URL).content.decode()
    assert "90 days" in html
    assert "Save settings" not in html


def test_page_without_an_organisation_offers_a_choice(
    maya: Person, jonas: Person, contoso: Organisation, signed_in: SignedIn
) -> None:
    assert URL in signed_in(maya).get("/settings/").content.decode()
    assert "Save settings" in signed_in(jonas).get("/settings/").content.decode()
    assert signed_in(jonas).get("/settings/?organisation=contoso").status_code == 404


def test_page_sends_as_many_statements_for_many_organisations_as_for_few(
    maya: Person, northwind: Organisation, signed_in: SignedIn, django_assert_max_num_queries: Any
) -> None:
    client = signed_in(maya)
    counts = []
    for more in (1, 30):
        for _ in range(more):
            OrganisationFactory.create()
        for url in ("/settings/", URL):
            with django_assert_max_num_queries(12) as captured:
                assert client.get(url).status_code == 200
            counts.append(len(captured))
    assert counts[:2] == counts[2:]
