"""A whole key in a URL: the secret is removed before anything is shown, and the key is found by its public part."""

from datetime import UTC, datetime
from string import ascii_lowercase
from typing import Any, Final
from urllib.parse import quote

import pytest
from django.test import Client

from keyadmin.core import tokens
from keyadmin.core.tokens import KeyFormat
from keyadmin.models import AddressDay, Organisation, Person
from tests.factories import KeyFactory
from tests.fixtures.clients import SignedIn

LISTS: Final = ["/keys/", "/bots/", "/people/", "/history/", "/channels/", "/security/public-keys/"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("fields", [{}, {"compact": True, "prefix": "whm"}], ids=["default", "compact"])
def test_pasted_key_is_found_in_every_search_without_its_secret(
    northwind: Organisation, jonas: Person, signed_in: SignedIn, htmx: SignedIn, path: str, fields: dict[str, Any]
) -> None:
    key = KeyFactory.create(organisation=northwind, name="Leaked", **fields)
    secret = tokens.parse(key.token).secret  # type: ignore[union-attr]
    for text in (key.token, f" key={key.token} ", f"{key.token[:25]} {key.token[25:]}", quote(key.token, safe="")):
        answer = signed_in(jonas).get(path, {"q": text, "organisation": "northwind"})
        assert (answer.status_code, secret in answer["Location"]) == (302, False), text
        part = htmx(jonas).get(path, {"q": text, "organisation": "northwind"})
        assert part["HX-Redirect"] == answer["Location"]
        page = signed_in(jonas).get(answer["Location"]).content.decode()
        assert "We removed the secret from what you pasted." in page
        assert f'href="/keys/{key.id}/">Leaked</a>' in page
        assert f"/keys/{key.id}/revoke/" in page
        assert secret[-20:] not in page


def test_answer_shows_requests_by_address(
    northwind: Organisation,
    jonas: Person,
    asha: Person,
    signed_in: SignedIn,
) -> None:
    key = KeyFactory.create(organisation=northwind, name="Leaked")
    today = datetime.now(UTC).date()
    AddressDay.objects.create(key_id=key.id, day=today, address="203.0.113.9", count=4321, weight=4321)
    AddressDay.objects.create(key_id=key.id, day=today, address="2001:db8::7", count=7, weight=7)
    page = signed_in(jonas).get(f"/keys/?q={key.token}", follow=True).content.decode()
    assert page.index("203.0.113.9") < page.index("2001:db8::7")
    assert "4,321" in page
    assert 'id="revoke-pasted-key"' not in signed_in(asha).get(f"/keys/?q={key.token}", follow=True).content.decode()


def test_key_that_the_person_cannot_see_is_not_named(
    contoso: Organisation, northwind: Organisation, jonas: Person, signed_in: SignedIn
) -> None:
    theirs = KeyFactory.create(organisation=contoso, name="Theirs")
    unknown = tokens.mint("kad")
    pages = [
        signed_in(jonas).get(f"/keys/?q={token}", follow=True).content.decode()
        for token in (theirs.token, unknown.value)
    ]
    for page in pages:
        assert "You have no key with this ID." in page
        assert "Theirs" not in page


def test_secret_alone_is_removed(northwind: Organisation, jonas: Person, signed_in: SignedIn) -> None:
    secret = tokens.mint("kad").secret
    answer = signed_in(jonas).get(f"/keys/?q={secret}&status=active")
    assert answer["Location"] == "/keys/?status=active&pasted=1"
    assert "Search for the key ID." in signed_in(jonas).get(answer["Location"]).content.decode()


def test_search_finds_a_key_as_it_is_masked(northwind: Organisation, jonas: Person, signed_in: SignedIn) -> None:
    for fields in ({}, {"compact": True, "prefix": "whm"}):
        key = KeyFactory.create(organisation=northwind, name=f"Key {fields}", **fields)
        for text in (key.masked, f"{key.prefix}_{key.recognition}"):
            assert [row.id for row in signed_in(jonas).get("/keys/", {"q": text}).context["keys"]] == [key.id], text


def test_hexadecimal_text_of_another_kind_is_searched_for(jonas: Person, signed_in: SignedIn) -> None:
    other = tokens.mint("zzz", KeyFormat.COMPACT).value
    assert signed_in(jonas).get("/keys/", {"q": other}).status_code == 200


@pytest.mark.django_db
def test_text_of_many_prefixes_takes_few_statements(client: Client, django_assert_max_num_queries: Any) -> None:
    """Anonymous clients may send such a text, too."""
    prefixes = [f"{first}{second}" for first in ascii_lowercase for second in ascii_lowercase]
    for text in ("aa_" * 1300, "_".join(prefixes), " ".join(f"{prefix}{'0' * 8}_{'0a' * 16}" for prefix in prefixes)):
        with django_assert_max_num_queries(6):
            client.get("/account/login/", {"next": text[:4000]})
