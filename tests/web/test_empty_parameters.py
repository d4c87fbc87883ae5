"""Empty parameters do not stay in the URL of a page, and unknown values of filters are errors on every list."""

import re

import pytest

from keyadmin.models import Organisation, Person
from keyadmin.web.common import querystring
from tests.fixtures.clients import SignedIn

#: Path of each list → its filters with an unknown value.
LISTS = {
    "/keys/": ["status", "kind", "scope", "open", "used", "sort", "bot", "organisation", "cursor"],
    "/people/": ["status", "role", "organisation", "cursor"],
    "/history/": ["type", "since", "until", "organisation", "cursor"],
    "/bots/": ["organisation", "cursor"],
    "/channels/": ["organisation", "cursor"],
    "/organisations/": ["cursor"],
    "/security/public-keys/": ["organisation", "cursor"],
    "/security/allow-lists/": ["organisation", "cursor"],
    "/review/": ["finding", "organisation", "cursor"],
    "/usage/": ["bot", "key", "days", "organisation", "cursor"],
}


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("", ""),
        ("q=", ""),
        ("q=&sort=name&bot=", "sort=name"),
        ("a=1&a=&a=2", "a=1&a=2"),
        ("cancel", "cancel"),
        ("cancel&q=", "cancel"),
        ("cursor=abc==", "cursor=abc=="),
        ("&&q=x&", "q=x"),
        ("q=%20", "q=%20"),
    ],
)
def test_empty_parameters_are_removed_from_a_query(query: str, kept: str) -> None:
    assert querystring.without_empty(query) == kept


@pytest.mark.parametrize("path", [*LISTS, "/keys/create/", "/explain/", "/", "/profile/"])
def test_page_with_empty_parameters_redirects_to_its_clean_url(
    maya: Person, northwind: Organisation, signed_in: SignedIn, htmx: SignedIn, path: str
) -> None:
    client = signed_in(maya)
    response = client.get(f"{path}?q=&organisation=&sort=")
    assert (response.status_code, response["Location"]) == (302, path)
    assert client.get(f"{path}?q=&organisation=northwind")["Location"] == f"{path}?organisation=northwind"
    assert client.get(path).status_code == 200
    assert htmx(maya).get(f"{path}?q=").status_code == 200


def test_empty_parameters_of_other_requests_are_kept(maya: Person, signed_in: SignedIn) -> None:
    client = signed_in(maya)
    assert client.post("/profile/?q=", {"name": "M. Okafor"})["Location"] == "/profile/"
    assert client.get("/api/keys?q=").status_code == 401


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, names in LISTS.items() for name in names])
def test_unknown_value_of_a_filter_is_an_error(
    maya: Person, northwind: Organisation, signed_in: SignedIn, path: str, name: str
) -> None:
    response = signed_in(maya).get(f"{path}?{name}=No_such:value")
    assert response.status_code in (404, 422), (response.status_code, path, name)
    assert "<h1" in response.content.decode()


def test_default_order_is_not_in_the_links_of_the_list(maya: Person, signed_in: SignedIn) -> None:
    html = signed_in(maya).get("/keys/?sort=newest&open=any").content.decode()
    assert not re.search(r'href="[^"]*sort=newest', html)
    assert 'value="newest"' not in html
