"""History: the list and its filters, one event with its neighbours, and the export."""

import html
import json
import re
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.utils.html import strip_tags

from keyadmin.core.errors import OperationError
from keyadmin.models import ChainHead, Event, EventType, Organisation, Person
from keyadmin.operations import keys as operations
from keyadmin.operations.audit import chain
from keyadmin.web.common import capped_count
from tests.factories import OPERATOR, KeyFactory, as_actor
from tests.fixtures.clients import SignedIn
from tests.operations import cases
from tests.operations.helpers import latest_event
from tests.owner import owner_url


@pytest.fixture
def events(jonas: Person, lena: Person, northwind: Organisation, contoso: Organisation) -> dict[str, Any]:
    """Jonas revokes and reactivates a key of Northwind; Lena deletes one of Contoso."""
    ours, theirs = (
        KeyFactory.create(organisation=northwind, name="Ours"),
        KeyFactory.create(organisation=contoso, name="Theirs"),
    )
    operations.revoke(actor=as_actor(jonas), key=ours.id, reason="Retired")
    operations.reactivate(actor=as_actor(jonas), key=ours.id)
    operations.delete(actor=as_actor(lena), key=theirs.id)
    revoked, reactivated, deleted = Event.objects.order_by("number")
    return {"ours": ours, "revoked": revoked, "reactivated": reactivated, "deleted": deleted}


def event_types(response: Any) -> list[str]:
    return [event.type for event in response.context["events"] if not event.type.startswith("session.")]


def test_list_shows_readable_events_newest_first(
    priya: Person, asha: Person, lena: Person, events: dict[str, Any], signed_in: SignedIn
) -> None:
    everything = [EventType.KEY_DELETED, EventType.KEY_REACTIVATED, EventType.KEY_REVOKED]
    assert event_types(signed_in(priya).get("/history/")) == everything
    assert event_types(signed_in(asha).get("/history/")) == everything[1:]
    assert event_types(signed_in(lena).get("/history/")) == everything[:1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=retired", [EventType.KEY_REACTIVATED, EventType.KEY_REVOKED]),
        ("actor=lena", [EventType.KEY_DELETED]),
        ("type=key.revoked", [EventType.KEY_REVOKED]),
        ("target=ours", [EventType.KEY_REACTIVATED, EventType.KEY_REVOKED]),
        ("target={ours}", [EventType.KEY_REACTIVATED, EventType.KEY_REVOKED]),
        ("actor={jonas}&type=key.revoked", [EventType.KEY_REVOKED]),
        ("organisation=contoso", [EventType.KEY_DELETED]),
        ("since=2020-01-01&until=2020-01-02", []),
        ("since=2020-01-01", [EventType.KEY_DELETED, EventType.KEY_REACTIVATED, EventType.KEY_REVOKED]),
    ],
)
def test_filter_selects_matching_events(
    priya: Person, jonas: Person, events: dict[str, Any], signed_in: SignedIn, query: str, expected: list[str]
) -> None:
    filled = query.format(ours=events["ours"].id, jonas=jonas.id)
    assert event_types(signed_in(priya).get(f"/history/?{filled}")) == expected


def test_filter_by_unreadable_organisation_is_404(asha: Person, events: dict[str, Any], signed_in: SignedIn) -> None:
    client = signed_in(asha)
    assert client.get("/history/?organisation=contoso").status_code == 404
    assert client.get(f"/history/{events['deleted'].number}/").status_code == 404
    assert client.get("/history/999999999999999999999999/").status_code == 404


def test_filter_chip_shows_value_and_link_to_remove_it(
    priya: Person, events: dict[str, Any], signed_in: SignedIn
) -> None:
    response = signed_in(priya).get(f"/history/?target={events['ours'].id}&type=key.revoked&q=retired")
    assert response.context["filters"] == [
        {
            "name": "type",
            "label": "Action",
            "value": "Key revoked",
            "remove_url": f"/history/?q=retired&target={events['ours'].id}",
        },
        {"name": "target", "label": "Target", "value": "Ours", "remove_url": "/history/?q=retired&type=key.revoked"},
    ]


def test_event_is_a_panel_for_htmx_and_a_page_otherwise(
    priya: Person, events: dict[str, Any], signed_in: SignedIn, htmx: SignedIn
) -> None:
    url = f"/history/{events['reactivated'].number}/"
    panel = htmx(priya).get(url).content.decode()
    assert panel.lstrip().startswith("<aside")
    assert f"/keys/{events['ours'].id}/" in panel
    page = signed_in(priya).get(url).content.decode()
    assert "<!doctype html>" in page
    assert 'id="panel"' in page


def test_event_links_to_neighbours_within_the_filter(priya: Person, events: dict[str, Any], htmx: SignedIn) -> None:
    client = htmx(priya)
    numbers = {name: event.number for name, event in events.items() if name != "ours"}
    plain = client.get(f"/history/{numbers['reactivated']}/").context
    assert plain["previous_url"] == f"/history/{numbers['deleted']}/"
    assert plain["next_url"] == f"/history/{numbers['revoked']}/"
    within = client.get(f"/history/{numbers['reactivated']}/?target=ours").context
    assert within["previous_url"] == ""
    assert within["next_url"] == f"/history/{numbers['revoked']}/?target=ours"


def test_pages_lead_through_all_events_and_back(
    priya: Person, jonas: Person, northwind: Organisation, signed_in: SignedIn, django_assert_max_num_queries: Any
) -> None:
    key = KeyFactory.create(organisation=northwind)
    for _ in range(30):
        operations.revoke(actor=as_actor(jonas), key=key.id)
        operations.reactivate(actor=as_actor(jonas), key=key.id)
    client = signed_in(priya)
    with django_assert_max_num_queries(9):
        first = client.get("/history/?target=key")
    older = first.context["page"].next_url
    second = client.get(older)
    assert [len(page.context["events"]) for page in (first, second)] == [50, 10]
    assert second.context["page"].next_url == ""
    again = client.get(second.context["page"].previous_url)
    assert [e.number for e in again.context["events"]] == [e.number for e in first.context["events"]]


def test_htmx_request_gets_only_the_rows(priya: Person, events: dict[str, Any], htmx: SignedIn) -> None:
    html = htmx(priya).get("/history/?q=ours").content.decode()
    assert html.lstrip().startswith('<div id="event-rows"')
    assert "<!doctype" not in html


def test_user_input_in_events_is_escaped(maya: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    evil = "<img src=x onerror=alert(1)>"
    key = KeyFactory.create(organisation=northwind, name=evil)
    operations.revoke(actor=as_actor(maya), key=key.id, reason=evil)
    number = latest_event().number
    client = signed_in(maya)
    for page in ("/history/", f"/history/{number}/", f"/history/?q={evil}&target={evil}&actor={evil}"):
        assert "<img src=x" not in client.get(page).content.decode()


def test_member_may_not_read_history(sam: Person, signed_in: SignedIn) -> None:
    html = signed_in(sam).get("/history/")
    assert html.status_code == 403
    assert re.search(r'action="/account/logout/"', html.content.decode())


def test_every_target_links_to_its_page_or_its_history(
    northwind: Organisation, maya: Person, priya: Person, jonas: Person, asha: Person, signed_in: SignedIn
) -> None:
    """The events of all operations, among them deletions, for readers of whom some may not see a target's page."""
    world = cases.world(northwind)
    for operation in (cases.ALL_CASES | cases.EXPORT_CASES).values():
        # Some cases cannot follow others in the same world.
        with suppress(OperationError, ObjectDoesNotExist), transaction.atomic():
            operation(world, OPERATOR)
    for reader in (maya, priya, jonas, asha):
        client = signed_in(reader)
        found: dict[str, set[str]] = {}
        url = "/history/"
        while url:
            page = client.get(url)
            for event in page.context["events"]:
                found.setdefault(event.target_kind, set()).add(event.target_url)
            url = page.context["page"].next_url
        assert {"person", "key", "bot"} <= found.keys()
        for urls in found.values():
            for url in sorted(urls)[:4]:
                assert client.get(url).status_code == 200, url


def test_deleted_target_links_to_its_history(priya: Person, events: dict[str, Any], signed_in: SignedIn) -> None:
    client = signed_in(priya)
    rows = {event.number: event for event in client.get("/history/").context["events"]}
    deleted = events["deleted"]
    assert rows[deleted.number].target_url == f"/history/?target={deleted.target_id}"
    assert rows[events["revoked"].number].target_url == f"/keys/{events['ours'].id}/"
    page = client.get(rows[deleted.number].target_url)
    assert event_types(page) == [EventType.KEY_DELETED]
    assert 'class="clamp" href="/history/?target=' in page.content.decode()


def test_panel_shows_the_position_among_the_filtered_events(
    priya: Person, events: dict[str, Any], htmx: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = htmx(priya)

    def position(name: str, query: str = "") -> str:
        return str(client.get(f"/history/{events[name].number}/{query}").context["position"])

    assert [position(name, "?q=key") for name in ("deleted", "reactivated", "revoked")] == [
        "1 of 3",
        "2 of 3",
        "3 of 3",
    ]
    assert position("revoked", "?target=ours") == "2 of 2"
    assert position("deleted", "?target=ours") == ""
    monkeypatch.setattr(capped_count, "COUNT_LIMIT", 1)
    assert position("reactivated", "?q=key") == "2 of 1,000+"
    assert position("revoked", "?q=key") == ""


def test_list_beside_an_event_has_its_row(
    priya: Person, jonas: Person, northwind: Organisation, signed_in: SignedIn, htmx: SignedIn
) -> None:
    """Also if the URL names no page, or another one."""
    key = KeyFactory.create(organisation=northwind)
    for _ in range(60):
        operations.revoke(actor=as_actor(jonas), key=key.id)
        operations.reactivate(actor=as_actor(jonas), key=key.id)
    client = signed_in(priya)
    numbers = sorted(Event.objects.filter(target_id=key.id).values_list("number", flat=True))
    second = client.get(client.get("/history/?target=key").context["page"].next_url)
    cursor = second.context["page"].previous_url.partition("cursor=")[2]
    for number in (numbers[0], numbers[40], numbers[-1]):
        for query in ("", f"&cursor={cursor}"):
            page = client.get(f"/history/{number}/?target=key{query}")
            assert number in [event.number for event in page.context["events"]]
            assert 'aria-current="true"' in page.content.decode().partition(f'id="event-{number}"')[2][:40]
            for link in (page.context["page"].previous_url, page.context["page"].next_url):
                assert not link or client.get(link).status_code == 200
    rows = htmx(priya).get(f"/history/{numbers[0]}/?target=key", headers={"HX-Target": "event-rows"}).content.decode()
    assert rows.lstrip().startswith('<div id="event-rows"')
    assert f'id="event-{numbers[0]}"' in rows


def test_verify_now_verifies_the_chain_and_keeps_the_filters(
    asha: Person, events: dict[str, Any], signed_in: SignedIn
) -> None:
    client = signed_in(asha)
    page = client.get("/history/?q=ours").content.decode()
    assert "Chain not verified yet." in page
    assert 'method="post" action="/history/verify/?q=ours"' in page
    newest = Event.objects.count()
    response = client.post("/history/verify/?q=ours", follow=True)
    assert response.redirect_chain == [("/history/?q=ours", 302)]
    text = " ".join(strip_tags(response.content.decode()).split())
    assert f"Verified {newest} events. No problem found." in text
    assert re.search(rf"Chain verified up to event {newest}, [0-9]+ [A-Z][a-z]+ [0-9]+, [0-9:]+ UTC\.", text)
    assert Event.objects.count() == newest


def test_verify_now_continues_where_it_stopped(
    asha: Person, events: dict[str, Any], signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(asha)
    monkeypatch.setattr(chain, "MAX_NEXT_EVENTS", 3)
    newest = Event.objects.count()
    assert newest == 4
    said = client.post("/history/verify/", follow=True).content.decode()
    assert "Verified up to event 3. 1 newer events are left: verify again to continue." in said
    assert "Chain verified up to event <b>3</b>" in said
    said = client.post("/history/verify/", follow=True).content.decode()
    assert "Verified 1 event. No problem found." in said
    assert "Chain verified up to event <b>4</b>" in said
    assert "Verified 0 events." in client.post("/history/verify/", follow=True).content.decode()


def test_verify_now_names_the_broken_event(asha: Person, events: dict[str, Any], signed_in: SignedIn) -> None:
    client = signed_in(asha)
    last = latest_event()
    forged = {**Event.objects.filter(number=last.number).values().get(), "number": last.number + 1}
    Event.objects.create(**forged)
    ChainHead.objects.update(number=last.number + 1, hash=last.hash)
    said = client.post("/history/verify/", follow=True).content.decode()
    assert f"The chain is broken. Event {last.number + 1}: its previous hash is not the hash of the event" in said
    assert f"Chain broken after event <b>{last.number}</b>" in said


def test_verify_now_is_refused_while_another_one_runs(
    asha: Person, events: dict[str, Any], signed_in: SignedIn
) -> None:
    client = signed_in(asha)
    with psycopg.connect(owner_url()) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [chain.VERIFICATION_LOCK_ID])
        response = client.post("/history/verify/")
    assert response.status_code == 409
    assert "Another verification is running." in response.content.decode()


@pytest.mark.parametrize("event_type", ["key.revoked", "key.deleted"])
def test_search_finds_what_the_list_shows(
    priya: Person, events: dict[str, Any], signed_in: SignedIn, event_type: str
) -> None:
    """Label, names, organisation, request ID, target's ID and number, as the panel shows them."""
    client = signed_in(priya)
    event = Event.objects.get(type=event_type)
    assert event.request_id == ""
    shown = (event.type_label, event.actor_label, event.target_label, event.organisation_label, event.target_id)
    for text in (*shown, f"{event.number:,}", f"{event.type_label} {event.actor_label}"):
        found = client.get("/history/", {"q": text}).context["events"]
        assert event.number in [each.number for each in found], text


def test_search_finds_the_request_id_of_a_response(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    key = KeyFactory.create(organisation=northwind)
    request_id = client.post(f"/keys/{key.id}/revoke/")["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{32}", request_id)
    assert event_types(client.get(f"/history/?q={request_id}")) == [EventType.KEY_REVOKED]


def test_list_shows_up_to_which_event_the_chain_is_verified(
    jonas: Person, events: dict[str, Any], signed_in: SignedIn
) -> None:
    reader = signed_in(jonas)
    assert "Chain not verified yet." in reader.get("/history/").content.decode()
    newest = chain.verify()
    chain.save_check(newest, "")
    assert f"Chain verified up to event <b>{newest.number}</b>" in reader.get("/history/").content.decode()
    chain.save_check(chain.BrokenChainError(2, "it is missing").intact, "it is missing")
    assert "Chain broken after event <b>1</b>" in reader.get("/history/").content.decode()


def test_export_contains_the_filtered_events(asha: Person, events: dict[str, Any], signed_in: SignedIn) -> None:
    client = signed_in(asha)
    page = client.get("/history/?q=retired&organisation=northwind").content.decode()
    assert 'action="/history/export/?q=retired&amp;organisation=northwind"' in page
    response = client.post("/history/export/?q=retired&organisation=northwind", {"format": "jsonl"})
    assert (response.status_code, response.streaming, response["Content-Type"]) == (200, True, "application/jsonl")
    assert re.fullmatch(r'attachment; filename="history-[0-9-]+\.jsonl"', response["Content-Disposition"])
    assert "no-store" in response["Cache-Control"]
    lines = [json.loads(line) for line in response.getvalue().decode().splitlines()]
    assert [line["number"] for line in lines] == [events["reactivated"].number, events["revoked"].number]
    event = latest_event()
    assert (event.type, event.actor_label, event.request_id) == (
        EventType.HISTORY_EXPORTED,
        "Asha Nair",
        response["X-Request-Id"],
    )
    assert client.post("/history/export/", {"format": "xlsx"}).status_code == 400
    assert client.post("/history/export/?organisation=contoso", {"format": "csv"}).status_code == 404
    assert latest_event() == event


def test_new_events_are_counted_within_the_filter(
    priya: Person, asha: Person, lena: Person, events: dict[str, Any], htmx: SignedIn, signed_in: SignedIn
) -> None:
    def pill(client: Any, url: str) -> str:
        context = client.get(url).context
        assert context["news_url"] == url
        return str(context["new_events"])

    ours, all_readers = htmx(asha), htmx(priya)
    mine = signed_in(asha).get("/history/").context["news_url"]
    all_ = all_readers.get("/history/").context["news_url"]
    revoked = all_readers.get("/history/?type=key.revoked&q=ours").context["news_url"]
    assert pill(ours, mine) == ""
    operations.revoke(actor=as_actor(lena), key=KeyFactory.create(organisation_id=events["deleted"].organisation_id).id)
    assert pill(ours, mine) == ""
    assert pill(all_readers, all_) == "1"
    operations.revoke(actor=OPERATOR, key=events["ours"].id)
    operations.reactivate(actor=OPERATOR, key=events["ours"].id)
    assert pill(ours, mine) == "2"
    assert pill(all_readers, all_) == "3"
    assert pill(all_readers, revoked) == "1"
    assert 'href="/history/?q=ours&amp;type=key.revoked"' in all_readers.get(revoked).content.decode()
    assert signed_in(asha).get(mine)["Location"] == "/history/"
    assert pill(ours, "/history/new/?after=9223372036854775807") == ""


def test_event_links_to_all_events_of_its_actor_and_target(
    priya: Person, jonas: Person, events: dict[str, Any], htmx: SignedIn
) -> None:
    panel = htmx(priya).get(f"/history/{events['revoked'].number}/?q=retired").content.decode()
    assert f'href="/history/?actor={jonas.id}"' in panel
    assert f'href="/history/?target={events["ours"].id}"' in panel
    assert '"type": "key.revoked"' in html.unescape(panel)
