"""Pages and API for the people of a disabled organisation: they read and export, and change nothing."""

import re

import pytest
from django.test import Client

from keyadmin.models import Event, Organisation, Person
from tests.factories import (
    BotFactory,
    ChannelFactory,
    KeyFactory,
    invitation,
    member_of,
    password_link,
    started_revocation,
)
from tests.fixtures.clients import SignedIn
from tests.web.role_matrix import ACTIONS, ADMIN_ACTIONS, FORM_DATA

WORDS = "Northwind is disabled. You can read and export, but not change anything. A system administrator can enable it."
REASON = "Northwind is disabled and can only be read. A system administrator can enable it."


@pytest.fixture
def ids(northwind: Organisation, contoso: Organisation) -> dict[str, str]:
    """What the addresses of the matrix name."""
    person = member_of(northwind)
    bot = BotFactory.create(organisation=northwind, networks=["192.0.2.0/24"])
    key = KeyFactory.create(organisation=northwind, networks=["10.0.0.0/8", "198.51.100.0/24"])
    rows = {
        "organisation": northwind,
        "contoso": contoso,
        "person": person,
        "link": password_link(person),
        "newcomer": member_of(northwind, unverified=True),
        "invitation": invitation(northwind, email="invited@example.com"),
        "leaver": member_of(northwind, deactivated=True),
        "channel": ChannelFactory.create(organisation=northwind),
        "bot": bot,
        "disabled": BotFactory.create(organisation=northwind, disabled=True),
        "key": key,
        "revocation": started_revocation(KeyFactory.create(organisation=northwind)),
        "graced": KeyFactory.create(organisation=northwind, in_grace=True),
        "revoked": KeyFactory.create(organisation=northwind, revoked=True),
        "range": bot.allow_list.get(),
    }
    Organisation.objects.filter(id=northwind.id).update(is_active=False)
    return {name: str(row.pk) for name, row in rows.items()} | {"tier": "", "master": str(key.pk)}


@pytest.fixture
def owner(jonas: Person, ids: dict[str, str], signed_in: SignedIn) -> Client:
    return signed_in(jonas)


@pytest.mark.parametrize(
    "page", ["/", "/keys/", "/bots/", "/people/", "/history/", "/review/", "/organisations/northwind/"]
)
def test_owner_reads_pages_that_say_why_nothing_can_be_changed(owner: Client, page: str) -> None:
    response = owner.get(page)
    assert response.status_code == 200
    html = re.sub(r"\s+", " ", response.content.decode())
    assert WORDS in html
    main = html.partition("<main ")[2].partition("</main>")[0]
    assert "#dialog-slot" not in main


#: What an owner can do in an enabled organisation, with a form that names Northwind or nothing.
OWNED = [page for page, statuses in ACTIONS.items() if statuses[2] in (200, 302) and "export" not in page]
#: Without people's own profiles.
OWNED_PEOPLE = [
    page
    for page, (_sent, statuses) in ADMIN_ACTIONS.items()
    if statuses[2] in (200, 302) and not page.startswith("/profile/")
]


@pytest.mark.parametrize("page", OWNED + OWNED_PEOPLE)
def test_owner_changes_nothing_on_pages(owner: Client, ids: dict[str, str], page: str) -> None:
    sent = ADMIN_ACTIONS[page][0] if page in ADMIN_ACTIONS else FORM_DATA | {"key": "{key}"}
    before = Event.objects.count()
    data = {name: value.format(**ids) if "{" in value else value for name, value in sent.items()}
    response = owner.post(page.format(**ids), data)
    assert response.status_code == 409, page
    html = response.content.decode()
    assert "disabled" in html
    assert "enable" in html.lower()
    assert Event.objects.count() == before


def test_owner_exports(owner: Client) -> None:
    assert owner.post("/history/export/", {"format": "csv"}).status_code == 200
    assert owner.get("/review/export/").status_code == 200
    assert owner.get("/keys/export/").status_code == 200


def test_owner_signs_in(northwind: Organisation) -> None:
    person = member_of(northwind, "owner", signs_in=True)
    Organisation.objects.filter(id=northwind.id).update(is_active=False)
    client = Client()
    signed = client.post("/account/login/", {"login": person.email, "password": "correct horse battery staple"})
    assert signed.status_code == 302
    assert client.get("/keys/").status_code == 200
