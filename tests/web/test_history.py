"""History: what is listed to whom, found by what, and one event with its neighbours."""

import html
import json
import re
from typing import Any

import pytest

from keyadmin.models import Event, EventType, Organisation, Person
from keyadmin.operations import keys as operations
from keyadmin.operations.audit import chain
from tests.factories import OPERATOR, KeyFactory, as_actor
from tests.web.conftest import SignedIn


@pytest.fixture
def story(jonas: Person, lena: Person, northwind: Organisation, contoso: Organisation) -> dict[str, Any]:
    """Jonas revokes and reactivates a key of Northwind; Lena deletes one of Contoso."""
    ours, theirs = KeyFactory(organisation=northwind, name="Ours"), KeyFactory(organisation=contoso, name="Theirs")
    operations.revoke(actor=as_actor(jonas), key=ours.id, reason="Retired")
    operations.reactivate(actor=as_actor(jonas), key=ours.id)
    operations.delete(actor=as_actor(lena), key=theirs.id)
    revoked, reactivated, deleted = Event.objects.order_by("number")
    return {"ours": ours, "revoked": revoked, "reactivated": reactivated, "deleted": deleted}


def listed(response: Any) -> list[str]:
    return [event.verb for event in response.context["events"] if not event.verb.startswith("session.")]


def test_newest_first_to_each_what_they_may_read(
    priya: Person, asha: Person, lena: Person, story: dict[str, Any], signed_in: SignedIn
) -> None:
    everything = [EventType.KEY_DELETED, EventType.KEY_REACTIVATED, EventType.KEY_REVOKED]
    assert listed(signed_in(priya).get("/history/")) == everything
    assert listed(signed_in(asha).get("/history/")) == everything[1:]
    assert listed(signed_in(lena).get("/history/")) == everything[:1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=retired", [EventType.KEY_REVOKED]),
        ("q=%00", [EventType.KEY_DELETED, EventType.KEY_REACTIVATED, EventType.KEY_REVOKED]),
        ("actor=lena", [EventType.KEY_DELETED]),
        ("action=key.revoked", [EventType.KEY_REVOKED]),
        ("action=no.such", [EventType.KEY_DELETED, EventType.KEY_REACTIVATED, EventType.KEY_REVOKED]),
        ("target=ours", [EventType.KEY_REACTIVATED, EventType.KEY_REVOKED]),
        ("target={ours}", [EventType.KEY_REACTIVATED, EventType.KEY_REVOKED]),
        ("actor={jonas}&action=key.revoked", [EventType.KEY_REVOKED]),
        ("organisation=contoso", [EventType.KEY_DELETED]),
        ("since=2020-01-01&until=2020-01-02", []),
        ("since=2020-01-01", [EventType.KEY_DELETED, EventType.KEY_REACTIVATED, EventType.KEY_REVOKED]),
        ("since=garbage&cursor=garbage", [EventType.KEY_DELETED, EventType.KEY_REACTIVATED, EventType.KEY_REVOKED]),
    ],
)
def test_filters(
    priya: Person, jonas: Person, story: dict[str, Any], signed_in: SignedIn, query: str, expected: list[str]
) -> None:
    filled = query.format(ours=story["ours"].id, jonas=jonas.id)
    assert listed(signed_in(priya).get(f"/history/?{filled}")) == expected


def test_another_organisation_is_not_there(asha: Person, story: dict[str, Any], signed_in: SignedIn) -> None:
    client = signed_in(asha)
    assert client.get("/history/?organisation=contoso").status_code == 404
    assert client.get(f"/history/{story['deleted'].number}/").status_code == 404
    assert client.get("/history/999999999999999999999999/").status_code == 404


def test_chips_say_the_filters_and_remove_one(priya: Person, story: dict[str, Any], signed_in: SignedIn) -> None:
    response = signed_in(priya).get(f"/history/?target={story['ours'].id}&action=key.revoked&q=retired")
    assert response.context["filters"] == [
        {"label": "Action", "value": "Key revoked", "remove_url": f"/history/?q=retired&target={story['ours'].id}"},
        {"label": "Target", "value": "Ours", "remove_url": "/history/?q=retired&action=key.revoked"},
    ]


def test_one_event_as_panel_and_as_page(
    priya: Person, story: dict[str, Any], signed_in: SignedIn, htmx: SignedIn
) -> None:
    url = f"/history/{story['reactivated'].number}/"
    panel = htmx(priya).get(url).content.decode()
    assert panel.lstrip().startswith("<aside")
    assert f"/keys/{story['ours'].id}/" in panel
    page = signed_in(priya).get(url).content.decode()
    assert "<!doctype html>" in page
    assert 'id="panel"' in page


def test_neighbours_are_those_of_the_filter(priya: Person, story: dict[str, Any], htmx: SignedIn) -> None:
    client = htmx(priya)
    numbers = {name: event.number for name, event in story.items() if name != "ours"}
    plain = client.get(f"/history/{numbers['reactivated']}/").context
    assert plain["previous_url"] == f"/history/{numbers['deleted']}/"
    assert plain["next_url"] == f"/history/{numbers['revoked']}/"
    within = client.get(f"/history/{numbers['reactivated']}/?target=ours").context
    assert within["previous_url"] == ""
    assert within["next_url"] == f"/history/{numbers['revoked']}/?target=ours"


def test_paging(
    priya: Person, jonas: Person, northwind: Organisation, signed_in: SignedIn, django_assert_max_num_queries: Any
) -> None:
    key = KeyFactory(organisation=northwind)
    for _ in range(30):
        operations.revoke(actor=as_actor(jonas), key=key.id)
        operations.reactivate(actor=as_actor(jonas), key=key.id)
    client = signed_in(priya)
    with django_assert_max_num_queries(8):
        first = client.get("/history/?target=key")
    older = first.context["page"]["older_url"]
    second = client.get(older)
    assert [len(page.context["events"]) for page in (first, second)] == [50, 10]
    assert second.context["page"]["older_url"] == ""
    again = client.get(second.context["page"]["newer_url"])
    assert [e.number for e in again.context["events"]] == [e.number for e in first.context["events"]]


def test_htmx_gets_the_rows(priya: Person, story: dict[str, Any], htmx: SignedIn) -> None:
    html = htmx(priya).get("/history/?q=ours").content.decode()
    assert html.lstrip().startswith('<div id="event-rows"')
    assert "<!doctype" not in html


def test_what_people_typed_is_text(maya: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    evil = "<img src=x onerror=alert(1)>"
    key = KeyFactory(organisation=northwind, name=evil)
    operations.revoke(actor=as_actor(maya), key=key.id, reason=evil)
    number = Event.objects.first().number
    client = signed_in(maya)
    for page in ("/history/", f"/history/{number}/", f"/history/?q={evil}&target={evil}&actor={evil}"):
        assert "<img src=x" not in client.get(page).content.decode()


def test_a_members_own_history_needs_no_page(sam: Person, signed_in: SignedIn) -> None:
    html = signed_in(sam).get("/history/")
    assert html.status_code == 403
    assert re.search(r'action="/account/logout/"', html.content.decode())


def test_a_target_that_is_no_key_has_no_link(priya: Person, signed_in: SignedIn) -> None:
    client = signed_in(priya)
    event = Event.objects.get(verb=EventType.SIGNED_IN)
    assert client.get(f"/history/{event.number}/").context["target_url"] == ""


def test_how_far_the_chain_is_known_to_be_whole(jonas: Person, story: dict[str, Any], signed_in: SignedIn) -> None:
    reader = signed_in(jonas)
    assert "Chain" not in reader.get("/history/").content.decode()
    newest = chain.verify()
    chain.note(newest.number, "")
    assert newest is not None
    assert f"Chain verified up to event <b>{newest.number}</b>" in reader.get("/history/").content.decode()
    chain.note(1, "it is missing")
    assert "Chain broken after event <b>1</b>" in reader.get("/history/").content.decode()


def test_a_file_of_what_the_filters_leave(asha: Person, story: dict[str, Any], signed_in: SignedIn) -> None:
    client = signed_in(asha)
    page = client.get("/history/?q=retired&organisation=northwind").content.decode()
    assert 'action="/history/export/?q=retired&amp;organisation=northwind"' in page
    response = client.post("/history/export/?q=retired&organisation=northwind", {"format": "jsonl"})
    assert (response.status_code, response.streaming, response["Content-Type"]) == (200, True, "application/jsonl")
    assert re.fullmatch(r'attachment; filename="history-[0-9-]+\.jsonl"', response["Content-Disposition"])
    assert "no-store" in response["Cache-Control"]
    told = [json.loads(line) for line in response.getvalue().decode().splitlines()]
    assert [line["number"] for line in told] == [story["revoked"].number]
    event = Event.objects.first()
    assert (event.verb, event.actor_label, event.request_id) == (
        EventType.HISTORY_EXPORTED,
        "Asha Nair",
        response["X-Request-Id"],
    )
    assert client.post("/history/export/", {"format": "xlsx"}).status_code == 400
    assert client.post("/history/export/?organisation=contoso", {"format": "csv"}).status_code == 404
    assert Event.objects.first() == event


def test_what_came_since_is_counted_for_the_filters(
    priya: Person, asha: Person, lena: Person, story: dict[str, Any], htmx: SignedIn, signed_in: SignedIn
) -> None:
    def pill(client: Any, url: str) -> str:
        context = client.get(url).context
        assert context["news_url"] == url
        return str(context["new_events"])

    ours, everybody = htmx(asha), htmx(priya)
    mine = signed_in(asha).get("/history/").context["news_url"]
    all_ = everybody.get("/history/").context["news_url"]
    revoked = everybody.get("/history/?action=key.revoked&q=ours").context["news_url"]
    assert pill(ours, mine) == ""
    operations.revoke(actor=as_actor(lena), key=KeyFactory(organisation_id=story["deleted"].organisation_id).id)
    assert pill(ours, mine) == ""
    assert pill(everybody, all_) == "1"
    operations.revoke(actor=OPERATOR, key=story["ours"].id)
    operations.reactivate(actor=OPERATOR, key=story["ours"].id)
    assert pill(ours, mine) == "2"
    assert pill(everybody, all_) == "3"
    assert pill(everybody, revoked) == "1"
    assert 'href="/history/?q=ours&amp;action=key.revoked"' in everybody.get(revoked).content.decode()
    assert signed_in(asha).get(mine)["Location"] == "/history/"
    assert pill(ours, "/history/new/?after=9223372036854775807") == ""


def test_an_event_leads_to_all_of_its_actor_and_its_target(
    priya: Person, jonas: Person, story: dict[str, Any], htmx: SignedIn
) -> None:
    panel = htmx(priya).get(f"/history/{story['revoked'].number}/?q=retired").content.decode()
    assert f'href="/history/?actor={jonas.id}"' in panel
    assert f'href="/history/?target={story["ours"].id}"' in panel
    assert '"action": "key.revoked"' in html.unescape(panel)
