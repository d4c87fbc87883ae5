"""The allow-list row editor: add, change, remove and undo, by htmx and without scripts."""

import re
from datetime import UTC, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from keyadmin.models import AddressDay, AllowListEntry, Bot, Event, Key, Meter, Organisation, Person
from tests.factories import BotFactory, KeyFactory
from tests.fixtures.clients import SignedIn
from tests.operations.helpers import issue, latest_event
from tests.web.markup import collapse
from tests.web.pages import form_values


@pytest.fixture
def bot(northwind: Organisation) -> Bot:
    row: Bot = BotFactory.create(organisation=northwind, networks=["198.51.100.0/24"])
    return row


def ranges() -> list[str]:
    return [str(entry) for entry in AllowListEntry.objects.all()]


def said(response: Any) -> str:
    found = re.search(
        r'hx-swap-oob="innerHTML">\s*(?:<svg.*?</svg>)?\s*([^<]*)</p>', response.content.decode(), re.DOTALL
    )
    assert found
    return found[1].strip()


def shown_text(html: str) -> str:
    """The text of the markup, without tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def use(key: Key, address: str, calls: int) -> None:
    today = timezone.now().astimezone(UTC).date()
    AddressDay.objects.create(key_id=key.id, day=today, address=address, count=calls, weight=calls)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("192.0.2.64/26", "192.0.2.64/26"),
        (" 203.0.113.24 ", "203.0.113.24/32"),
        ("2001:db8::/48", "2001:db8::/48"),
    ],
)
def test_added_range_is_listed(jonas: Person, bot: Bot, htmx: SignedIn, typed: str, kept: str) -> None:
    response = htmx(jonas).post(f"/bots/{bot.id}/networks/", {"network": typed})
    assert response.status_code == 200
    assert said(response) == f"{kept} added"
    html = response.content.decode()
    assert html.strip().startswith('<div id="networks-body"')
    assert re.search(r'<textarea id="networks"[^>]* data-focus', html)
    assert ranges() == ["198.51.100.0/24", kept]
    assert latest_event().changes["networks"][1] == sorted(["198.51.100.0/24", kept])


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("10.0.0.0/8", "/8 is too wide. Use a suffix from /16 to /32."),
        ("2001:db8::/20", "/20 is too wide. Use a suffix from /32 to /128."),
        (
            "203.0.113.24/24",
            (
                "203.0.113.24/24 is an address inside a range. "
                "Use 203.0.113.0/24 for the range, or 203.0.113.24 for the address."
            ),
        ),
        ("198.51.100.16/28", "198.51.100.16/28 is already covered by 198.51.100.0/24."),
        ("198.51.100.0/24", "198.51.100.0/24 is already on the list."),
        ("", "Enter an IP address or a network"),
        ("nonsense", "Enter an IP address or a network"),
    ],
)
def test_invalid_range_shows_an_error(jonas: Person, bot: Bot, htmx: SignedIn, typed: str, words: str) -> None:
    response = htmx(jonas).post(f"/bots/{bot.id}/networks/", {"network": typed})
    assert response.status_code == 422
    html = response.content.decode()
    assert words in shown_text(html)
    assert 'aria-invalid="true" aria-describedby="networks_error networks-hint"' in collapse(html)
    assert f">{typed}</textarea>" in html
    assert ranges() == ["198.51.100.0/24"]


def test_add_button_is_enabled_for_valid_ranges_only(jonas: Person, bot: Bot, htmx: SignedIn) -> None:
    def wakes(typed: str) -> bool:
        html = htmx(jonas).post(f"/bots/{bot.id}/networks/check/", {"network": typed}).content.decode()
        return 'aria-disabled="false"' in html

    assert all(map(wakes, ("203.0.113.0/24", "203.0.113.0/24, 192.0.2.0/24")))
    assert not any(map(wakes, ("", "203.0.113", "203.0.113.24/24", "10.0.0.0/8", "198.51.100.7", "192.0.2.1 x")))


def test_range_is_changed_in_place(jonas: Person, bot: Bot, htmx: SignedIn) -> None:
    entry = bot.allow_list.get()
    url = f"/networks/{entry.id}/"
    assert re.search(r'id="networks"[^>]*value="198.51.100.0/24"', htmx(jonas).get(url).content.decode())
    wrong = htmx(jonas).post(url, {"network": "10.0.0.0/8"})
    assert wrong.status_code == 422
    assert "/8 is too wide." in wrong.content.decode()
    assert "No changes to save." in htmx(jonas).post(url, {"network": "198.51.100.0/24"}).content.decode()
    assert said(htmx(jonas).post(url, {"network": "198.51.0.0/16"})) == "198.51.100.0/24 is now 198.51.0.0/16"
    assert ranges() == ["198.51.0.0/16"]


def test_removed_range_is_restored_by_undo(jonas: Person, bot: Bot, htmx: SignedIn) -> None:
    htmx(jonas).post(f"/bots/{bot.id}/networks/", {"network": "192.0.2.64/26"})
    entry = bot.allow_list.get(network="192.0.2.64/26")
    response = htmx(jonas).post(f"/networks/{entry.id}/remove/")
    assert said(response) == "192.0.2.64/26 removed"
    html = response.content.decode()
    assert "data-undo" in html
    assert ranges() == ["198.51.100.0/24"]
    htmx(jonas).post(f"/bots/{bot.id}/networks/", {"network": "203.0.113.0/24"})
    [token] = re.findall(r'name="undo" value="([^"]*)"', html)
    undo = {"undo": token}
    back = htmx(jonas).post(f"/bots/{bot.id}/networks/", undo)
    assert said(back) == "192.0.2.64/26 added"
    assert ranges() == ["198.51.100.0/24", "192.0.2.64/26", "203.0.113.0/24"]
    assert [event.type for event in Event.objects.filter(type__startswith="allow_list")] == [
        "allow_list.added",
        "allow_list.added",
        "allow_list.removed",
        "allow_list.added",
    ]


def test_removal_of_the_last_range_must_be_confirmed(jonas: Person, bot: Bot, htmx: SignedIn) -> None:
    url = f"/networks/{bot.allow_list.get().id}/remove/"
    response = htmx(jonas).post(url)
    assert response.status_code == 422
    assert "This is the last range. Removing it allows any IP address." in response.content.decode()
    assert ranges() == ["198.51.100.0/24"]
    assert "Any IP address is allowed." in htmx(jonas).post(url, {"allow_any": "1"}).content.decode()
    assert ranges() == []


def test_first_range_that_blocks_a_used_address_must_be_confirmed(
    jonas: Person, northwind: Organisation, htmx: SignedIn
) -> None:
    bot = BotFactory.create(organisation=northwind)
    use(KeyFactory.create(bot=bot), "203.0.113.9", 600)
    use(KeyFactory.create(bot=bot), "203.0.113.9", 240)
    use(KeyFactory.create(bot=bot), "192.0.2.1", 500)
    url = f"/bots/{bot.id}/networks/"
    warned = htmx(jonas).post(url, {"network": "192.0.2.0/24"})
    assert warned.status_code == 422
    html = warned.content.decode()
    assert "This would block 203.0.113.9, which made 840 requests today." in html
    assert 'name="anyway" value="192.0.2.0/24"' in html
    assert "Add anyway" in html
    another = htmx(jonas).post(url, {"network": "198.51.100.0/24", "anyway": "192.0.2.0/24"})
    assert another.status_code == 422
    assert ranges() == []
    assert htmx(jonas).post(url, {"network": "192.0.2.0/24", "anyway": "192.0.2.0/24"}).status_code == 200
    assert htmx(jonas).post(url, {"network": "10.9.0.0/16"}).status_code == 200


def test_change_that_blocks_a_used_address_must_be_confirmed(jonas: Person, bot: Bot, htmx: SignedIn) -> None:
    use(KeyFactory.create(bot=bot), "198.51.100.200", 1)
    url = f"/networks/{bot.allow_list.get().id}/"
    warned = htmx(jonas).post(url, {"network": "198.51.100.0/25"}).content.decode()
    assert "This would block 198.51.100.200, which made 1 request today." in warned
    assert "Save anyway" in warned
    assert htmx(jonas).post(url, {"network": "198.51.100.0/25", "anyway": "198.51.100.0/25"}).status_code == 200
    assert ranges() == ["198.51.100.0/25"]


def test_key_list_that_blocks_a_used_address_must_be_confirmed(
    jonas: Person, northwind: Organisation, htmx: SignedIn
) -> None:
    """Those of today: not of yesterday, not another key's; and who called a moment ago, counted or not."""
    key, other = KeyFactory.create(organisation=northwind), KeyFactory.create(organisation=northwind)
    today = timezone.now().astimezone(UTC).date()
    use(key, "203.0.113.9", 7)
    use(key, "203.0.113.10", 9)
    use(other, "203.0.113.11", 900)
    yesterday = today - timedelta(days=1)
    AddressDay.objects.create(key_id=key.id, day=yesterday, address="203.0.113.12", count=900, weight=900)
    url = f"/keys/{key.id}/networks/"
    warned = htmx(jonas).post(url, {"network": "10.0.0.0/8"}).content.decode()
    assert "This would block 2 addresses that made 16 requests today: 203.0.113.10 (9), 203.0.113.9 (7)." in warned
    Meter.objects.filter(key_id=key.id).update(last_used_at=timezone.now(), last_used_ip="203.0.113.99")
    warned = htmx(jonas).post(url, {"network": "203.0.113.0/27"}).content.decode()
    assert "This would block 203.0.113.99, which made 1 request today." in warned


def test_key_without_a_list_shows_the_ranges_of_its_bot(jonas: Person, bot: Bot, htmx: SignedIn) -> None:
    key = KeyFactory.create(bot=bot)
    html = htmx(jonas).get(f"/keys/{key.id}/networks/").content.decode()
    assert "Its bot’s addresses are allowed:</b>198.51.100.0/24." in collapse(html)
    assert "Any IP address is allowed." not in html


def test_addresses_of_yesterday_count_shortly_after_midnight(jonas: Person, bot: Bot, htmx: SignedIn) -> None:
    key, day = KeyFactory.create(bot=bot), timezone.now().astimezone(UTC).date()
    for back, address, count in ((1, "198.51.100.200", 840), (2, "198.51.100.201", 900)):
        AddressDay.objects.create(
            key_id=key.id, day=day - timedelta(days=back), address=address, count=count, weight=count
        )
    url = f"/networks/{bot.allow_list.get().id}/"
    warned = htmx(jonas).post(url, {"network": "198.51.100.0/25"})
    assert warned.status_code == 422
    assert "This would block 198.51.100.200, which made 840 requests yesterday." in warned.content.decode()


def test_address_that_is_blocked_already_needs_no_confirmation(jonas: Person, bot: Bot, htmx: SignedIn) -> None:
    use(KeyFactory.create(bot=bot), "8.8.8.8", 100)
    assert htmx(jonas).post(f"/networks/{bot.allow_list.get().id}/", {"network": "198.51.100.0/25"}).status_code == 200


def test_key_list_accepts_wider_ranges_than_a_bot_list(jonas: Person, northwind: Organisation, htmx: SignedIn) -> None:
    key = KeyFactory.create(organisation=northwind)
    response = htmx(jonas).post(f"/keys/{key.id}/networks/", {"network": "10.0.0.0/8"})
    assert said(response) == "10.0.0.0/8 added"
    assert "Applies to this key alone." not in response.content.decode()
    page = htmx(jonas).post(f"/keys/{key.id}/networks/check/", {"network": "11.0.0.0/8"})
    assert 'aria-disabled="false"' in page.content.decode()
    key.refresh_from_db()
    assert key.revision == 2


def test_editor_works_as_a_page_without_htmx(jonas: Person, bot: Bot, signed_in: SignedIn) -> None:
    client, url = signed_in(jonas), f"/bots/{bot.id}/networks/"
    assert client.post(url, {"network": "192.0.2.64/26"})["Location"] == url
    assert "192.0.2.64/26 added" in client.get(url).content.decode()
    wrong = client.post(url, {"network": "10.0.0.0/8"})
    assert wrong.status_code == 422
    assert "<html" in wrong.content.decode()
    entry = bot.allow_list.get(network="192.0.2.64/26")
    assert "Edit range 192.0.2.64/26" in client.get(f"/networks/{entry.id}/").content.decode()
    removed = client.post(f"/networks/{entry.id}/remove/")
    assert removed["Location"].startswith(f"{url}?removed=")
    assert "data-undo" in client.get(removed["Location"]).content.decode()
    of_another = removed["Location"].replace(str(bot.id), str(BotFactory.create(organisation=bot.organisation).id))
    for nothing in (of_another, f"{url}?removed=192.0.2.64/26"):
        assert "data-undo" not in client.get(nothing).content.decode()
    client.post(url, {"network": "192.0.2.0/24"})
    assert "data-undo" not in client.get(removed["Location"]).content.decode()


def test_auditors_see_ranges_without_actions(asha: Person, bot: Bot, signed_in: SignedIn) -> None:
    html = signed_in(asha).get(f"/bots/{bot.id}/networks/").content.decode()
    assert "198.51.100.0/24" in html
    assert "<textarea" not in html
    assert "/remove/" not in html


def test_range_that_was_removed_meanwhile_is_404(jonas: Person, bot: Bot, htmx: SignedIn) -> None:
    entry = bot.allow_list.get()
    entry.delete()
    for url in (f"/networks/{entry.id}/", f"/networks/{entry.id}/remove/"):
        assert htmx(jonas).post(url, {"network": "192.0.2.0/24"}).status_code == 404


def test_list_of_another_organisation_is_404(lena: Person, bot: Bot, htmx: SignedIn) -> None:
    key = KeyFactory.create(bot=bot, networks=["10.0.0.0/8"])
    entries = [str(entry.id) for entry in AllowListEntry.objects.all()]
    client = htmx(lena)
    for url in (
        f"/bots/{bot.id}/networks/",
        f"/keys/{key.id}/networks/",
        *(f"/networks/{e}/" for e in entries),
        *(f"/networks/{e}/remove/" for e in entries),
    ):
        assert client.post(url, {"network": "192.0.2.0/24", "allow_any": "1"}).status_code == 404, url
    assert len(ranges()) == 2


def test_removal_that_blocks_a_used_address_must_be_confirmed(jonas: Person, bot: Bot, htmx: SignedIn) -> None:
    client = htmx(jonas)
    client.post(f"/bots/{bot.id}/networks/", {"network": "192.0.2.0/24"})
    used, unused = (bot.allow_list.get(network=text) for text in ("198.51.100.0/24", "192.0.2.0/24"))
    use(KeyFactory.create(bot=bot), "198.51.100.200", 12)
    warned = client.post(f"/networks/{used.id}/remove/")
    assert warned.status_code == 422
    html = warned.content.decode()
    assert "This would block 198.51.100.200, which made 12 requests today." in html
    assert 'name="anyway" value="198.51.100.0/24"' in html
    assert "This is the last range. Removing it allows any IP address." not in html
    assert html.count("This would block") == 1
    assert ranges() == ["198.51.100.0/24", "192.0.2.0/24"]
    assert client.post(f"/networks/{unused.id}/remove/").status_code == 200
    client.post(f"/bots/{bot.id}/networks/", {"network": "192.0.2.0/24"})
    removed = client.post(f"/networks/{used.id}/remove/", {"anyway": "198.51.100.0/24"})
    assert removed.status_code == 200
    assert ranges() == ["192.0.2.0/24"]


def test_pasted_list_adds_valid_ranges_and_keeps_the_others_in_the_field(
    jonas: Person, bot: Bot, htmx: SignedIn
) -> None:
    typed = "192.0.2.0/25, 10.0.0.0/8\n2001:db8::/48 198.51.100.7;192.0.2.0/25"
    response = htmx(jonas).post(f"/bots/{bot.id}/networks/", {"network": typed})
    assert response.status_code == 422
    assert said(response) == "192.0.2.0/25 and 2001:db8::/48 added"
    assert ranges() == ["198.51.100.0/24", "192.0.2.0/25", "2001:db8::/48"]
    html = response.content.decode()
    assert ">10.0.0.0/8 198.51.100.7 192.0.2.0/25</textarea>" in html
    for message in (
        "10.0.0.0/8 /8 is too wide. Use a suffix from /16 to /32.",
        "198.51.100.7 198.51.100.7/32 is already covered by 198.51.100.0/24.",
        "192.0.2.0/25 192.0.2.0/25 is already on the list.",
    ):
        assert message in shown_text(html)


def test_suggestion_replaces_the_rejected_text(jonas: Person, bot: Bot, htmx: SignedIn) -> None:
    client, url = htmx(jonas), f"/bots/{bot.id}/networks/"
    typed = "203.0.113.24/24, x"
    html = client.post(url, {"network": typed}).content.decode()
    suggestions = re.findall(r'name="use" value="([^"]*)"', html)
    assert suggestions == ["203.0.113.24/24 203.0.113.0/24", "203.0.113.24/24 203.0.113.24"]
    response = client.post(url, {"network": typed, "use": suggestions[1]})
    assert said(response) == "203.0.113.24/32 added"
    assert ">x</textarea>" in response.content.decode()
    assert ranges() == ["198.51.100.0/24", "203.0.113.24/32"]


def test_suggestion_replaces_the_text_of_a_range_that_is_edited(jonas: Person, bot: Bot, htmx: SignedIn) -> None:
    client, url = htmx(jonas), f"/networks/{bot.allow_list.get().id}/"
    html = client.post(url, {"network": "203.0.113.24/24"}).content.decode()
    suggestion, target = re.findall(r'name="use" value="([^"]*)" hx-post="([^"]*)"', html)[0]
    assert target == url
    assert client.post(url, {"network": "203.0.113.24/24", "use": suggestion}).status_code == 200
    assert ranges() == ["203.0.113.0/24"]


def test_first_ranges_are_checked_together_for_used_addresses(
    jonas: Person, northwind: Organisation, htmx: SignedIn
) -> None:
    bot = BotFactory.create(organisation=northwind)
    use(KeyFactory.create(bot=bot), "203.0.113.9", 5)
    client, url = htmx(jonas), f"/bots/{bot.id}/networks/"
    html = client.post(url, {"network": "192.0.2.0/24 198.51.100.0/24"}).content.decode()
    assert 'name="anyway" value="192.0.2.0/24 198.51.100.0/24"' in html
    assert client.post(url, {"network": "192.0.2.0/24 203.0.113.0/24"}).status_code == 200
    assert ranges() == ["192.0.2.0/24", "203.0.113.0/24"]


class TestDraft:
    """The list in a form: it is checked like a saved list, and nothing is saved."""

    url = "/networks/draft/"

    def rows(self, html: str) -> list[str]:
        return re.findall(r'name="networks" value="([^"]*)" checked', html)

    def test_pasted_list_becomes_rows_and_errors(self, jonas: Person, htmx: SignedIn) -> None:
        sent = {"networks": ["10.0.0.0/8"], "network": "203.0.113.24,10.1.0.0/16\n203.0.113.24/24"}
        response = htmx(jonas).post(self.url, sent)
        assert response.status_code == 422
        assert said(response) == "203.0.113.24/32 added"
        html = response.content.decode()
        assert self.rows(html) == ["10.0.0.0/8", "203.0.113.24/32"]
        assert ">10.1.0.0/16 203.0.113.24/24</textarea>" in html
        text = shown_text(html)
        assert "10.1.0.0/16 10.1.0.0/16 is already covered by 10.0.0.0/8." in text
        assert "Use 203.0.113.0/24 for the range, or 203.0.113.24 for the address." in text
        assert re.search(r'<textarea id="id_networks"[^>]* data-focus', html)
        assert ranges() == []
        assert not Event.objects.filter(type__startswith="allow_list").exists()

    def test_suggestion_becomes_a_row(self, jonas: Person, htmx: SignedIn) -> None:
        sent = {"network": "203.0.113.24/24", "use": "203.0.113.24/24 203.0.113.0/24"}
        response = htmx(jonas).post(self.url, sent)
        assert response.status_code == 200
        assert self.rows(response.content.decode()) == ["203.0.113.0/24"]

    def test_nothing_typed_is_an_error(self, jonas: Person, htmx: SignedIn) -> None:
        response = htmx(jonas).post(self.url, {"networks": ["10.0.0.0/8"], "network": " "})
        assert response.status_code == 422
        assert "Enter an IP address or a network" in response.content.decode()
        assert self.rows(response.content.decode()) == ["10.0.0.0/8"]

    def test_removed_row_is_restored_by_undo(self, jonas: Person, htmx: SignedIn) -> None:
        client = htmx(jonas)
        response = client.post(self.url, {"networks": ["10.0.0.0/8", "::1"], "network": "192", "remove": "10.0.0.0/8"})
        assert said(response) == "10.0.0.0/8 removed"
        html = response.content.decode()
        assert self.rows(html) == ["::1/128"]
        assert ">192</textarea>" in html
        [undo] = re.findall(r'name="undo" value="([^"]*)"', html)
        back = client.post(self.url, {"networks": ["::1"], "network": "192", "undo": undo})
        assert self.rows(back.content.decode()) == ["::1/128", "10.0.0.0/8"]
        assert ">192</textarea>" in back.content.decode()

    def test_own_address_is_added_beside_the_typed_text(self, jonas: Person, htmx: SignedIn) -> None:
        response = htmx(jonas).post(self.url, {"network": "192.0.2", "add": "127.0.0.1"})
        assert self.rows(response.content.decode()) == ["127.0.0.1/32"]
        assert ">192.0.2</textarea>" in response.content.decode()

    def test_add_button_is_enabled_for_valid_ranges_only(self, jonas: Person, htmx: SignedIn) -> None:
        def wakes(typed: str) -> bool:
            sent = {"networks": ["10.0.0.0/8"], "network": typed}
            return 'aria-disabled="false"' in htmx(jonas).post(f"{self.url}check/", sent).content.decode()

        assert wakes("203.0.113.0/24")
        assert not any(map(wakes, ("", "203.0.113", "203.0.113.24/24", "10.1.0.0/16")))

    def test_very_long_list_gets_one_more_error(self, jonas: Person, htmx: SignedIn) -> None:
        typed = " ".join(f"10.{n // 256}.{n % 256}.0/24" for n in range(400))
        html = htmx(jonas).post(self.url, {"network": typed}).content.decode()
        assert len(self.rows(html)) == 100
        assert html.count("An IP allow-list has at most 100 IP ranges.") == 101

    def test_signed_out_visitor_is_led_to_sign_in(self, client: Client) -> None:
        assert client.post(self.url).status_code == 302


def notes(owner: Bot | Key) -> dict[str, str]:
    return {str(entry): entry.note for entry in owner.allow_list.all()}


def test_note_is_added_shown_edited_and_restored(jonas: Person, bot: Bot, asha: Person, htmx: SignedIn) -> None:
    client, url = htmx(jonas), f"/bots/{bot.id}/networks/"
    client.post(url, {"network": "192.0.2.64/26", "note": " Build   machines "})
    assert notes(bot) == {"198.51.100.0/24": "", "192.0.2.64/26": "Build machines"}
    entry = bot.allow_list.get(network="192.0.2.64/26")
    form = client.get(f"/networks/{entry.id}/").content.decode()
    assert re.search(r'<input name="note"[^>]*value="Build machines"', form)
    saved = client.post(f"/networks/{entry.id}/", {"network": "192.0.2.64/26", "note": "Runners"})
    assert said(saved) == "Note of 192.0.2.64/26 saved"
    saved = client.post(f"/networks/{entry.id}/", {"network": "192.0.2.64/27", "note": "Runners"})
    assert said(saved) == "192.0.2.64/26 is now 192.0.2.64/27"
    unchanged = client.post(f"/networks/{entry.id}/", {"network": "192.0.2.64/27", "note": "Runners"})
    assert (unchanged.status_code, said(unchanged)) == (200, "No changes to save.")
    for reader in (jonas, asha):
        assert "Runners" in htmx(reader).get(url).content.decode()
    html = client.post(f"/networks/{entry.id}/remove/").content.decode()
    [token] = re.findall(r'name="undo" value="([^"]*)"', html)
    client.post(url, {"undo": token})
    assert notes(bot) == {"198.51.100.0/24": "", "192.0.2.64/27": "Runners"}
    page = client.get(f"/history/{latest_event().number}/").content.decode()
    assert "192.0.2.64/27: Runners" in page
    assert "192.0.2.64/27: Runners" in shown_text(htmx(jonas).get("/history/").content.decode())


def test_pasted_list_takes_a_note_from_each_line(jonas: Person, bot: Bot, htmx: SignedIn) -> None:
    typed = "192.0.2.1 # Door 1\n192.0.2.2, 192.0.2.3\n10.0.0.0/8 # VPN"
    response = htmx(jonas).post(f"/bots/{bot.id}/networks/", {"network": typed, "note": "Doors"})
    assert response.status_code == 422
    assert notes(bot) == {
        "198.51.100.0/24": "",
        "192.0.2.1/32": "Door 1",
        "192.0.2.2/32": "Doors",
        "192.0.2.3/32": "Doors",
    }
    html = response.content.decode()
    assert ">10.0.0.0/8 # VPN</textarea>" in html
    assert re.search(r'<input name="note"[^>]*value="Doors"', html)


def test_key_in_a_note_is_refused(jonas: Person, bot: Bot, htmx: SignedIn) -> None:
    token = issue(None, bot.organisation).token.value
    entry = bot.allow_list.get()
    for url in (f"/bots/{bot.id}/networks/", f"/networks/{entry.id}/"):
        refused = htmx(jonas).post(url, {"network": "192.0.2.0/24", "note": f"for {token}"})
        assert refused.status_code == 422
        assert "This text contains an API key." in refused.content.decode()
    assert notes(bot) == {"198.51.100.0/24": ""}
    assert not Event.objects.filter(type__startswith="allow_list").exists()


def test_notes_are_kept_while_the_list_in_a_form_changes(
    jonas: Person, northwind: Organisation, htmx: SignedIn
) -> None:
    client = htmx(jonas)
    rows = {"networks": ["192.0.2.1/32", "192.0.2.2/32"], "note:192.0.2.1/32": "Door 1"}
    html = client.post("/networks/draft/", rows | {"network": "203.0.113.0/24 # Office"}).content.decode()
    assert re.search(r'name="note:192.0.2.1/32"[^>]*value="Door 1"', html)
    assert re.search(r'name="note:203.0.113.0/24"[^>]*value="Office"', html)
    html = client.post("/networks/draft/", rows | {"remove": "192.0.2.1/32"}).content.decode()
    assert "Door 1" not in re.sub(r'name="undo" value="[^"]*"', "", html)
    [undo] = re.findall(r'name="undo" value="([^"]*)"', html)
    html = client.post("/networks/draft/", {"networks": ["192.0.2.2/32"], "undo": undo}).content.decode()
    assert re.search(r'name="note:192.0.2.1/32"[^>]*value="Door 1"', html)


def test_notes_are_saved_by_the_forms_of_a_key(
    jonas: Person, signed_in: SignedIn, htmx: SignedIn, new_key: dict[str, Any]
) -> None:
    rows = {"networks": ["192.0.2.1/32", "192.0.2.2/32"], "note:192.0.2.1/32": "Door 1"}
    signed_in(jonas).post("/keys/create/", new_key | rows | {"network": "203.0.113.0/24 # Office"})
    key = Key.objects.get(name="CRM integration")
    assert notes(key) == {"192.0.2.1/32": "Door 1", "192.0.2.2/32": "", "203.0.113.0/24": "Office"}
    url = f"/keys/{key.id}/edit/"
    form = form_values(htmx(jonas).get(url).content.decode()) | {"description": ""}
    assert form["note:192.0.2.1/32"] == ["Door 1"]
    unchanged = htmx(jonas).post(url, form)
    assert "No changes to save." in unchanged.content.decode()
    assert htmx(jonas).post(url, form | {"note:192.0.2.2/32": "Door 2"}).status_code == 204
    assert notes(key) == {"192.0.2.1/32": "Door 1", "192.0.2.2/32": "Door 2", "203.0.113.0/24": "Office"}
    token = issue(None, key.organisation).token.value
    form = form_values(htmx(jonas).get(url).content.decode())
    refused = htmx(jonas).post(url, form | {"note:192.0.2.2/32": token})
    assert (refused.status_code, "This text contains an API key." in refused.content.decode()) == (422, True)


def test_conflicting_edit_shows_the_notes_of_both(jonas: Person, northwind: Organisation, htmx: SignedIn) -> None:
    key = KeyFactory.create(organisation=northwind, networks=["192.0.2.1/32"])
    url = f"/keys/{key.id}/edit/"
    form = form_values(htmx(jonas).get(url).content.decode())
    entry = key.allow_list.get()
    htmx(jonas).post(f"/networks/{entry.id}/", {"network": "192.0.2.1/32", "note": "Theirs"})
    stale = htmx(jonas).post(url, form | {"name": "Mine"})
    assert stale.status_code == 409
    merged = form_values(stale.content.decode())
    assert (merged["name"], merged["note:192.0.2.1/32"]) == (["Mine"], ["Theirs"])


def test_notes_are_shown_on_the_pages_that_list_ranges(jonas: Person, bot: Bot, signed_in: SignedIn) -> None:
    key = KeyFactory.create(bot=bot, networks=["198.51.100.7/32"])
    bot.allow_list.update(note="Second floor")
    key.allow_list.update(note="Printer")
    client = signed_in(jonas)
    for url, texts in (
        (f"/bots/{bot.id}/advanced/", ["Second floor"]),
        (f"/keys/{key.id}/", ["Second floor", "Printer"]),
        (f"/keys/{key.id}/networks/", ["Printer"]),
        ("/security/allow-lists/", ["Second floor", "Printer"]),
    ):
        html = client.get(url).content.decode()
        assert [text for text in texts if text not in html] == [], url
