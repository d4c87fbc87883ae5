"""Administration pages and their actions: the response for every role."""

from urllib.parse import quote

import pytest
from django.test import Client

from keyadmin.models import Event, Organisation, Person
from tests.factories import ChannelFactory, TierFactory, invitation, member_of, password_link
from tests.fixtures.clients import SignedIn
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


@pytest.mark.parametrize(("role", "page"), [(role, page) for page in ADMIN_ACTIONS for role in ROLES])
def test_admin_action_status_depends_on_role(
    cast: dict[str, Person], ids: dict[str, str], signed_in: SignedIn, role: str, page: str
) -> None:
    client = signed_in(cast[role])
    sent, expected = ADMIN_ACTIONS[page]
    before = Event.objects.exclude(type="session.signed_out").count()
    response = client.post(page.format(**ids), {name: value.format(**ids) for name, value in sent.items()})
    assert response.status_code == expected[ROLES.index(role)]
    happened = Event.objects.exclude(type="session.signed_out").count() - before
    assert happened == (response.status_code in (200, 302))


@pytest.mark.parametrize("page", ADMIN_PAGES)
def test_admin_page_redirects_to_sign_in_when_signed_out(client: Client, ids: dict[str, str], page: str) -> None:
    response = client.get(page.format(**ids))
    assert response.status_code == 302
    assert response["Location"] == f"/account/login/?next={quote(page.format(**ids))}"


@pytest.mark.parametrize("page", ADMIN_PAGES)
def test_admin_pages_are_not_stored_and_dialogs_are_partials(
    maya: Person, ids: dict[str, str], signed_in: SignedIn, htmx: SignedIn, page: str
) -> None:
    response = signed_in(maya).get(page.format(**ids))
    assert "no-store" in response["Cache-Control"]
    html = response.content.decode()
    assert "<!doctype html>" in html
    if "<dialog class" in html.split('<template id="shortcuts">')[0]:
        assert "hx-post" not in html
        part = htmx(maya).get(page.format(**ids)).content.decode()
        assert part.lstrip().startswith("<dialog")
        assert "hx-post" in part


@pytest.mark.parametrize("page", [page for page in ADMIN_PAGES if page.count("/") > 2])
def test_admin_page_rejects_other_methods(maya: Person, ids: dict[str, str], signed_in: SignedIn, page: str) -> None:
    assert signed_in(maya).put(page.format(**ids)).status_code == 405
    assert signed_in(maya).delete(page.format(**ids)).status_code == 405


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
