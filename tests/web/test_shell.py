"""The parts that every page has: theme, navigation, organisation switcher, and error pages."""

import re
from typing import Any
from unittest import mock

import pytest
from django.db import DatabaseError
from django.test import Client

from keyadmin.models import Bot, Organisation, Person, Role
from keyadmin.web.common.current_user import MAX_LISTED_ORGANISATIONS
from tests.factories import BotFactory, KeyFactory, MembershipFactory, OrganisationFactory
from tests.fixtures.clients import SignedIn


@pytest.mark.parametrize(
    ("cookie", "theme"), [("dark", "dark"), ("light", "light"), ('"><script>', "auto"), ("", "auto")]
)
def test_theme_follows_the_cookie(db: None, cookie: str, theme: str) -> None:
    client = Client()
    client.cookies["keyadmin_theme"] = cookie
    assert f'data-theme="{theme}"' in client.get("/account/login/").content.decode()


def navigation(response: Any) -> list[str]:
    return [item["label"] for group in response.context["navigation"] for item in group["items"]]


def test_navigation_has_only_links_that_the_role_may_use(
    maya: Person, priya: Person, jonas: Person, sam: Person, signed_in: SignedIn
) -> None:
    shared = [
        "Overview",
        "API keys",
        "Bots",
        "Usage",
        "Explain",
        "Public API keys",
        "IP allow-lists",
        "History",
        "Review report",
    ]
    for reader in (maya, priya):
        assert navigation(signed_in(reader).get("/keys/")) == [
            *shared,
            "Master User API keys",
            "Organisations",
            "People & roles",
            "Permissions",
            "Channels",
            "Tiers",
            "Settings",
        ]
    assert navigation(signed_in(jonas).get("/keys/")) == [
        *shared,
        "Organisation",
        "People & roles",
        "Channels",
        "Settings",
    ]
    assert navigation(signed_in(sam).get("/keys/")) == []


def test_switcher_lists_readable_organisations(
    maya: Person, jonas: Person, northwind: Organisation, contoso: Organisation, signed_in: SignedIn
) -> None:
    switcher = signed_in(maya).get("/history/?organisation=northwind").context["switcher"]
    assert switcher["current"]["name"] == "Northwind"
    assert [(choice["name"], choice["url"], choice["current"]) for choice in switcher["choices"]] == [
        ("All organisations", "/history/", False),
        ("Contoso", "/history/?organisation=contoso", False),
        ("Northwind", "/history/?organisation=northwind", True),
    ]
    own = signed_in(jonas).get("/keys/").context["switcher"]
    assert own["current"] == {"name": "Northwind", "caption": "0 bots · Standard tier"}
    assert [choice["name"] for choice in own["choices"]] == ["Northwind"]


def test_switcher_shows_bots_and_tier_of_the_organisation(
    maya: Person, northwind: Organisation, contoso: Organisation, signed_in: SignedIn
) -> None:
    bot = BotFactory.create(organisation=northwind)
    BotFactory.create(organisation=contoso)
    client = signed_in(maya)
    for page in ("/keys/?organisation=northwind", f"/bots/{bot.id}/", "/organisations/northwind/"):
        assert client.get(page).context["switcher"]["current"]["caption"] == "1 bot · Standard tier", page


@pytest.mark.parametrize(
    ("page", "counts"),
    [
        ("/keys/", ("2", "2")),
        ("/keys/?organisation=contoso", ("1", "1")),
        ("/bots/{bot}/advanced/", ("2", "2")),
        ("/organisations/contoso/", ("1", "1")),
    ],
)
def test_htmx_response_after_a_change_updates_the_sidebar_counts(
    maya: Person, northwind: Organisation, contoso: Organisation, htmx: SignedIn, page: str, counts: tuple[str, str]
) -> None:
    KeyFactory.create(bot=BotFactory.create(organisation=northwind))
    KeyFactory.create(organisation=contoso)
    BotFactory.create(organisation=contoso)
    client = htmx(maya)
    page = page.format(bot=Bot.objects.get(organisation=northwind).id)
    html = client.get(page).content.decode()
    for slug, count in zip(("keys", "bots"), counts, strict=True):
        assert f'<span class="count" id="count-{slug}" hx-swap-oob="true">{count}</span>' in html
    searching = client.get(page, headers={"HX-Trigger-Name": "q"}).content.decode()
    assert 'id="count-keys"' not in searching


def test_selected_organisation_is_kept_in_links(maya: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    html = signed_in(maya).get("/keys/?organisation=northwind").content.decode()
    assert 'href="/history/?organisation=northwind"' in html
    assert 'href="/keys/?kind=master&amp;organisation=northwind"' in html


def test_menu_shows_name_and_role(maya: Person, sam: Person, signed_in: SignedIn) -> None:
    assert signed_in(maya).get("/keys/").context["me"] == {
        "id": str(maya.id),
        "name": "Maya Okafor",
        "email": "maya@northwind.example",
        "is_email_verified": True,
        "disabled_organisations": [],
        "role": "System administrator",
        "time_zone": "",
    }
    assert signed_in(sam).get("/").context["me"]["role"] == "Member"


def test_person_without_read_access_gets_a_page_with_sign_out(sam: Person, signed_in: SignedIn) -> None:
    response = signed_in(sam).get("/")
    assert response.status_code == 403
    assert "No access yet" in response.content.decode()
    assert re.search(r'<form id="sign-out" method="post" action="/account/logout/"', response.content.decode())


def test_owner_of_two_organisations_sees_both_only(jonas: Person, contoso: Organisation, signed_in: SignedIn) -> None:
    MembershipFactory.create(person=jonas, organisation=contoso, role=Role.AUDITOR)
    MembershipFactory.create(person=jonas, organisation=OrganisationFactory.create(name="Third"), role=Role.MEMBER)
    switcher = signed_in(jonas).get("/keys/").context["switcher"]
    assert [choice["name"] for choice in switcher["choices"]] == ["All organisations", "Contoso", "Northwind"]


@pytest.mark.parametrize("client_of", ["signed in", "signed out"])
def test_unknown_path_is_404(maya: Person, signed_in: SignedIn, client_of: str) -> None:
    client = signed_in(maya) if client_of == "signed in" else Client()
    response = client.get("/no/such/page/")
    assert response.status_code == 404
    assert "Page not found" in response.content.decode()
    assert "no-store" in response["Cache-Control"]


def test_exception_shows_the_500_page(maya: Person, signed_in: SignedIn) -> None:
    client = signed_in(maya)
    client.raise_request_exception = False
    client.cookies["keyadmin_theme"] = "dark"
    with mock.patch("keyadmin.web.keys.key_list.KeyList.context", side_effect=RuntimeError("boom")):
        response = client.get("/keys/")
    html = response.content.decode()
    assert response.status_code == 500
    assert "Something went wrong" in html
    assert 'data-theme="dark"' in html
    assert "boom" not in html


def test_exception_without_database_shows_the_503_page(maya: Person, signed_in: SignedIn) -> None:
    client = signed_in(maya)
    client.raise_request_exception = False
    with mock.patch("django.db.backends.utils.CursorWrapper.execute", side_effect=DatabaseError("away")):
        response = client.get("/keys/")
    assert response.status_code == 500
    assert "Something went wrong" in response.content.decode()


def test_exception_for_htmx_is_a_status_without_body(maya: Person, htmx: SignedIn) -> None:
    client = htmx(maya)
    client.raise_request_exception = False
    with mock.patch("keyadmin.web.keys.key_list.KeyList.context", side_effect=RuntimeError("boom")):
        response = client.get("/keys/")
    assert (response.status_code, response.content) == (500, b"")


@pytest.mark.parametrize(("proxies", "secure"), [((), False), (((4, 0x7F000001, 0xFFFFFFFF),), True)])
def test_https_is_taken_from_trusted_proxies_only(db: None, settings: Any, proxies: Any, secure: bool) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.KEYADMIN_TRUSTED_PROXIES = proxies
    response = Client().get("/account/login/", headers={"X-Forwarded-Proto": "https"})
    assert response.wsgi_request.is_secure() is secure


def test_language_is_english_for_any_browser(db: None) -> None:
    page = Client().get("/account/login/", headers={"Accept-Language": "ar"}).content.decode()
    assert '<html lang="en-gb"' in page


def test_api_docs_are_linked_from_the_sidebar(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    html = client.get("/keys/").content.decode()
    match = re.search(r'<a href="([^"]+)"[^>]*>(?:(?!</a>).)*API docs', html, re.DOTALL)
    assert match is not None
    assert client.get(match[1]).status_code == 200


def test_value_that_is_no_slug_is_404_among_many_organisations(signed_in: SignedIn, maya: Person) -> None:
    OrganisationFactory.create_batch(MAX_LISTED_ORGANISATIONS + 1)
    client = signed_in(maya)
    for value in ("a\0b", "no such slug", "x" * 61):
        assert client.get("/", {"organisation": value}).status_code == 404, value
        assert client.post("/explain/keys/", {"organisation": value}).status_code == 200, value
