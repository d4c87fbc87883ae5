"""What the form of a key says about the key while it is filled in."""

import re
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any

import pytest
from django.utils import timezone

from keyadmin.models import Event, Key, Organisation, Person, ScopeDay
from tests.factories import BotFactory, ChannelFactory, KeyFactory, OrganisationFactory
from tests.fixtures.clients import SignedIn
from tests.web.pages import form_values

CREATE = "/keys/create/preview/"
type Preview = Callable[..., dict[str, str]]


def parts(html: str) -> dict[str, str]:
    """The text of each part of the preview, by its id."""
    found = re.findall(r'id="key-([a-z-]+)" hx-swap-oob="innerHTML">(.*?)(?=<\w+ id="key-|\Z)', html, re.DOTALL)
    return {name: " ".join(re.sub(r"<[^>]*>", " ", content).split()).replace(" .", ".") for name, content in found}


@pytest.fixture
def preview(jonas: Person, htmx: SignedIn, new_key: dict[str, Any]) -> Preview:
    """Sends the form of a new key with changes; returns the texts of the preview."""

    def send(**changes: Any) -> dict[str, str]:
        response = htmx(jonas).post(CREATE, new_key | changes)
        assert response.status_code == 200
        return parts(response.content.decode())

    return send


def test_sentence_follows_the_form(preview: Preview, northwind: Organisation) -> None:
    channels = [ChannelFactory.create(organisation=northwind, name=name) for name in ("Telegram", "Web chat")]
    day = (timezone.now().astimezone(UTC) + timedelta(days=90)).strftime("%-d %b %Y")
    said = preview()
    assert said["sentence"] == (
        f"CRM integration can read chats on all channels, from any IP address, until {day}, "
        "up to 1,000 requests an hour."
    )
    assert said["expiry"].startswith(f"Expires {day}, ")
    assert said["no-networks"] == "Any IP address. Add one to restrict this key."
    said = preview(
        name="  ",
        scopes=["chats:export", "chats:read"],
        channels=[str(channel.id) for channel in channels],
        networks=["203.0.113.0/24"],
        network="192.0.2.1 nonsense",
        expires="never",
    )
    assert said["sentence"] == (
        "This key can read chats and export every chat on Telegram and Web chat, "
        "from 203.0.113.0/24 and 192.0.2.1/32, with no end date, up to 1,000 requests an hour."
    )
    assert said["expiry"] == "Never expires. The review report will list it."


def test_form_opens_with_its_preview(jonas: Person, htmx: SignedIn) -> None:
    html = htmx(jonas).get("/keys/create/").content.decode()
    assert "<b>This key</b> can <b>read chats</b>" in " ".join(html.split())
    assert "Expires " in html


@pytest.mark.parametrize(("scopes", "warns"), [(["chats:read"], False), (["chats:read", "chats:export"], True)])
def test_key_that_can_export_from_any_address_is_warned_about(preview: Preview, scopes: list[str], warns: bool) -> None:
    warning = "This key can export every chat from any IP address. Restrict its addresses or remove Export data."
    assert preview(scopes=scopes)["broad"] == (warning if warns else "")
    assert preview(scopes=scopes, networks=["10.0.0.0/8"])["broad"] == ""


def test_full_access_is_warned_about(preview: Preview) -> None:
    said = preview(inherits="on", scopes=[])
    assert "can do everything you can on all channels" in said["sentence"]
    assert said["broad"] == (
        "This key can do everything you can from any IP address. Restrict its addresses or choose single permissions."
    )


def test_key_without_permission_is_pointed_out(preview: Preview) -> None:
    assert preview(scopes=[])["sentence"].startswith("Choose at least one permission.")


def test_ranges_of_the_bot_apply(preview: Preview, northwind: Organisation) -> None:
    bot = BotFactory.create(organisation=northwind, name="Concierge", networks=["203.0.113.0/24"])
    owned = {"owner": f"bot:{bot.id}", "scopes": ["chats:export"]}
    said = preview(**owned)
    assert said["no-networks"] == "Its bot’s addresses: 203.0.113.0/24"
    assert "from 203.0.113.0/24," in said["sentence"]
    assert said["broad"] == said["outside"] == ""
    said = preview(**owned, networks=["203.0.113.9", "10.0.0.5"])
    assert "from 203.0.113.9/32," in said["sentence"]
    assert said["outside"] == "Restricted by Concierge to: 203.0.113.0/24. On both lists: 203.0.113.9/32."
    said = preview(**owned, networks=["10.0.0.5"])
    assert said["outside"] == (
        "Restricted by Concierge to: 203.0.113.0/24. "
        "10.0.0.5/32 is outside Concierge’s allow-list. This key can’t be used from any address."
    )
    assert "from no IP address," in said["sentence"]


@pytest.mark.parametrize(
    ("changes", "caption"),
    [
        ({"expires": "custom", "expires_on": ""}, "Choose a date"),
        ({"expires": "custom", "expires_on": "2100-02-30"}, "Choose a date"),
        ({"expires": "custom", "expires_on": "2100-02-28"}, "Expires 28 Feb 2100, 23:59 UTC"),
        ({"expires": "custom", "expires_on": "9999-12-31"}, "Expires 31 Dec 9999, 23:59 UTC"),
        ({"expires": "1e9"}, "Choose a date"),
        ({"expires": ""}, "Choose a date"),
    ],
)
def test_caption_says_when_the_key_expires(preview: Preview, changes: dict[str, str], caption: str) -> None:
    assert preview(**changes)["expiry"] == caption


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"owner": "nonsense", "tier": "x", "channels": ["x"], "scopes": ["x", "\x00"], "networks": ["\x00"]},
        {"name": "\x00" * 500, "expires": "custom", "expires_on": "\x00", "network": "," * 500},
        {"expires": "keep", "inherits": "x"},
    ],
)
def test_half_filled_form_has_a_preview(
    jonas: Person, northwind: Organisation, htmx: SignedIn, sent: dict[str, Any]
) -> None:
    key = KeyFactory.create(organisation=northwind)
    for url in (CREATE, f"/keys/{key.id}/edit/preview/"):
        response = htmx(jonas).post(url, sent)
        assert response.status_code == 200
        assert parts(response.content.decode()).keys() == {
            "sentence",
            "expiry",
            "no-networks",
            "outside",
            "broad",
            "missed",
        }


def test_unticked_permission_in_use_is_warned_about(jonas: Person, northwind: Organisation, htmx: SignedIn) -> None:
    key = KeyFactory.create(organisation=northwind, scopes=["chats:read", "chats:write"])
    today = timezone.now().astimezone(UTC).date()
    ScopeDay.objects.create(key_id=key.id, day=today, scope="chats:write", count=3)
    client = htmx(jonas)
    sent = form_values(client.get(f"/keys/{key.id}/edit/").content.decode())

    def missed(**changes: Any) -> str:
        response = client.post(f"/keys/{key.id}/edit/preview/", sent | changes)
        return parts(response.content.decode())["missed"]

    assert missed() == ""
    assert missed(scopes=["chats:read"]) == (
        "You removed permissions that are in use. Requests that need Write chats will be denied (403)."
    )


def test_kept_expiry_is_that_of_the_key(jonas: Person, northwind: Organisation, htmx: SignedIn) -> None:
    expires_at = timezone.now() + timedelta(days=200)
    key = KeyFactory.create(organisation=northwind, expires_at=expires_at)
    client = htmx(jonas)
    sent = form_values(client.get(f"/keys/{key.id}/edit/").content.decode())
    said = parts(client.post(f"/keys/{key.id}/edit/preview/", sent).content.decode())
    assert said["expiry"] == f"Expires {expires_at.astimezone(UTC):%-d %b %Y, %H:%M} UTC"


def test_full_access_of_another_person_names_them(
    maya: Person, jonas: Person, northwind: Organisation, htmx: SignedIn
) -> None:
    key = KeyFactory.create(organisation=northwind, inherits=True, creator=maya)
    client = htmx(jonas)
    sent = form_values(client.get(f"/keys/{key.id}/edit/").content.decode())
    said = parts(client.post(f"/keys/{key.id}/edit/preview/", sent).content.decode())
    assert "can do everything Maya Okafor can" in said["sentence"]


def test_preview_reads_no_bot_of_another_organisation(jonas: Person, htmx: SignedIn, new_key: dict[str, Any]) -> None:
    bot = BotFactory.create(organisation=OrganisationFactory.create(), networks=["198.51.100.0/24"])
    html = htmx(jonas).post(CREATE, new_key | {"owner": f"bot:{bot.id}"}).content.decode()
    assert "198.51.100.0/24" not in html


def test_preview_saves_nothing(jonas: Person, northwind: Organisation, htmx: SignedIn, new_key: dict[str, Any]) -> None:
    key = KeyFactory.create(organisation=northwind)
    client = htmx(jonas)
    before = list(Key.objects.values()), Event.objects.count()
    for url in (CREATE, f"/keys/{key.id}/edit/preview/"):
        assert client.post(url, new_key | {"revision": "1"}).status_code == 200
    assert (list(Key.objects.values()), Event.objects.count()) == before


def test_preview_costs_few_statements_however_long_the_lists_are(
    jonas: Person, northwind: Organisation, htmx: SignedIn, new_key: dict[str, Any], django_assert_max_num_queries: Any
) -> None:
    client = htmx(jonas)
    key = KeyFactory.create(bot=BotFactory.create(organisation=northwind, networks=["10.0.0.0/8"]))
    counts = []
    for count in (1, 50):
        sent = new_key | {"networks": [f"10.0.{n}.0/24" for n in range(count)], "owner": f"bot:{key.bot_id}"}
        for _ in range(count):
            ChannelFactory.create(organisation=northwind)
        for url in (CREATE, f"/keys/{key.id}/edit/preview/", "/networks/draft/"):
            with django_assert_max_num_queries(12) as captured:
                client.post(url, sent | {"network": "192.0.2.1"})
            counts.append(len(captured))
    assert counts[:3] == counts[3:]
