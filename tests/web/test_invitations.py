"""Invitation and password links: shown once, followed, and no longer valid."""

import json
import re
import time
from unittest import mock

import pytest
import structlog
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client, override_settings
from django.utils import timezone

from keyadmin.core import redaction
from keyadmin.models import Event, Membership, Organisation, OutboxJob, Person, Role
from keyadmin.operations import audit, people
from keyadmin.server import logs
from tests.factories import OPERATOR, PASSWORD
from tests.fixtures.clients import SignedIn, SignedInHtmx
from tests.jobs import run_due_jobs
from tests.operations.helpers import latest_event

PRINTED = {"default": {"BACKEND": "django.core.mail.backends.console.EmailBackend"}}


@pytest.fixture
def invitation(northwind: Organisation) -> dict[str, str]:
    return {"email": "new@example.com", "name": "Noor Haddad", "organisation": str(northwind.id), "role": "auditor"}


def link_on(page: str) -> str:
    found = re.search(r'value="http://testserver(/welcome/[0-9a-f]+/)"', page)
    assert found, page
    return found[1]


def link_in_mail() -> str:
    """The link in the only mail. Its token differs from the page's if the mail was sent in another second."""
    (message,) = mail.outbox
    match = re.search(r"http://testserver(/welcome/[0-9a-f]+/)", str(message.body))
    assert match, message.body
    return match[1]


def test_invited_person_chooses_a_password_and_signs_in(
    jonas: Person, signed_in: SignedIn, invitation: dict[str, str]
) -> None:
    response = signed_in(jonas).post("/people/invite/", invitation)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    link = link_on(response.content.decode())
    event = latest_event()
    assert (event.type, event.actor_label, event.target_label) == ("person.invited", "Jonas Lind", "Noor Haddad")
    client = Client()
    page = client.get(link)
    assert page.status_code == 200
    assert "Welcome, Noor" in page.content.decode()
    assert client.post(link, {"password": PASSWORD})["Location"] == "/account/login/"
    assert latest_event().type == "person.password_chosen"
    signed = client.post("/account/login/", {"login": "new@example.com", "password": PASSWORD})
    assert signed.status_code == 302
    assert client.get("/keys/").status_code == 200


def test_link_appears_in_neither_history_nor_log(
    jonas: Person, signed_in: SignedIn, invitation: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    client = signed_in(jonas)
    link = link_on(client.post("/people/invite/", invitation).content.decode())
    token = link.split("/")[2]
    told = str(list(Event.objects.values()))
    assert token not in told
    for page in ("/people/", "/history/", f"/people/{Person.objects.get(email='new@example.com').id}/"):
        assert token not in client.get(page).content.decode()
    line = logs.clean_event(None, "info", {"event": "request", "path": link})
    assert line["path"] == f"/welcome/{redaction.REDACTED}/"
    with structlog.testing.capture_logs() as lines:
        Client().get(link)
    assert token not in str([logs.clean_event(None, "info", dict(line)) for line in lines])


def test_invite_by_htmx_shows_the_link_and_reloads_the_list(
    jonas: Person, htmx: SignedIn, invitation: dict[str, str]
) -> None:
    response = htmx(jonas).post("/people/invite/", invitation)
    assert response.content.decode().lstrip().startswith("<dialog")
    assert response["HX-Trigger-After-Swap"] == '{"people:changed": {}}'


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"email": ""}, "Email: This field is required."),
        ({"email": "x"}, "Enter a valid email address."),
        ({"name": ""}, "Name: This field is required."),
        ({"role": "king"}, "Select a valid choice."),
        ({"organisation": "00000000-0000-0000-0000-000000000000"}, "Organisation: Select a valid choice."),
        ({"email": "jonas@northwind.example"}, "This person already has a role in Northwind."),
    ],
)
def test_invite_with_invalid_input_shows_the_errors(
    jonas: Person, signed_in: SignedIn, invitation: dict[str, str], changes: dict[str, str], words: str
) -> None:
    response = signed_in(jonas).post("/people/invite/", invitation | changes)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert Person.objects.count() == 1


def test_invited_person_with_an_account_gets_the_role_and_no_link(
    jonas: Person, lena: Person, northwind: Organisation, signed_in: SignedIn, invitation: dict[str, str]
) -> None:
    response = signed_in(jonas).post("/people/invite/", invitation | {"email": lena.email}, follow=True)
    html = response.content.decode()
    assert "lena@contoso.example already has an account and now has this role." in html
    assert "/welcome/" not in html
    assert Membership.objects.get(person=lena, organisation=northwind).role == Role.AUDITOR


def test_owner_can_invite_only_to_own_organisation_without_system_role(
    jonas: Person, contoso: Organisation, signed_in: SignedIn, invitation: dict[str, str]
) -> None:
    client = signed_in(jonas)
    html = client.get("/people/invite/").content.decode()
    assert "Contoso" not in html
    assert 'name="system_role"' not in html
    client.post("/people/invite/", invitation | {"system_role": "administrator"})
    assert Person.objects.get(email="new@example.com").system_role == ""
    assert client.post("/people/invite/", invitation | {"organisation": str(contoso.id)}).status_code == 422


def test_administrator_can_invite_without_an_organisation(
    maya: Person, signed_in: SignedIn, invitation: dict[str, str]
) -> None:
    sent = invitation | {"organisation": "", "system_role": "auditor"}
    assert signed_in(maya).post("/people/invite/", sent).status_code == 200
    person = Person.objects.get(email="new@example.com")
    assert (person.system_role, person.memberships.count()) == ("auditor", 0)


def test_invite_dialog_preselects_the_organisation_of_its_page(
    maya: Person, contoso: Organisation, northwind: Organisation, htmx: SignedInHtmx
) -> None:
    client = htmx(maya)
    client.set_current_url("/people/?organisation=northwind")
    assert re.search(rf'value="{northwind.id}" selected', client.get("/people/invite/").content.decode())


# Links


def test_new_link_invalidates_the_old_one(jonas: Person, sam: Person, signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    links = [link_on(client.post(f"/people/{sam.id}/link/").content.decode()) for _ in range(2)]
    assert latest_event().type == "person.password_link_created"
    assert Client().get(links[0]).status_code == 410
    assert Client().get(links[1]).status_code == 200


def test_get_of_the_link_dialog_creates_no_link(jonas: Person, sam: Person, signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    before = Event.objects.count()
    assert "/welcome/" not in client.get(f"/people/{sam.id}/link/").content.decode()
    assert Event.objects.count() == before


@pytest.fixture
def link(sam: Person) -> str:
    return f"/welcome/{people.create_password_link(actor=OPERATOR, person=sam.id).token}/"


def assert_link_is_invalid(link: str, status: int, words: str) -> None:
    client = Client()
    for response in (client.get(link), client.post(link, {"password": PASSWORD})):
        assert response.status_code == status
        assert words in response.content.decode()


def test_used_link_is_invalid(sam: Person, link: str) -> None:
    assert Client().post(link, {"password": PASSWORD}).status_code == 302
    assert_link_is_invalid(link, 410, "It has been used, or there is a newer one.")


def test_expired_link_is_invalid(sam: Person, link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 8 * 24 * 3600)
    assert_link_is_invalid(link, 410, "It is more than a week old.")


def test_tampered_link_is_not_found(sam: Person, link: str) -> None:
    broken = link[:-2] + ("0" if link[-2] != "0" else "1") + "/"
    assert_link_is_invalid(broken, 404, "Page not found")
    assert_link_is_invalid("/welcome/abc/", 404, "Page not found")


def test_link_of_deactivated_person_is_invalid(sam: Person, link: str) -> None:
    people.deactivate(actor=OPERATOR, person=sam.id)
    assert_link_is_invalid(link, 410, "This account is deactivated.")


def test_weak_password_is_rejected_with_a_reason(sam: Person, link: str) -> None:
    response = Client().post(link, {"password": "short"})
    assert response.status_code == 422
    assert "This password is too short" in response.content.decode()
    assert Client().get(link).status_code == 200


def test_choosing_a_password_signs_out_the_current_session(
    sam: Person, jonas: Person, link: str, signed_in: SignedIn
) -> None:
    client = signed_in(jonas)
    client.post(link, {"password": PASSWORD})
    assert client.get("/keys/").status_code == 302


# Mail


def test_link_is_mailed_if_a_mail_server_is_configured(
    jonas: Person, signed_in: SignedIn, invitation: dict[str, str]
) -> None:
    html = signed_in(jonas).post("/people/invite/", invitation).content.decode()
    assert "Also sent by email to new@example.com." in html
    run_due_jobs()
    assert mail.outbox[0].to == ["new@example.com"]
    assert Client().get(link_in_mail()).status_code == 200
    assert "Jonas Lind has invited you" in mail.outbox[0].body


def test_link_is_not_printed_without_a_mail_server(
    jonas: Person, signed_in: SignedIn, invitation: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with override_settings(MAILERS=PRINTED):
        html = signed_in(jonas).post("/people/invite/", invitation).content.decode()
    assert "Also sent" not in html
    run_due_jobs()
    assert link_on(html).split("/")[2] not in "".join(capsys.readouterr())


def test_mail_is_sent_later_while_the_mail_server_is_away(
    jonas: Person, signed_in: SignedIn, invitation: dict[str, str]
) -> None:
    with mock.patch.object(EmailBackend, "send_messages", side_effect=OSError("away")):
        html = signed_in(jonas).post("/people/invite/", invitation).content.decode()
        run_due_jobs()
    assert link_on(html)
    assert mail.outbox == []
    OutboxJob.objects.update(due_at=timezone.now())
    run_due_jobs()
    assert Client().get(link_in_mail()).status_code == 200


def test_link_that_was_used_before_its_mail_is_not_mailed(
    jonas: Person, signed_in: SignedIn, invitation: dict[str, str]
) -> None:
    link = link_on(signed_in(jonas).post("/people/invite/", invitation).content.decode())
    assert Client().post(link, {"password": PASSWORD}).status_code == 302
    run_due_jobs()
    assert mail.outbox == []


def test_queued_mail_holds_no_link(jonas: Person, signed_in: SignedIn, invitation: dict[str, str]) -> None:
    link = link_on(signed_in(jonas).post("/people/invite/", invitation).content.decode())
    payload = json.dumps(OutboxJob.objects.get().payload)
    token = link.split("/")[2]
    assert token not in payload
    assert bytes.fromhex(token).decode().rpartition(":")[2] not in payload, "the signature"


def test_invitation_that_fails_queues_no_mail(jonas: Person, signed_in: SignedIn, invitation: dict[str, str]) -> None:
    client = signed_in(jonas)
    client.raise_request_exception = False
    with mock.patch.object(audit, "record", side_effect=RuntimeError("history cannot be written")):
        assert client.post("/people/invite/", invitation).status_code == 500
    assert not OutboxJob.objects.exists()
