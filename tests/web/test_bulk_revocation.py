"""The page of a bulk revocation: progress, Stop, and the result."""

import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.http import HttpResponseBase
from django.utils import timezone

from keyadmin.models import BulkOutcome, BulkRevocation, Event, EventType, Key, Organisation, Person, WorkerProcess
from keyadmin.operations import keys as operations
from keyadmin.operations import people
from keyadmin.operations.keys import bulk_revocation
from tests.factories import OPERATOR, KeyFactory, as_actor, member_of, started_revocation
from tests.fixtures.clients import SignedIn, SignedInHtmx
from tests.jobs import run_due_jobs


@pytest.fixture
def keys(northwind: Organisation) -> list[Key]:
    return [KeyFactory.create(organisation=northwind, name=f"Till {n}") for n in range(4)]


@pytest.fixture
def started(jonas: Person, keys: list[Key]) -> BulkRevocation:
    actor = as_actor(jonas, ip="198.51.100.7", request_id="0123456789abcdef")
    return bulk_revocation.start(actor=actor, keys=[key.id for key in keys], reason="New tills")


def url(revocation: BulkRevocation, rest: str = "") -> str:
    return f"/keys/revoke/{revocation.id}/{rest}"


def words(response: HttpResponseBase) -> str:
    """The text of the main part of a page, or of a part of a page."""
    html = response.getvalue().decode()
    main = html.partition('<main id="main"')[2].partition("</main>")[0] or html
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def decide(revocation: BulkRevocation, key: Key, outcome: BulkOutcome) -> None:
    revocation.keys.filter(key_id=key.id).update(outcome=outcome, at=timezone.now())


def test_page_shows_the_progress_and_asks_for_it_every_second(
    jonas: Person, keys: list[Key], started: BulkRevocation, signed_in: SignedIn
) -> None:
    decide(started, keys[0], BulkOutcome.REVOKED)
    decide(started, keys[1], BulkOutcome.DELETED)
    response = signed_in(jonas).get(url(started))
    html = response.content.decode()
    assert "<title>\nRevoking 4 keys" in html
    assert '<progress value="2" max="4"' in html
    assert f'hx-get="{url(started)}?spoken=50"' in html
    assert 'hx-trigger="every 1s"' in html
    shown = words(response)
    assert "Started by Jonas Lind," in shown
    assert "“New tills”" in shown
    assert "1 of 4 revoked" in shown
    assert "Revoked 1 Skipped 1 Failed 0" in shown
    assert "Stopping keeps the 1 key revoked and leaves the rest as they are." in shown
    assert "You can leave this page" in shown


def test_page_works_without_javascript(jonas: Person, started: BulkRevocation, signed_in: SignedIn) -> None:
    """A link loads the page again, and the form of Stop posts to a URL that leads back."""
    client = signed_in(jonas)
    html = client.get(url(started)).content.decode()
    assert re.search(rf'<noscript><p><a class="link" href="{url(started)}">Reload', html)
    assert 'http-equiv="refresh"' not in html
    assert f'method="post" action="{url(started, "stop/")}"' in html
    assert client.post(url(started, "stop/"))["Location"] == url(started)
    assert "0 keys revoked, 4 left as they are" in words(client.get(url(started)))


def test_progress_is_read_out_at_each_quarter(
    jonas: Person, keys: list[Key], started: BulkRevocation, htmx: SignedInHtmx
) -> None:
    client = htmx(jonas)
    decide(started, keys[0], BulkOutcome.REVOKED)
    part = client.get(url(started), {"spoken": "0"}).content.decode()
    assert '<p id="found" hx-swap-oob="innerHTML">1 of 4 keys revoked</p>' in part
    assert "<html" not in part
    assert "hx-swap-oob" not in client.get(url(started), {"spoken": "25"}).content.decode()


def test_result_shows_revoked_skipped_and_failed_keys(
    jonas: Person, keys: list[Key], started: BulkRevocation, signed_in: SignedIn, htmx: SignedInHtmx
) -> None:
    operations.revoke(actor=OPERATOR, key=keys[1].id)
    operations.delete(actor=OPERATOR, key=keys[2].id)
    decide(started, keys[3], BulkOutcome.FAILED)
    run_due_jobs()
    response = signed_in(jonas).get(url(started))
    assert '<h1 tabindex="-1">1 key revoked, 2 skipped, 1 failed</h1>' in response.content.decode()
    assert "every 1s" not in response.content.decode()
    shown = words(response)
    assert "Finished" in shown
    assert "Started by Jonas Lind: “New tills”" in shown
    failed, _, rest = shown.partition("Skipped 2 keys")
    skipped, _, revoked = rest.partition("Revoked 1 key")
    assert "Till 3" in failed
    assert "It could not be revoked." in failed
    assert re.search(r"Till 1 .* It was already revoked\.", skipped)
    assert re.search(r"Till 2 .* It was deleted\.", skipped)
    assert "Till 0" in revoked
    assert "Till 3" not in rest
    again = htmx(jonas).get("/keys/revoke/", {"again": str(started.id)}).content.decode()
    assert f'href="/keys/revoke/?again={started.id}"' in response.content.decode()
    assert "Revoke 1 key?" in again
    assert str(keys[3].id) in again


def test_result_pages_through_the_revoked_keys(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    many = [KeyFactory.create(organisation=northwind, name=f"Terminal {n:02}.") for n in range(25)]
    started = bulk_revocation.start(actor=as_actor(jonas), keys=[key.id for key in many])
    run_due_jobs()
    client = signed_in(jonas)
    first = client.get(url(started))
    assert "1–20 of 25" in words(first)
    assert "Terminal 19." in words(first)
    assert "Terminal 20." not in words(first)
    following = re.search(rf'href="({url(started)}\?cursor=[^"]+)"', first.content.decode())
    assert following
    second = words(client.get(following[1]))
    assert "21–25 of 25" in second
    assert "Terminal 20." in second
    assert client.get(url(started), {"cursor": "nonsense"}).status_code == 422


def test_stop_leaves_the_rest_and_asks_nothing(
    jonas: Person, keys: list[Key], started: BulkRevocation, htmx: SignedInHtmx
) -> None:
    bulk_revocation.run(started.id, seconds=0)
    client = htmx(jonas)
    part = client.post(url(started, "stop/"))
    assert "1 key revoked, 3 left as they are" in words(part)
    assert "Stopped by Jonas Lind" in words(part)
    assert "<html" not in part.content.decode()
    run_due_jobs()
    assert Key.objects.exclude(revoked_at=None).count() == 1
    event = Event.objects.latest("number")
    assert (event.type, event.actor_id) == (EventType.BULK_REVOCATION_STOPPED, jonas.id)
    rest = client.get("/keys/revoke/", {"again": str(started.id)}).content.decode()
    assert "Revoke 3 keys?" in rest
    assert client.post(url(started, "stop/")).status_code == 409


def test_stop_that_comes_too_late_shows_the_result(jonas: Person, started: BulkRevocation, htmx: SignedInHtmx) -> None:
    run_due_jobs()
    response = htmx(jonas).post(url(started, "stop/"))
    assert response.status_code == 200
    assert "4 keys revoked" in words(response)


def test_auditor_sees_the_progress_without_stop(asha: Person, started: BulkRevocation, signed_in: SignedIn) -> None:
    response = signed_in(asha).get(url(started))
    assert response.status_code == 200
    assert "stop/" not in response.content.decode()
    assert "Stopping keeps" not in words(response)


def test_revocation_of_several_organisations_is_hidden_from_people_of_one(
    maya: Person, jonas: Person, lena: Person, keys: list[Key], contoso: Organisation, signed_in: SignedIn
) -> None:
    theirs = KeyFactory.create(organisation=contoso)
    both = bulk_revocation.start(actor=as_actor(maya), keys=[keys[0].id, theirs.id])
    got = {person.name: signed_in(person).get(url(both)).status_code for person in (maya, jonas, lena)}
    assert list(got.values()) == [200, 404, 404]
    for person in (jonas, lena):
        assert signed_in(person).post(url(both, "stop/")).status_code == 404
        assert signed_in(person).get("/keys/revoke/", {"again": str(both.id)}).status_code == 404
    assert not BulkRevocation.objects.exclude(stopped_at=None).exists()


def test_result_leads_to_its_events(
    jonas: Person, keys: list[Key], started: BulkRevocation, signed_in: SignedIn
) -> None:
    run_due_jobs()
    client = signed_in(jonas)
    assert 'href="/history/?q=0123456789abcdef"' in client.get(url(started)).content.decode()
    found = words(client.get("/history/?q=0123456789abcdef"))
    assert found.count("“New tills”") == 5
    assert "Revoking started 4 keys" in found
    event = Event.objects.get(type=EventType.BULK_REVOCATION_STARTED)
    assert f'href="{url(started)}"' in client.get(f"/history/{event.number}/").content.decode()


def test_page_says_that_no_worker_is_running(jonas: Person, started: BulkRevocation, signed_in: SignedIn) -> None:
    client, text = signed_in(jonas), "No worker is running"
    assert text in words(client.get(url(started)))
    WorkerProcess.objects.create(name="host:1", seen_at=timezone.now() - timedelta(minutes=4))
    assert text in words(client.get(url(started)))
    WorkerProcess.objects.update(seen_at=timezone.now())
    assert text not in words(client.get(url(started)))


def test_page_estimates_the_time_that_is_left(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    keys = [KeyFactory.create(organisation=northwind) for _ in range(40)]
    row = started_revocation(*keys, begun_at=timezone.now() - timedelta(seconds=10))
    client = signed_in(jonas)
    assert "Just begun" in words(client.get(url(row)))
    for key in keys[:20]:
        decide(row, key, BulkOutcome.REVOKED)
    assert "about 10 seconds left" in words(client.get(url(row)))
    BulkRevocation.objects.update(begun_at=timezone.now() - timedelta(minutes=3))
    assert "about 3 minutes left" in words(client.get(url(row)))


def test_csv_has_every_key_and_reason(
    jonas: Person, keys: list[Key], started: BulkRevocation, signed_in: SignedIn
) -> None:
    Key.objects.filter(id=keys[0].id).update(name="=1+1")
    started.keys.filter(key_id=keys[0].id).update(name="=1+1")
    operations.revoke(actor=OPERATOR, key=keys[1].id)
    run_due_jobs()
    response = signed_in(jonas).get(url(started, "csv/"))
    assert response["Content-Disposition"].startswith('attachment; filename="revoked-')
    lines = response.getvalue().decode().splitlines()
    assert len(lines) == 5
    assert lines[0] == "\ufeffID,Key,Name,Owner,Result,Reason,Time"
    assert ",'=1+1,Northwind,Revoked,," in lines[1]
    assert ",Till 1,Northwind,Skipped,It was already revoked.," in lines[2]


def test_demoted_person_no_longer_sees_the_result(
    northwind: Organisation, keys: list[Key], signed_in: SignedIn
) -> None:
    owner = member_of(northwind, "owner")
    started = bulk_revocation.start(actor=as_actor(owner), keys=[key.id for key in keys])
    people.set_role(actor=OPERATOR, person=owner.id, organisation=northwind.id, role="member")
    run_due_jobs()
    assert not Key.objects.exclude(revoked_at=None).exists()
    assert signed_in(owner).get(url(started)).status_code == 404


def test_name_with_markup_is_escaped(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    key = KeyFactory.create(organisation=northwind, name="<b>Till</b>")
    started = bulk_revocation.start(actor=as_actor(jonas), keys=[key.id], reason="<i>Old</i>")
    client = signed_in(jonas)
    assert "<i>Old" not in client.get(url(started)).content.decode()
    run_due_jobs()
    html = client.get(url(started)).content.decode()
    assert "<b>Till" not in html
    assert quote("<b>") not in html
    assert "&lt;b&gt;Till" in html
