"""Pages and their actions for every role: 404 for what a role may not see, 403 for what it may not do."""

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from keyadmin.models import Event, Key, Kind, Organisation, Person
from keyadmin.operations import policy
from keyadmin.web.common.current_user import CurrentUser
from tests.factories import BotFactory, KeyFactory, as_actor
from tests.web.conftest import SignedIn

ROLES = ("maya", "priya", "jonas", "asha", "sam", "lena")
#: Page, then what each of ROLES gets on GET.
GETS: dict[str, tuple[int, ...]] = {
    "/keys/": (200, 200, 200, 200, 403, 200),
    "/keys/create/": (200, 403, 200, 403, 404, 200),
    "/keys/{key}/": (200, 200, 200, 200, 404, 404),
    "/keys/{key}/denied/": (200, 200, 200, 200, 404, 404),
    "/keys/{key}/revoke/": (200, 403, 200, 403, 404, 404),
    "/keys/{key}/delete/": (200, 403, 200, 403, 404, 404),
    "/keys/{revoked}/reactivate/": (200, 403, 200, 403, 404, 404),
    "/keys/{key}/edit/": (200, 403, 200, 403, 404, 404),
    "/keys/{key}/description/": (200, 403, 200, 403, 404, 404),
    "/keys/{key}/regenerate/": (200, 403, 200, 403, 404, 404),
    "/keys/{graced}/end-grace/": (200, 403, 200, 403, 404, 404),
    "/keys/revoke/?key={key}": (200, 403, 200, 403, 404, 200),
    "/keys/{master}/": (200, 200, 200, 200, 404, 404),
    "/keys/{master}/edit/": (200, 403, 403, 403, 404, 404),
    "/keys/{master}/description/": (200, 403, 403, 403, 404, 404),
    "/keys/{master}/regenerate/": (200, 403, 403, 403, 404, 404),
    "/keys/{master}/revoke/": (200, 403, 403, 403, 404, 404),
    "/keys/{master}/delete/": (200, 403, 403, 403, 404, 404),
    "/history/": (200, 200, 200, 200, 403, 200),
    "/history/new/": (302, 302, 302, 302, 302, 302),
    "/review/": (200, 200, 200, 200, 403, 200),
    "/review/?organisation=northwind&finding=open": (200, 200, 200, 200, 403, 404),
    "/review/export/": (200, 200, 200, 200, 403, 200),
    "/review/export/?organisation=northwind": (200, 200, 200, 200, 403, 404),
    "/bots/": (200, 200, 200, 200, 403, 200),
    "/bots/create/": (200, 403, 200, 403, 404, 200),
    "/bots/{bot}/": (200, 200, 200, 200, 404, 404),
    "/bots/{bot}/advanced/": (200, 200, 200, 200, 404, 404),
    "/bots/{bot}/edit/": (200, 403, 200, 403, 404, 404),
    "/bots/{bot}/description/?edit=1": (200, 403, 200, 403, 404, 404),
    "/bots/{bot}/disable/": (200, 403, 200, 403, 404, 404),
    "/bots/{disabled}/enable/": (200, 403, 200, 403, 404, 404),
    "/bots/{bot}/keys/create/": (200, 403, 200, 403, 404, 404),
    "/bots/{bot}/networks/": (200, 200, 200, 200, 404, 404),
    "/bots/{bot}/networks/check/": (200, 403, 200, 403, 404, 404),
    "/keys/{key}/networks/": (200, 200, 200, 200, 404, 404),
    "/keys/{key}/networks/check/": (200, 403, 200, 403, 404, 404),
    "/networks/{range}/": (200, 403, 200, 403, 404, 404),
    "/security/public-keys/": (200, 200, 200, 200, 403, 200),
    "/security/allow-lists/": (200, 200, 200, 200, 403, 200),
    "/organisations/": (200, 200, 404, 404, 404, 404),
    "/organisations/create/": (200, 403, 403, 403, 403, 403),
    "/organisations/northwind/": (200, 200, 200, 200, 404, 404),
    "/organisations/northwind/edit/": (200, 403, 200, 403, 404, 404),
    "/organisations/northwind/disable/": (200, 403, 403, 403, 404, 404),
    "/organisations/northwind/public-key/": (200, 403, 200, 403, 404, 404),
    "/": (200, 200, 200, 200, 403, 200),
    "/?organisation=northwind": (200, 200, 200, 200, 403, 404),
    "/explain/": (200, 200, 200, 200, 403, 200),
    "/explain/?key={key}": (200, 200, 200, 200, 403, 404),
    "/explain/?key={master}&path=&method=GET": (422, 422, 422, 422, 403, 404),
    "/usage/": (200, 200, 200, 200, 403, 200),
    "/usage/?organisation=northwind": (200, 200, 200, 200, 403, 404),
    "/usage/?key={key}": (200, 200, 200, 200, 403, 404),
    "/usage/?bot={bot}": (200, 200, 200, 200, 403, 404),
}
POSTS = {
    "/keys/{key}/revoke/": (302, 403, 302, 403, 404, 404),
    "/keys/{revoked}/reactivate/": (302, 403, 302, 403, 404, 404),
    "/keys/{key}/delete/": (302, 403, 302, 403, 404, 404),
    "/keys/{key}/edit/": (302, 403, 302, 403, 404, 404),
    "/keys/{key}/description/": (302, 403, 302, 403, 404, 404),
    "/keys/{key}/regenerate/": (200, 403, 200, 403, 404, 404),
    "/keys/{graced}/end-grace/": (302, 403, 302, 403, 404, 404),
    "/keys/revoke/": (302, 403, 302, 403, 404, 422),
    "/keys/{master}/revoke/": (302, 403, 403, 403, 404, 404),
    "/keys/{master}/delete/": (302, 403, 403, 403, 404, 404),
    "/keys/{master}/edit/": (302, 403, 403, 403, 404, 404),
    "/keys/{master}/description/": (302, 403, 403, 403, 404, 404),
    "/keys/{master}/regenerate/": (200, 403, 403, 403, 404, 404),
    "/bots/create/": (302, 403, 302, 403, 404, 422),
    "/bots/{bot}/edit/": (302, 403, 302, 403, 404, 404),
    "/bots/{bot}/description/": (302, 403, 302, 403, 404, 404),
    "/bots/{bot}/disable/": (302, 403, 302, 403, 404, 404),
    "/bots/{disabled}/enable/": (302, 403, 302, 403, 404, 404),
    "/bots/{bot}/keys/create/": (200, 403, 200, 403, 404, 404),
    "/bots/{bot}/networks/": (302, 403, 302, 403, 404, 404),
    "/keys/{key}/networks/": (302, 403, 302, 403, 404, 404),
    "/keys/{master}/networks/": (302, 403, 403, 403, 404, 404),
    "/networks/{range}/": (302, 403, 302, 403, 404, 404),
    "/networks/{range}/remove/": (302, 403, 302, 403, 404, 404),
    "/history/export/": (200, 200, 200, 200, 403, 200),
    "/organisations/create/": (302, 403, 403, 403, 403, 403),
    "/organisations/northwind/edit/": (302, 403, 302, 403, 404, 404),
    "/organisations/northwind/disable/": (302, 403, 403, 403, 404, 404),
    "/organisations/northwind/public-key/": (200, 403, 200, 403, 404, 404),
}
#: Enough for every form.
SENT = {
    "name": "CRM",
    "reason": "Test",
    "description": "New",
    "was": "",
    "scopes": "chats:read",
    "expires": "never",
    "revision": "1",
    "grace": "0",
    "idempotency_key": "the form",
    "network": "192.0.2.0/24",
    "allow_any": "1",
    "organisation": "northwind",
    "format": "csv",
}


@pytest.fixture
def cast(maya: Person, priya: Person, jonas: Person, asha: Person, sam: Person, lena: Person) -> dict[str, Person]:
    return dict(zip(ROLES, (maya, priya, jonas, asha, sam, lena), strict=True))


@pytest.fixture
def ids(northwind: Organisation) -> dict[str, str]:
    bot = BotFactory(organisation=northwind, networks=["203.0.113.0/24"])
    return {
        "bot": str(bot.id),
        "disabled": str(BotFactory(organisation=northwind, disabled=True).id),
        "range": str(bot.allow_list.get().id),
        "key": str(KeyFactory(organisation=northwind, name="CRM").id),
        "graced": str(KeyFactory(organisation=northwind, in_grace=True).id),
        "revoked": str(KeyFactory(organisation=northwind, revoked=True).id),
        "master": str(KeyFactory(organisation=northwind, name="CRM", kind=Kind.MASTER).id),
    }


@pytest.mark.parametrize("page", GETS)
def test_page_status_depends_on_role(
    cast: dict[str, Person], ids: dict[str, str], signed_in: SignedIn, page: str
) -> None:
    got = {role: signed_in(cast[role]).get(page.format(**ids)).status_code for role in ROLES}
    assert got == dict(zip(ROLES, GETS[page], strict=True))


@pytest.mark.parametrize(("role", "page"), [(role, page) for page in POSTS for role in ROLES])
def test_action_status_depends_on_role(
    cast: dict[str, Person], ids: dict[str, str], signed_in: SignedIn, role: str, page: str
) -> None:
    client = signed_in(cast[role])
    before = Event.objects.count()
    response = client.post(page.format(**ids), SENT | {"key": ids["key"]})
    assert response.status_code == POSTS[page][ROLES.index(role)]
    assert Event.objects.count() == before + (response.status_code in (200, 302))


@pytest.mark.parametrize("page", GETS)
def test_page_redirects_to_sign_in_when_signed_out(client: Client, ids: dict[str, str], page: str) -> None:
    response = client.get(page.format(**ids))
    assert response.status_code == 302
    assert response["Location"] == f"/account/login/?next={quote(page.format(**ids))}"


@pytest.mark.parametrize("page", GETS)
def test_pages_are_not_stored_by_caches(maya: Person, ids: dict[str, str], signed_in: SignedIn, page: str) -> None:
    response = signed_in(maya).get(page.format(**ids))
    assert "no-store" in response["Cache-Control"]
    assert {"HX-Request", "Cookie"} <= {name.strip() for name in response["Vary"].split(",")}


@pytest.mark.parametrize(
    ("method", "page"),
    [
        ("post", "/"),
        ("post", "/usage/"),
        ("post", "/keys/"),
        ("post", "/history/"),
        ("post", "/keys/{key}/"),
        ("delete", "/keys/{key}/"),
        ("post", "/review/"),
        ("post", "/review/export/"),
        ("put", "/keys/{key}/revoke/"),
        ("delete", "/keys/{key}/delete/"),
        ("post", "/history/1/"),
        ("get", "/history/export/"),
        ("get", "/keys/create/limits/"),
        ("delete", "/keys/{key}/edit/"),
        ("put", "/keys/{key}/regenerate/"),
    ],
)
def test_page_rejects_other_methods(
    maya: Person, ids: dict[str, str], signed_in: SignedIn, method: str, page: str
) -> None:
    assert getattr(signed_in(maya), method)(page.format(**ids)).status_code == 405


@pytest.mark.parametrize("act", ["revoke", "reactivate", "delete", "edit", "description", "regenerate", "end-grace"])
def test_get_request_changes_nothing(maya: Person, ids: dict[str, str], signed_in: SignedIn, act: str) -> None:
    client = signed_in(maya)
    before = list(Key.objects.order_by("id").values()), Event.objects.count()
    client.get(f"/keys/{ids['revoked']}/{act}/")
    assert (list(Key.objects.order_by("id").values()), Event.objects.count()) == before


def test_actions_that_a_role_may_not_do_are_absent(
    cast: dict[str, Person], ids: dict[str, str], signed_in: SignedIn
) -> None:
    for role in ("priya", "asha"):
        for page in ("/keys/", f"/keys/{ids['key']}/"):
            html = signed_in(cast[role]).get(page).content.decode()
            for act in (
                "create",
                f"{ids['key']}/edit",
                f"{ids['key']}/regenerate",
                f"{ids['key']}/description",
                f"{ids['key']}/revoke",
                f"{ids['key']}/delete",
                f"{ids['revoked']}/reactivate",
            ):
                assert f"/keys/{act}/" not in html


def test_unknown_and_unreadable_keys_get_the_same_response(
    lena: Person, ids: dict[str, str], signed_in: SignedIn
) -> None:
    client = signed_in(lena)
    for page in ("/keys/{}/", "/keys/{}/revoke/"):
        theirs = client.get(page.format(ids["key"]))
        unknown = client.get(page.format("00000000-0000-4000-8000-000000000000"))
        assert theirs.content == unknown.content


def test_a_visitors_permissions_are_the_policys(
    cast: dict[str, Person], northwind: Organisation, contoso: Organisation, rf: Any
) -> None:
    for person in cast.values():
        request = rf.get("/")
        request.user = person
        user = CurrentUser(request)
        for organisation in (northwind, contoso):
            assert user.permissions(organisation.id) == policy.permissions(as_actor(person), organisation.id)
