"""Invitation and password links: shown once, followed, and no longer valid."""

import json
import re
from typing import Any
from unittest import mock

import pytest
import structlog
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client, override_settings
from django.utils import timezone

from keyadmin.core import redaction
from keyadmin.models import Event, Invitation, Membership, Organisation, OutboxJob, PasswordLink, Person, Role
from keyadmin.operations import audit, people
from keyadmin.server import logs
from tests.factories import OPERATOR, PASSWORD, member_of
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
    assert latest_event().type == "invitation.accepted"
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
    for page in ("/people/", "/history/"):
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


def without_variables(html: str, email: str) -> str:
    html = re.sub(r"/welcome/[0-9a-f]+/", "/welcome/", html.replace(email, "EMAIL"))
    return re.sub(r'(name="csrfmiddlewaretoken" value=")[^"]+', r"\1", html)


@pytest.mark.parametrize("state", ["active", "unverified", "deactivated", "administrator"])
def test_inviter_gets_the_same_pages_for_known_and_unknown_addresses(
    jonas: Person, contoso: Organisation, signed_in: SignedIn, invitation: dict[str, str], state: str
) -> None:
    traits: dict[str, Any] = {} if state == "active" else {state: True}
    known = member_of(contoso, name="Known Name", email="known@example.com", signs_in=True, **traits)
    client, pages, statuses = signed_in(jonas), [], []
    for email in (known.email, "stranger@example.com"):
        shown = client.post("/people/invite/", invitation | {"email": email}).content.decode()
        listed = client.get("/people/").content.decode()
        link = link_on(shown)
        opened = Client().get(link)
        chosen = Client().post(link, {"password": "an entirely new passphrase"})
        pages.append([without_variables(each, email) for each in (shown, opened.content.decode())])
        statuses.append((opened.status_code, chosen.status_code, chosen.headers.get("Location")))
        assert "Noor Haddad" in listed
        assert "Known Name" not in listed + shown + opened.content.decode()
    assert pages[0] == pages[1]
    assert statuses == [(200, 302, "/account/login/")] * 2
    known.refresh_from_db()
    assert known.check_password(PASSWORD)
    assert not Membership.objects.filter(person=known, organisation__slug="northwind").exists()


def test_invited_person_with_an_account_accepts_after_sign_in(
    jonas: Person, contoso: Organisation, northwind: Organisation, signed_in: SignedIn, invitation: dict[str, str]
) -> None:
    known = member_of(contoso, email="known@example.com", signs_in=True)
    signed_in(jonas).post("/people/invite/", invitation | {"email": known.email})
    run_due_jobs()
    page = Client().get(link_in_mail()).content.decode()
    assert "Sign in as known@example.com to accept." in page
    assert 'name="password"' not in page
    client = Client()
    signed = client.post("/account/login/", {"login": known.email, "password": PASSWORD})
    assert signed["Location"] == "/invitations/"
    page = client.get("/invitations/").content.decode()
    assert "Northwind · Organisation auditor" in page
    accept = re.search(r'action="(/invitations/[0-9a-f-]+/accept/)"', page)
    assert accept
    assert client.post(accept[1])["Location"] == "/profile/"
    assert Membership.objects.get(person=known, organisation=northwind).role == Role.AUDITOR
    assert client.post(accept[1]).status_code == 404


def test_account_set_up_by_an_inviter_gets_nothing_of_the_organisation_that_invites_later(
    jonas: Person, lena: Person, contoso: Organisation, signed_in: SignedIn, invitation: dict[str, str]
) -> None:
    """The owner of one organisation sets the password for an address of another one."""
    victim, attackers = "cfo@contoso.example", "the attacker's own passphrase"
    shown = signed_in(jonas).post("/people/invite/", invitation | {"email": victim}).content.decode()
    assert Client().post(link_on(shown), {"password": attackers}).status_code == 302
    attacker = Client()
    signed = attacker.post("/account/login/", {"login": victim, "password": attackers})
    assert signed["Location"] == "/"
    OutboxJob.objects.all().delete()
    sent = invitation | {"email": victim, "organisation": str(contoso.id), "role": "owner"}
    page = signed_in(lena).post("/people/invite/", sent).content.decode()
    assert "/welcome/" not in page, "the link of a new owner is only mailed"
    pending = Invitation.objects.get()
    assert attacker.post(f"/invitations/{pending.id}/accept/").status_code == 404
    assert str(pending.id) not in attacker.get("/invitations/").content.decode()
    assert attacker.get("/keys/?organisation=contoso").status_code == 404
    run_due_jobs()
    link = link_in_mail()
    assert "Leave Northwind (Organisation auditor)" in Client().get(link).content.decode()
    northwind = Membership.objects.get(person__email=victim).organisation_id
    owners = {"password": "only the mailbox knows this", "leave": str(northwind)}
    assert Client().post(link, owners).status_code == 302
    assert attacker.get("/profile/").status_code == 302, "the attacker's session has ended"
    assert Client().post("/account/login/", {"login": victim, "password": attackers}).status_code == 200
    person = Person.objects.get(email=victim)
    assert [(each.organisation, each.role) for each in person.memberships.all()] == [(contoso, Role.OWNER)]


def test_withdrawn_invitation_is_gone_from_the_list_with_its_link(
    jonas: Person, signed_in: SignedIn, invitation: dict[str, str]
) -> None:
    client = signed_in(jonas)
    link = link_on(client.post("/people/invite/", invitation).content.decode())
    withdraw = re.search(r'href="(/people/invitations/[0-9a-f-]+/withdraw/)"', client.get("/people/").content.decode())
    assert withdraw
    assert client.get(withdraw[1]).status_code == 200
    assert client.post(withdraw[1]).status_code == 302
    assert "Open invitations" not in client.get("/people/").content.decode()
    assert Client().get(link).status_code == 410


def test_owner_can_invite_only_to_own_organisation_without_system_role(
    jonas: Person, contoso: Organisation, signed_in: SignedIn, invitation: dict[str, str]
) -> None:
    client = signed_in(jonas)
    html = client.get("/people/invite/").content.decode()
    assert "Contoso" not in html
    assert 'name="system_role"' not in html
    client.post("/people/invite/", invitation | {"system_role": "administrator"})
    assert Invitation.objects.get().system_role == ""
    assert client.post("/people/invite/", invitation | {"organisation": str(contoso.id)}).status_code == 422


def test_administrator_can_invite_without_an_organisation(
    maya: Person, signed_in: SignedIn, invitation: dict[str, str]
) -> None:
    sent = invitation | {"organisation": "", "system_role": "auditor"}
    assert signed_in(maya).post("/people/invite/", sent).status_code == 200
    made = Invitation.objects.get()
    assert (made.system_role, made.organisation, made.role) == ("auditor", None, "")
    assert signed_in(maya).post("/people/invite/", sent | {"system_role": ""}).status_code == 422


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


def test_open_links_are_listed_and_can_be_ended(jonas: Person, sam: Person, link: str, signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    page = client.get(f"/people/{sam.id}/").content.decode()
    end = re.search(r'href="(/people/[0-9a-f-]+/links/[0-9a-f-]+/end/)"', page)
    assert end
    assert link.split("/")[2] not in page
    assert client.get(end[1]).status_code == 200
    assert client.post(end[1]).status_code == 302
    assert Client().get(link).status_code == 410
    assert "Open links" not in client.get(f"/people/{sam.id}/").content.decode()
    assert client.post(end[1]).status_code == 404


def test_owner_gets_a_co_owners_link_only_mailed(northwind: Organisation, jonas: Person, signed_in: SignedIn) -> None:
    other = member_of(northwind, Role.OWNER, email="other@example.com")
    client = signed_in(jonas)
    page = client.post(f"/people/{other.id}/link/").content.decode()
    assert "/welcome/" not in page
    assert "Sent by email to other@example.com." in page
    with override_settings(MAILERS=PRINTED):
        refused = client.post(f"/people/{other.id}/link/")
    assert refused.status_code == 422
    assert "there is no mail server" in refused.content.decode()
    form = client.get(f"/people/{other.id}/edit/").content.decode()
    assert 'name="email"' not in form


@pytest.mark.parametrize("settings", [{"KEYADMIN_BASE_URL": "https://keys.example.com/"}, {"PRODUCTION": True}])
def test_link_is_built_from_the_configured_url_not_from_the_request(
    jonas: Person, signed_in: SignedIn, invitation: dict[str, str], settings: dict[str, Any]
) -> None:
    client = signed_in(jonas)
    with override_settings(ALLOWED_HOSTS=["keys.example.com"], **settings):
        page = client.post("/people/invite/", invitation, headers={"Host": "keys.example.com:8443"})
    assert 'value="https://keys.example.com/welcome/' in page.content.decode()


def test_administrator_verifies_an_address_and_gets_a_link(
    maya: Person, northwind: Organisation, signed_in: SignedIn
) -> None:
    person = member_of(northwind, unverified=True, signs_in=True)
    client, theirs = signed_in(maya), signed_in(person)
    assert f"/people/{person.id}/verify-email/" in client.get(f"/people/{person.id}/").content.decode()
    response = client.post(f"/people/{person.id}/verify-email/")
    assert response.status_code == 200
    assert theirs.get("/profile/").status_code == 302
    assert Client().post(link_on(response.content.decode()), {"password": PASSWORD}).status_code == 302
    page = client.get(f"/people/{person.id}/").content.decode()
    assert "Not verified" not in page
    assert f"/people/{person.id}/verify-email/" not in page
    assert client.post(f"/people/{person.id}/verify-email/").status_code == 409


def test_unverified_person_is_told_and_verifies_by_a_mailed_link(northwind: Organisation) -> None:
    person = member_of(northwind, Role.OWNER, unverified=True, signs_in=True, email="kim@example.com")
    client = Client()
    client.post("/account/login/", {"login": person.email, "password": PASSWORD})
    assert "Your email address isn’t verified." in client.get("/keys/").content.decode()
    run_due_jobs()
    link = link_in_mail()
    assert mail.outbox[0].subject == "Confirm your email address"
    assert client.post("/profile/confirm-email/", follow=True).status_code == 200
    assert run_due_jobs() == 0, "one mail an hour"
    assert "Leave Northwind" in Client().get(link).content.decode()
    assert Client().post(link, {"password": "an entirely new passphrase"}).status_code == 302
    person.refresh_from_db()
    assert (person.is_email_verified, person.memberships.count()) == (True, 1)
    assert client.get("/keys/").status_code == 302, "sessions from before have ended"


def test_person_leaves_an_organisation_on_their_profile(
    sam: Person, northwind: Organisation, signed_in: SignedIn
) -> None:
    client = signed_in(sam)
    leave = f"/profile/organisations/{northwind.id}/leave/"
    assert leave in client.get("/profile/").content.decode()
    assert client.get(leave).status_code == 200
    assert client.post(leave).status_code == 302
    assert not sam.memberships.exists()
    assert client.post(leave).status_code == 404


def assert_link_is_invalid(link: str, status: int, words: str) -> None:
    client = Client()
    for response in (client.get(link), client.post(link, {"password": PASSWORD})):
        assert response.status_code == status
        assert words in response.content.decode()


def test_used_link_is_invalid(sam: Person, link: str) -> None:
    assert Client().post(link, {"password": PASSWORD}).status_code == 302
    assert_link_is_invalid(link, 410, "It has been used or ended, or there is a newer one.")


def test_expired_link_is_invalid(sam: Person, link: str) -> None:
    PasswordLink.objects.update(expires_at=timezone.now())
    assert_link_is_invalid(link, 410, "It is too old.")


def test_tampered_link_is_not_found(sam: Person, link: str) -> None:
    broken = link[:-2] + ("0" if link[-2] != "0" else "1") + "/"
    assert_link_is_invalid(broken, 404, "Page not found")
    assert_link_is_invalid("/welcome/abc/", 404, "Page not found")


def test_link_of_deactivated_person_is_invalid(sam: Person, link: str) -> None:
    people.deactivate(actor=OPERATOR, person=sam.id)
    assert_link_is_invalid(link, 410, "It has been used or ended")


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
