"""Administration pages and their actions: the response for every role."""

from urllib.parse import quote

import pytest
from django.test import Client

from keyadmin.models import Event, Organisation, Person
from tests.factories import ChannelFactory, TierFactory, invitation, member_of, password_link
from tests.fixtures.clients import SignedIn, SignedInHtmx
from tests.rollback import rolled_back
from tests.web.role_matrix import ADMIN_ACTIONS, ADMIN_PAGES, ROLES


@pytest.fixture
def ids(northwind: Organisation, contoso: Organisation) -> dict[str, str]:
    person = member_of(northwind)
    return {
        "organisation": str(northwind.id),
        "contoso": str(contoso.id),
        "person": str(person.id),
        "link": str(password_link(person).id),
        "newcomer": str(member_of(northwind, unverified=True).id),
        "invitation": str(invitation(northwind, email="invited@example.com").id),
        "leaver": str(member_of(northwind, deactivated=True).id),
        "channel": str(ChannelFactory.create(organisation=northwind).id),
        "tier": str(TierFactory.create().id),
    }


@pytest.mark.parametrize("page", ADMIN_PAGES)
def test_admin_page_status_depends_on_role(
    cast: dict[str, Person], ids: dict[str, str], signed_in: SignedIn, page: str
) -> None:
    got = {role: signed_in(cast[role]).get(page.format(**ids)).status_code for role in ROLES}
    assert got == dict(zip(ROLES, ADMIN_PAGES[page], strict=True))
    assert not Event.objects.exclude(type__startswith="session.").exists()


@pytest.mark.parametrize("page", ADMIN_ACTIONS)
def test_admin_action_status_depends_on_role(
    cast: dict[str, Person], ids: dict[str, str], signed_in: SignedIn, page: str
) -> None:
    """Each role starts from the same rows. An event is recorded if, and only if, the action was done."""
    sent, expected = ADMIN_ACTIONS[page]
    got, events = {}, {}
    for role in ROLES:
        client = signed_in(cast[role])
        recorded = Event.objects.exclude(type="session.signed_out")
        before = recorded.count()
        with rolled_back():
            form = {name: value.format(**ids) for name, value in sent.items()}
            got[role] = client.post(page.format(**ids), form).status_code
            events[role] = recorded.count() - before
    assert got == dict(zip(ROLES, expected, strict=True))
    assert events == {role: int(status in (200, 302)) for role, status in got.items()}


def test_admin_pages_redirect_to_sign_in_when_signed_out(client: Client, ids: dict[str, str]) -> None:
    pages = [page.format(**ids) for page in ADMIN_PAGES]
    got = {page: client.get(page) for page in pages}
    assert {page: response.get("Location") for page, response in got.items()} == {
        page: f"/account/login/?next={quote(page)}" for page in pages
    }
    assert {response.status_code for response in got.values()} == {302}


def test_admin_pages_are_not_stored_and_dialogs_are_partials(
    maya: Person, ids: dict[str, str], signed_in: SignedIn, htmx: SignedInHtmx
) -> None:
    whole, partial = signed_in(maya), htmx(maya)
    for page in ADMIN_PAGES:
        response = whole.get(page.format(**ids))
        assert "no-store" in response["Cache-Control"], page
        html = response.content.decode()
        assert "<!doctype html>" in html, page
        if "<dialog class" in html.split('<template id="shortcuts">')[0]:
            assert "hx-post" not in html, page
            part = partial.get(page.format(**ids)).content.decode()
            assert part.lstrip().startswith("<dialog"), page
            assert "hx-post" in part, page


def test_admin_pages_reject_other_methods(maya: Person, ids: dict[str, str], signed_in: SignedIn) -> None:
    client = signed_in(maya)
    for page in (page for page in ADMIN_PAGES if page.count("/") > 2):
        assert client.put(page.format(**ids)).status_code == 405, page
        assert client.delete(page.format(**ids)).status_code == 405, page


@pytest.mark.parametrize(
    "page",
    ["/people/", "/people/{person}/", "/permissions/", "/channels/", "/tiers/", "/settings/?organisation=northwind"],
)
def test_auditor_sees_no_links_to_admin_actions(
    priya: Person, asha: Person, ids: dict[str, str], signed_in: SignedIn, page: str
) -> None:
    for auditor in (priya, asha):
        main = (
            signed_in(auditor).get(page.format(**ids)).content.decode().partition("<main ")[2].partition("</main>")[0]
        )
        assert "#dialog-slot" not in main
        assert 'method="post"' not in main
