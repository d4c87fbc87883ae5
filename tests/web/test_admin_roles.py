"""Administration pages and their actions: the response for every role."""

from urllib.parse import quote

import pytest
from django.test import Client

from keyadmin.models import Event, Organisation, Person
from tests.factories import ChannelFactory, TierFactory, member_of
from tests.web.conftest import SignedIn
from tests.web.test_roles import ROLES, cast

__all__ = ["cast"]

#: Page, then what each of ROLES gets on GET.
GETS: dict[str, tuple[int, ...]] = {
    "/people/": (200, 200, 200, 200, 403, 200),
    "/people/invite/": (200, 403, 200, 403, 404, 200),
    "/people/{person}/": (200, 200, 200, 200, 404, 404),
    "/people/{person}/edit/": (200, 403, 200, 403, 404, 404),
    "/people/{person}/link/": (200, 403, 200, 403, 404, 404),
    "/people/{person}/deactivate/": (200, 403, 200, 403, 404, 404),
    "/people/{leaver}/reactivate/": (200, 403, 200, 403, 404, 404),
    "/people/{person}/system-role/": (200, 403, 403, 403, 404, 404),
    "/people/{person}/roles/add/": (200, 403, 403, 403, 404, 404),
    "/people/{person}/roles/{organisation}/": (200, 403, 200, 403, 404, 404),
    "/people/{person}/roles/{organisation}/remove/": (200, 403, 200, 403, 404, 404),
    "/permissions/": (200, 200, 404, 404, 404, 404),
    "/permissions/create/": (200, 403, 404, 404, 404, 404),
    "/permissions/chats:read/edit/": (200, 403, 404, 404, 404, 404),
    "/permissions/chats:read/remove/": (200, 403, 404, 404, 404, 404),
    "/channels/": (200, 200, 200, 200, 403, 200),
    "/channels/create/": (200, 403, 200, 403, 404, 200),
    "/channels/{channel}/rename/": (200, 403, 200, 403, 404, 404),
    "/channels/{channel}/remove/": (200, 403, 200, 403, 404, 404),
    "/tiers/": (200, 200, 404, 404, 404, 404),
    "/tiers/create/": (200, 403, 404, 404, 404, 404),
    "/tiers/{tier}/edit/": (200, 403, 404, 404, 404, 404),
    "/tiers/{tier}/remove/": (200, 403, 404, 404, 404, 404),
    "/settings/?organisation=northwind": (200, 200, 200, 200, 403, 404),
    "/settings/": (200, 200, 200, 200, 403, 200),
    "/profile/": (200,) * 6,
    "/profile/password/": (200,) * 6,
    "/profile/sign-out-everywhere/": (200,) * 6,
}
#: Act, what is sent, and what each of ROLES gets. An invitation and a link are answered by a dialog that holds it.
POSTS: dict[str, tuple[dict[str, str], tuple[int, ...]]] = {
    "/people/invite/": (
        {"email": "n@example.com", "name": "N", "organisation": "{organisation}", "role": "member"},
        (200, 403, 200, 403, 404, 422),
    ),
    "/people/{person}/edit/": ({"name": "N", "email": "n@example.com"}, (302, 403, 302, 403, 404, 404)),
    "/people/{person}/link/": ({}, (200, 403, 200, 403, 404, 404)),
    "/people/{person}/deactivate/": ({}, (302, 403, 302, 403, 404, 404)),
    "/people/{leaver}/reactivate/": ({}, (302, 403, 302, 403, 404, 404)),
    "/people/{person}/system-role/": ({"system_role": "auditor"}, (302, 403, 403, 403, 404, 404)),
    "/people/{person}/roles/add/": (
        {"organisation": "{contoso}", "role": "member"},
        (302, 403, 403, 403, 404, 404),
    ),
    "/people/{person}/roles/{organisation}/": ({"role": "owner"}, (302, 403, 302, 403, 404, 404)),
    "/people/{person}/roles/{organisation}/remove/": ({}, (302, 403, 302, 403, 404, 404)),
    "/permissions/create/": (
        {"name": "notes:read", "resource": "Notes", "label": "Read", "explanation": "Reads.", "ability": "read"},
        (302, 403, 404, 404, 404, 404),
    ),
    "/permissions/chats:read/edit/": (
        {"resource": "Chats", "label": "New", "explanation": "Reads.", "ability": "read"},
        (302, 403, 404, 404, 404, 404),
    ),
    "/permissions/chats:read/remove/": ({}, (302, 403, 404, 404, 404, 404)),
    "/channels/create/": (
        {"name": "Fax", "organisation": "{organisation}"},
        (302, 403, 302, 403, 404, 422),
    ),
    "/channels/{channel}/rename/": ({"name": "Fax"}, (302, 403, 302, 403, 404, 404)),
    "/channels/{channel}/remove/": ({}, (302, 403, 302, 403, 404, 404)),
    "/tiers/create/": ({"name": "Gold", "hourly_limit": "9"}, (302, 403, 404, 404, 404, 404)),
    "/tiers/{tier}/edit/": ({"name": "Gold", "hourly_limit": "9"}, (302, 403, 404, 404, 404, 404)),
    "/tiers/{tier}/remove/": ({}, (302, 403, 404, 404, 404, 404)),
    "/settings/?organisation=northwind": (
        {
            "name": "Northwind",
            "default_expiry_days": "30",
            "key_prefix": "nw",
            "key_format": "default",
            "may_never_expire": "on",
            "tier": "{tier}",
            "usage_days": "400",
        },
        (302, 403, 302, 403, 403, 404),
    ),
    "/profile/": ({"name": "Other", "time_zone": "Europe/Berlin"}, (302,) * 6),
    "/profile/sign-out-everywhere/": ({}, (302,) * 6),
}


@pytest.fixture
def ids(northwind: Organisation, contoso: Organisation) -> dict[str, str]:
    return {
        "organisation": str(northwind.id),
        "contoso": str(contoso.id),
        "person": str(member_of(northwind).id),
        "leaver": str(member_of(northwind, deactivated=True).id),
        "channel": str(ChannelFactory(organisation=northwind).id),
        "tier": str(TierFactory().id),
    }


@pytest.mark.parametrize("page", GETS)
def test_admin_page_status_depends_on_role(
    cast: dict[str, Person], ids: dict[str, str], signed_in: SignedIn, page: str
) -> None:
    got = {role: signed_in(cast[role]).get(page.format(**ids)).status_code for role in ROLES}
    assert got == dict(zip(ROLES, GETS[page], strict=True))
    assert not Event.objects.exclude(verb__startswith="session.").exists()


@pytest.mark.parametrize(("role", "page"), [(role, page) for page in POSTS for role in ROLES])
def test_admin_action_status_depends_on_role(
    cast: dict[str, Person], ids: dict[str, str], signed_in: SignedIn, role: str, page: str
) -> None:
    client = signed_in(cast[role])
    sent, expected = POSTS[page]
    before = Event.objects.exclude(verb="session.signed_out").count()
    response = client.post(page.format(**ids), {name: value.format(**ids) for name, value in sent.items()})
    assert response.status_code == expected[ROLES.index(role)]
    happened = Event.objects.exclude(verb="session.signed_out").count() - before
    assert happened == (response.status_code in (200, 302))


@pytest.mark.parametrize("page", GETS)
def test_admin_page_redirects_to_sign_in_when_signed_out(client: Client, ids: dict[str, str], page: str) -> None:
    response = client.get(page.format(**ids))
    assert response.status_code == 302
    assert response["Location"] == f"/account/login/?next={quote(page.format(**ids))}"


@pytest.mark.parametrize("page", GETS)
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


@pytest.mark.parametrize("page", [page for page in GETS if page.count("/") > 2])
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
