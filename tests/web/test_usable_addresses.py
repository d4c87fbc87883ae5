"""A key that no address can use: its own list and its bot's have nothing in common.

The forms warn before saving; the key's page, the review report and Explain (tests/explain) say so afterwards.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from keyadmin.models import AddressDay, AllowListEntry, Bot, Finding, Key, Organisation, Person, review
from keyadmin.web.allow_lists.lockout import BlockedAddresses
from tests.factories import BotFactory, KeyFactory
from tests.fixtures.clients import SignedIn

CANNOT_BE_USED = "This key can’t be used from any address."


@pytest.fixture
def bot(northwind: Organisation) -> Bot:
    bot: Bot = BotFactory.create(
        organisation=northwind, name="Concierge", networks=["203.0.113.0/24", "2001:db8::/32"], is_conversational=False
    )
    return bot


@pytest.fixture
def new_key(northwind: Organisation, bot: Bot) -> Callable[..., dict[str, Any]]:
    def fields(*networks: str) -> dict[str, Any]:
        return {
            "name": "CRM",
            "owner": f"bot:{bot.id}",
            "scopes": ["chats:read"],
            "networks": list(networks),
            "expires": "never",
            "tier": str(northwind.default_tier_id),
            "idempotency_key": f"for {len(networks)}",
        }

    return fields


@pytest.mark.parametrize("networks", [["10.0.0.5"], ["10.0.0.0/8", "2001:db9::/32"], ["203.0.112.0/24"]])
def test_new_key_outside_its_bots_list_is_created_only_after_a_warning(
    jonas: Person, htmx: SignedIn, new_key: Callable[..., dict[str, Any]], networks: list[str]
) -> None:
    client = htmx(jonas)
    asked = client.post("/keys/create/", new_key(*networks))
    html = asked.content.decode()
    assert (asked.status_code, Key.objects.count()) == (422, 0)
    assert CANNOT_BE_USED in html
    assert "Restricted by Concierge to: 203.0.113.0/24, 2001:db8::/32." in html
    [confirmed] = re.findall(r'name="anyway" value="([^"]+)"', html)
    other = client.post("/keys/create/", new_key("198.51.100.1") | {"anyway": confirmed})
    assert (other.status_code, Key.objects.count()) == (422, 0), "another list was confirmed"
    assert client.post("/keys/create/", new_key(*networks) | {"anyway": confirmed}).status_code == 200
    assert Key.objects.get().allow_list.count() == len(networks)


@pytest.mark.parametrize("networks", [[], ["203.0.113.7"], ["10.0.0.5", "2001:db8:1::/48"], ["203.0.0.0/16"]])
def test_new_key_with_an_address_on_both_lists_is_created_at_once(
    jonas: Person, htmx: SignedIn, new_key: Callable[..., dict[str, Any]], networks: list[str]
) -> None:
    assert htmx(jonas).post("/keys/create/", new_key(*networks)).status_code == 200
    assert Key.objects.count() == 1


def test_form_shows_both_lists_and_what_they_have_in_common(
    jonas: Person, htmx: SignedIn, new_key: Callable[..., dict[str, Any]]
) -> None:
    html = htmx(jonas).post("/keys/create/preview/", new_key("203.0.113.7", "10.0.0.0/8")).content.decode()
    assert "Restricted by Concierge to: 203.0.113.0/24, 2001:db8::/32." in html
    assert "On both lists: 203.0.113.7/32." in html


def edited(client: Client, key: Key, networks: list[str], **more: str) -> Any:
    form = {
        "name": key.name,
        "scopes": ["chats:read"],
        "networks": networks,
        "expires": "never",
        "tier": str(key.tier_id),
        "revision": str(Key.objects.get(id=key.id).revision),
    }
    return client.post(f"/keys/{key.id}/edit/", form | more)


def test_edit_that_leaves_no_usable_address_needs_a_confirmation(jonas: Person, bot: Bot, htmx: SignedIn) -> None:
    key = KeyFactory.create(bot=bot, networks=["203.0.113.7"])
    client = htmx(jonas)
    asked = edited(client, key, ["10.0.0.5/32"])
    assert asked.status_code == 422
    assert CANNOT_BE_USED in asked.content.decode()
    assert edited(client, key, ["10.0.0.5/32"], anyway="10.0.0.5/32").status_code == 204 or not key.allow_list.filter(
        network="203.0.113.7/32"
    )
    assert edited(client, key, ["10.0.0.5/32"], name="Renamed").status_code < 300, "the list does not change"


def test_list_editor_of_a_key_warns_before_its_first_range(jonas: Person, bot: Bot, htmx: SignedIn) -> None:
    key = KeyFactory.create(bot=bot)
    url = f"/keys/{key.id}/networks/"
    asked = htmx(jonas).post(url, {"network": "10.0.0.5"})
    assert asked.status_code == 422
    assert CANNOT_BE_USED in asked.content.decode()
    assert htmx(jonas).post(url, {"network": "10.0.0.5", "anyway": "10.0.0.5/32"}).status_code == 200
    assert key.allow_list.count() == 1


def test_list_editor_of_a_bot_names_the_keys_that_stop(jonas: Person, bot: Bot, htmx: SignedIn) -> None:
    for name, networks in {"CRM": ["203.0.113.7"], "Mail": ["2001:db8::1"], "Open": [], "Lost": ["10.0.0.5"]}.items():
        KeyFactory.create(bot=bot, name=name, networks=networks)
    entry = AllowListEntry.objects.get(bot=bot, network="203.0.113.0/24")
    asked = htmx(jonas).post(f"/networks/{entry.id}/remove/", {})
    assert asked.status_code == 422
    html = asked.content.decode()
    assert "1 key has a list of its own without any of these addresses: CRM. It can’t be used any more." in html
    assert AllowListEntry.objects.filter(id=entry.id).exists()


def test_key_page_shows_both_lists_and_their_intersection(jonas: Person, bot: Bot, signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    usable = KeyFactory.create(bot=bot, networks=["203.0.113.7", "10.0.0.0/8"])
    html = client.get(f"/keys/{usable.id}/").content.decode()
    assert html.count("<code>203.0.113.7/32</code>") == 2
    assert html.count("<code>10.0.0.0/8</code>") == 1
    assert CANNOT_BE_USED not in html
    unusable = KeyFactory.create(bot=bot, networks=["10.0.0.0/8"])
    assert CANNOT_BE_USED in client.get(f"/keys/{unusable.id}/").content.decode()


@pytest.mark.parametrize(
    ("own", "of_bot", "is_found"),
    [
        (["10.0.0.0/8"], ["203.0.113.0/24"], True),
        (["2001:db8::/32"], ["203.0.113.0/24"], True),
        (["10.0.0.0/8"], ["10.1.0.0/16"], False),
        (["10.1.2.3"], ["10.1.0.0/16"], False),
        (["10.0.0.0/8"], [], False),
        ([], ["203.0.113.0/24"], False),
        ([], [], False),
    ],
)
def test_review_report_lists_keys_without_a_usable_address(
    northwind: Organisation, own: list[str], of_bot: list[str], *, is_found: bool
) -> None:
    key = KeyFactory.create(bot=BotFactory.create(organisation=northwind, networks=of_bot), networks=own)
    [row] = review.review_keys(Key.objects.filter(id=key.id))
    assert (Finding.NO_ADDRESS in row.findings) == is_found


def test_lockout_warning_counts_every_address(jonas: Person, bot: Bot, htmx: SignedIn) -> None:
    key = KeyFactory.create(organisation=bot.organisation)
    for address, count in {"203.0.113.9": 840, "203.0.113.25": 527, "192.0.2.1": 5}.items():
        AddressDay.objects.create(key_id=key.id, day=timezone.now().date(), address=address, count=count, weight=count)
    asked = htmx(jonas).post(f"/keys/{key.id}/networks/", {"network": "192.0.2.0/24"})
    assert (
        "This would block 2 addresses that made 1,367 requests today: 203.0.113.9 (840), 203.0.113.25 (527)."
        in asked.content.decode()
    )


@pytest.mark.parametrize(
    ("requests", "is_today", "words"),
    [
        ({"203.0.113.9": 1}, True, "This would block 203.0.113.9, which made 1 request today."),
        ({"203.0.113.9": 1200}, False, "This would block 203.0.113.9, which made 1,200 requests yesterday."),
        (
            {f"10.0.0.{number}": 1 for number in range(8)},
            False,
            (
                "This would block 8 addresses that made 8 requests yesterday: 10.0.0.0 (1), 10.0.0.1 (1), "
                "10.0.0.2 (1), 10.0.0.3 (1), 10.0.0.4 (1) and 3 more."
            ),
        ),
    ],
)
def test_lockout_warning_in_words(requests: dict[str, int], words: str, *, is_today: bool) -> None:
    assert BlockedAddresses(requests, is_today=is_today).warning == words
