"""Organisations: the list, an organisation's page, and its public API key."""

import re
from typing import Any

import pytest
from django.utils.html import conditional_escape

from keyadmin.models import Event, EventType, Key, KeyKind, Organisation, Person, Scope
from keyadmin.models.scope import IMPERSONATE
from tests.factories import BotFactory, KeyFactory, OrganisationFactory
from tests.fixtures.clients import SignedIn, SignedInHtmx
from tests.operations.helpers import latest_event
from tests.web.pages import form_values, key_names, secret_in


def test_list_shows_all_organisations_to_people_with_a_system_role(
    maya: Person, northwind: Organisation, contoso: Organisation, signed_in: SignedIn
) -> None:
    KeyFactory.create(bot=BotFactory.create(organisation=northwind))
    client = signed_in(maya)
    html = client.get("/organisations/").content.decode()
    assert key_names(html) == ["Contoso", "Northwind"]
    assert key_names(client.get("/organisations/?q=north").content.decode()) == ["Northwind"]
    assert "No organisation matches" in client.get("/organisations/?q=unknown").content.decode()


def test_list_is_paged_with_a_constant_number_of_statements(
    maya: Person, signed_in: SignedIn, django_assert_max_num_queries: Any
) -> None:
    client, counts = signed_in(maya), []
    for wanted in (3, 45):
        while Organisation.objects.count() < wanted:
            KeyFactory.create(
                organisation=OrganisationFactory.create(name=f"Organisation {Organisation.objects.count():02}")
            )
        with django_assert_max_num_queries(12) as captured:
            client.get("/organisations/")
        counts.append(len(captured))
    assert counts[0] == counts[1]
    seen, url = [], "/organisations/"
    while url:
        response = client.get(url)
        seen += key_names(response.content.decode())
        url = response.context["page"].next_url
    assert len(seen) == len(set(seen)) == 45
    assert seen == sorted(seen)


def test_created_organisation_has_a_page(maya: Person, signed_in: SignedIn) -> None:
    client = signed_in(maya)
    assert client.post("/organisations/create/", {"name": ""}).status_code == 422
    assert client.post("/organisations/create/", {"name": "Blue Sky"})["Location"] == "/organisations/blue-sky/"
    again = client.post("/organisations/create/", {"name": "Blue sky"})
    assert "There is already an organisation with this short name. Choose another." in again.content.decode()
    assert Event.objects.filter(type=EventType.ORGANISATION_CREATED).count() == 1


def test_owner_renames_the_organisation(
    jonas: Person, northwind: Organisation, signed_in: SignedIn, htmx: SignedInHtmx
) -> None:
    url = "/organisations/northwind/edit/"
    assert "No changes to save." in signed_in(jonas).post(url, {"name": "Northwind"}).content.decode()
    client = htmx(jonas)
    client.set_current_url("/organisations/northwind/")
    assert client.post(url, {"name": "North Wind"})["HX-Refresh"] == "true"
    assert "North Wind" in signed_in(jonas).get("/organisations/northwind/").content.decode()


def test_disable_dialog_names_the_keys_that_stop(maya: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    for _ in range(7):
        KeyFactory.create(organisation=northwind)
    client = signed_in(maya)
    html = client.get("/organisations/northwind/disable/").content.decode()
    assert "7 keys stop working until you enable it again." in html
    assert "and 2 others" in html
    assert client.post("/organisations/northwind/disable/", {"reason": "Contract ended"}).status_code == 302
    assert latest_event().reason == "Contract ended"
    assert client.post("/organisations/northwind/disable/").status_code == 409
    page = client.get("/organisations/northwind/").content.decode()
    assert "Disabled" in page
    assert "Generate…" not in page
    assert client.post("/organisations/northwind/enable/").status_code == 302
    assert Organisation.objects.get().is_active


def test_page_shows_counts_owners_and_rules(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    BotFactory.create(organisation=northwind)
    KeyFactory.create(organisation=northwind)
    html = signed_in(jonas).get("/organisations/northwind/").content.decode()
    for words in ("1 bot", "1 API key", "Standard", "Jonas Lind", "90 days", "Northwind has no public API key."):
        assert words in html
    assert re.search(r'href="/organisations/northwind/" aria-current="page"', html)
    assert "/disable/" not in html


def test_page_sends_a_constant_number_of_statements(
    maya: Person, northwind: Organisation, signed_in: SignedIn, django_assert_max_num_queries: Any
) -> None:
    client, counts = signed_in(maya), []
    KeyFactory.create(organisation=northwind, public=True)
    for wanted in (3, 30):
        while Key.objects.count() < wanted:
            KeyFactory.create(bot=BotFactory.create(organisation=northwind))
        with django_assert_max_num_queries(12) as captured:
            client.get("/organisations/northwind/")
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_public_key_is_generated_after_confirmation_and_shown_once(
    jonas: Person, northwind: Organisation, htmx: SignedIn, signed_in: SignedIn
) -> None:
    url = "/organisations/northwind/public-key/"
    html = htmx(jonas).get(url).content.decode()
    assert "Generate a public API key for Northwind?" in html
    assert "Anyone with it can act for the whole organisation. Store it on a server only." in html
    assert 'role="alertdialog"' in html
    form = form_values(html, "<form")
    for scope in Scope.objects.filter(name__in=form["scopes"]):
        assert conditional_escape(scope.explanation) in html
    response = htmx(jonas).post(url, form)
    secret = secret_in(response.content.decode())
    assert "no-store" in response["Cache-Control"]
    key = Key.objects.get()
    assert (key.kind, key.expires_at) == (KeyKind.PUBLIC, None)
    assert set(key.scopes.values_list("name", flat=True)) == set(Scope.objects.values_list("name", flat=True)) - {
        IMPERSONATE
    }
    assert "The secret was already shown." in htmx(jonas).post(url, form).content.decode()
    assert htmx(jonas).post(url, form | {"idempotency_key": "another"}).status_code == 409
    assert htmx(jonas).post(url, {}).status_code == 422
    page = signed_in(jonas).get("/organisations/northwind/").content.decode()
    assert "Valid until deleted" in page
    assert "every permission that an owner may grant" in page
    assert key.masked in page
    assert secret not in page
    assert Key.objects.count() == 1


def test_public_key_is_narrowed_before_it_is_generated(
    jonas: Person, northwind: Organisation, htmx: SignedIn, signed_in: SignedIn
) -> None:
    url = "/organisations/northwind/public-key/"
    form = form_values(htmx(jonas).get(url).content.decode(), "<form")
    form["scopes"] = ["chats:read", "messages:send"]
    none = htmx(jonas).post(url, form | {"scopes": []})
    assert none.status_code == 422
    assert "Choose at least one permission." in none.content.decode()
    assert htmx(jonas).post(url, form | {"scopes": [IMPERSONATE]}).status_code == 422
    assert htmx(jonas).post(url, form).status_code == 200
    assert set(Key.objects.get().scopes.values_list("name", flat=True)) == {"chats:read", "messages:send"}
    page = signed_in(jonas).get("/organisations/northwind/").content.decode()
    assert "2 permissions" in page
    assert "every permission that an owner may grant" not in page


def test_public_key_can_be_deleted_and_generated_again(
    jonas: Person, northwind: Organisation, htmx: SignedInHtmx, signed_in: SignedIn
) -> None:
    key = KeyFactory.create(organisation=northwind, public=True, name="Public API key")
    client = htmx(jonas)
    client.set_current_url("/organisations/northwind/")
    part = client.get("/organisations/northwind/").content.decode()
    assert part.strip().startswith('<section class="card" id="public-key"')
    assert f"/keys/{key.id}/delete/" in part
    assert client.post(f"/keys/{key.id}/delete/", {"name": key.name}).status_code == 204
    assert "Generate…" in client.get("/organisations/northwind/").content.decode()


@pytest.mark.parametrize("page", ["", "edit/", "disable/", "public-key/"])
def test_unreadable_organisation_is_404(lena: Person, northwind: Organisation, signed_in: SignedIn, page: str) -> None:
    client = signed_in(lena)
    theirs, unknown = (client.get(f"/organisations/{slug}/{page}") for slug in ("northwind", "nowhere"))
    assert theirs.status_code == unknown.status_code == 404
    assert theirs.content == unknown.content


def test_auditor_sees_no_actions(priya: Person, asha: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    KeyFactory.create(organisation=northwind, public=True)
    for person in (priya, asha):
        html = signed_in(person).get("/organisations/northwind/").content.decode()
        assert "Valid until deleted" in html
        for act in ("/edit/", "/disable/", "/delete/", "/public-key/"):
            assert act not in html


def test_switcher_on_an_organisation_links_to_other_organisations(
    maya: Person, northwind: Organisation, contoso: Organisation, signed_in: SignedIn
) -> None:
    html = signed_in(maya).get("/organisations/northwind/").content.decode()
    assert 'href="/organisations/contoso/"' in html
    assert 'href="/bots/?organisation=northwind"' in html


def test_generated_public_key_expires_if_the_rules_demand_it(
    jonas: Person, northwind: Organisation, signed_in: SignedIn
) -> None:
    client, url = signed_in(jonas), "/organisations/northwind/public-key/"
    assert "Valid until deleted" in client.get(url).content.decode()
    Organisation.objects.filter(id=northwind.id).update(may_never_expire=False, max_expiry_days=30)
    assert "keys of Northwind must have an expiry" in client.get(url).content.decode()
    assert client.post(url, form_values(client.get(url).content.decode(), "<form")).status_code == 200
    key = Key.objects.get(kind=KeyKind.PUBLIC)
    assert key.expires_at is not None
    assert "Valid until deleted" not in client.get("/organisations/northwind/").content.decode()
