"""History: the list and its filters, one event with its neighbours, and the export."""

import html
import json
import re
from typing import Any

import pytest

from keyadmin.models import Event, EventType, Organisation, Person
from keyadmin.operations import keys as operations
from keyadmin.operations.audit import chain
from tests.factories import OPERATOR, KeyFactory, as_actor
from tests.fixtures.clients import SignedIn
from tests.operations.helpers import latest_event


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
        {"label": "Action", "value": "Key revoked", "remove_url": f"/history/?q=retired&target={events['ours'].id}"},
        {"label": "Target", "value": "Ours", "remove_url": "/history/?q=retired&type=key.revoked"},
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
    with django_assert_max_num_queries(8):
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


def test_event_target_without_a_page_has_no_link(priya: Person, signed_in: SignedIn) -> None:
    client = signed_in(priya)
    event = Event.objects.get(type=EventType.SIGNED_IN)
    assert client.get(f"/history/{event.number}/").context["target_url"] == ""


def test_list_shows_up_to_which_event_the_chain_is_verified(
    jonas: Person, events: dict[str, Any], signed_in: SignedIn
) -> None:
    reader = signed_in(jonas)
    assert "Chain" not in reader.get("/history/").content.decode()
    newest = chain.verify()
    chain.save_check(newest.number, "")
    assert newest is not None
    assert f"Chain verified up to event <b>{newest.number}</b>" in reader.get("/history/").content.decode()
    chain.save_check(1, "it is missing")
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
