"""Pages and their actions for every role: 404 for what a role may not see, 403 for what it may not do."""

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from keyadmin.models import Event, Key, KeyKind, Organisation, Person
from keyadmin.operations import policy
from keyadmin.web.common.current_user import CurrentUser
from tests.factories import BotFactory, KeyFactory, as_actor, started_revocation
from tests.fixtures.clients import SignedIn
from tests.rollback import rolled_back
from tests.web.role_matrix import ACTIONS, FORM_DATA, PAGES, PREVIEWS, ROLES


@pytest.fixture
def ids(northwind: Organisation) -> dict[str, str]:
    bot = BotFactory.create(organisation=northwind, networks=["203.0.113.0/24"])
    return {
        "bot": str(bot.id),
        "disabled": str(BotFactory.create(organisation=northwind, disabled=True).id),
        "range": str(bot.allow_list.get().id),
        "key": str(KeyFactory.create(organisation=northwind, name="CRM").id),
        "revocation": str(started_revocation(KeyFactory.create(organisation=northwind)).id),
        "graced": str(KeyFactory.create(organisation=northwind, in_grace=True).id),
        "revoked": str(KeyFactory.create(organisation=northwind, revoked=True).id),
        "master": str(KeyFactory.create(organisation=northwind, name="CRM", kind=KeyKind.MASTER).id),
    }


@pytest.mark.parametrize("page", PAGES)
def test_page_status_depends_on_role(
    cast: dict[str, Person], ids: dict[str, str], signed_in: SignedIn, page: str
) -> None:
    got = {role: signed_in(cast[role]).get(page.format(**ids)).status_code for role in ROLES}
    assert got == dict(zip(ROLES, PAGES[page], strict=True))


@pytest.mark.parametrize("page", ACTIONS)
def test_action_status_depends_on_role(
    cast: dict[str, Person], ids: dict[str, str], signed_in: SignedIn, page: str
) -> None:
    """Each role starts from the same rows. An event is recorded if, and only if, the action was done."""
    got, events = {}, {}
    for role in ROLES:
        client = signed_in(cast[role])
        before = Event.objects.count()
        with rolled_back():
            got[role] = client.post(page.format(**ids), FORM_DATA | {"key": ids["key"]}).status_code
            events[role] = Event.objects.count() - before
    assert got == dict(zip(ROLES, ACTIONS[page], strict=True))
    assert events == {role: int(status in (200, 302)) for role, status in got.items()}


@pytest.mark.parametrize("page", PREVIEWS)
def test_preview_status_depends_on_role_and_nothing_changes(
    cast: dict[str, Person], ids: dict[str, str], signed_in: SignedIn, page: str
) -> None:
    clients = {role: signed_in(cast[role]) for role in ROLES}
    before = list(Key.objects.order_by("id").values()), Event.objects.count()
    url, data = page.format(**ids), FORM_DATA | {"key": ids["key"]}
    got = {role: client.post(url, data).status_code for role, client in clients.items()}
    assert got == dict(zip(ROLES, PREVIEWS[page], strict=True))
    assert (list(Key.objects.order_by("id").values()), Event.objects.count()) == before


def test_pages_redirect_to_sign_in_when_signed_out(client: Client, ids: dict[str, str]) -> None:
    pages = [page.format(**ids) for page in PAGES]
    got = {page: client.get(page) for page in pages}
    assert {page: response.get("Location") for page, response in got.items()} == {
        page: f"/account/login/?next={quote(page)}" for page in pages
    }
    assert {response.status_code for response in got.values()} == {302}


def test_pages_are_not_stored_by_caches(maya: Person, ids: dict[str, str], signed_in: SignedIn) -> None:
    client = signed_in(maya)
    for page in PAGES:
        response = client.get(page.format(**ids))
        assert "no-store" in response["Cache-Control"], page
        assert {"HX-Request", "Cookie"} <= {name.strip() for name in response["Vary"].split(",")}, page


def test_pages_reject_other_methods(maya: Person, ids: dict[str, str], signed_in: SignedIn) -> None:
    client = signed_in(maya)
    for method, page in [
        ("post", "/"),
        ("post", "/usage/"),
        ("post", "/keys/"),
        ("post", "/history/"),
        ("post", "/keys/{key}/"),
        ("delete", "/keys/{key}/"),
        ("post", "/review/"),
        ("post", "/review/export/"),
        ("post", "/keys/export/"),
        ("put", "/keys/{key}/revoke/"),
        ("delete", "/keys/{key}/delete/"),
        ("post", "/history/1/"),
        ("get", "/history/export/"),
        ("get", "/history/verify/"),
        ("get", "/keys/create/limits/"),
        ("get", "/keys/create/preview/"),
        ("get", "/keys/{key}/edit/preview/"),
        ("get", "/networks/draft/"),
        ("delete", "/keys/{key}/edit/"),
        ("put", "/keys/{key}/regenerate/"),
    ]:
        assert getattr(client, method)(page.format(**ids)).status_code == 405, (method, page)


def test_get_requests_change_nothing(maya: Person, ids: dict[str, str], signed_in: SignedIn) -> None:
    client = signed_in(maya)
    before = list(Key.objects.order_by("id").values()), Event.objects.count()
    for act in ("revoke", "reactivate", "delete", "edit", "description", "regenerate", "end-grace"):
        client.get(f"/keys/{ids['revoked']}/{act}/")
        assert (list(Key.objects.order_by("id").values()), Event.objects.count()) == before, act


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


def test_permissions_of_the_current_user_are_those_of_the_policy(
    cast: dict[str, Person], northwind: Organisation, contoso: Organisation, rf: Any
) -> None:
    for person in cast.values():
        request = rf.get("/")
        request.user = person
        user = CurrentUser(request)
        for organisation in (northwind, contoso):
            assert user.permissions(organisation.id) == policy.permissions(as_actor(person), organisation.id)
