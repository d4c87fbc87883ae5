"""expire_notices: mails to a real SMTP server, each once, also if sending fails at first."""

import json
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.utils import timezone

from keyadmin.models import Event, ExpiryNotice, Key, Organisation, OutboxJob, Person, Role
from keyadmin.operations import keys, outbox
from tests.factories import OPERATOR, BotFactory, KeyFactory, KeyWithToken, member_of
from tests.jobs import run_due_jobs

type Command = Callable[..., str]
NOW = timezone.now()
LONG_AGO = NOW - timedelta(days=100)


class Postbox:
    """A server on loopback; `refuses` is what it answers to some recipients."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, Any]] = []
        self.refuses: dict[str, str] = {}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        letter = message_from_bytes(envelope.content, policy=policy.default)
        self.letters += [(to, letter) for to in envelope.rcpt_tos]
        return "250 OK"

    def take(self) -> dict[str, str]:
        """By recipient the letter's text; each has one at most."""
        taken, self.letters = self.letters, []
        assert len({to for to, _ in taken}) == len(taken)
        return {to: letter.get_content() for to, letter in taken}


def mailers(port: int) -> dict[str, Any]:
    options = {"host": "127.0.0.1", "port": port, "timeout": 1}
    return {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}


@pytest.fixture
def postbox(settings: Any) -> Iterator[Postbox]:
    box = Postbox()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    settings.MAILERS = mailers(port)
    settings.KEYADMIN_BASE_URL = "https://keys.example.com/"
    yield box
    controller.stop()


def ending(days: float, **fields: Any) -> KeyWithToken:
    key: KeyWithToken = KeyFactory.create(**{"created_at": LONG_AGO, "expires_at": NOW + timedelta(days=days)} | fields)
    return key


def send_notices(command: Command) -> str:
    """Queue the mails and send them, as the worker does. Returns what the command printed, as JSON."""
    printed = command("expire_notices", "--json")
    run_due_jobs()
    return printed


def test_each_owner_gets_one_mail_about_all_their_keys(
    command: Command,
    postbox: Postbox,
    northwind: Organisation,
    contoso: Organisation,
    jonas: Person,
    asha: Person,
    maya: Person,
) -> None:
    member_of(northwind, Role.OWNER, deactivated=True)
    both = member_of(northwind, Role.OWNER, email="both@example.com")
    both.memberships.create(organisation=contoso, role=Role.OWNER)
    robot = ending(0.5, bot=BotFactory.create(organisation=northwind, name="Concierge"), name="Robot")
    ending(13, organisation=northwind, name="Later")
    ending(5, organisation=contoso, name="Theirs")
    ending(6, organisation=northwind, name="Master", master=True)
    ending(15, organisation=northwind, name="Far")
    ending(3, organisation=northwind, name="Revoked", revoked=True)
    ending(3, organisation=northwind, name="Short life", created_at=NOW)
    told = json.loads(send_notices(command))
    letters = postbox.take()
    named = {
        to: [name for name in ("Robot", "Later", "Theirs", "Master", "Far", "Revoked", "Short life") if name in text]
        for to, text in letters.items()
    }
    assert named == {
        jonas.email: ["Robot", "Later"],
        "both@example.com": ["Robot", "Later", "Theirs"],
        maya.email: ["Master"],
    }
    assert f"https://keys.example.com/keys/{robot.id}/" in letters[jonas.email]
    assert "Northwind / Concierge" in letters[jonas.email]
    assert [one["to"] for one in told["queued"]] == sorted(letters)
    assert [key["days"] for key in told["queued"][0]["keys"]] == [1, 7, 14]
    events = Event.objects.filter(type="notice.sent")
    assert {event.target_label for event in events} == {jonas.name, both.name, maya.name}
    assert {event.interface for event in events} == {"background"}
    assert robot.token not in "".join(letters.values())
    assert json.loads(send_notices(command))["queued"] == []
    assert postbox.take() == {}


def test_each_notice_is_sent_once_and_a_missed_one_later(
    command: Command, postbox: Postbox, northwind: Organisation, jonas: Person
) -> None:
    key = ending(13, organisation=northwind)

    def letters_when(left: timedelta) -> int:
        """As if so much were left: the expiry and what was told of it are moved alike."""
        ends = timezone.now() + left
        Key.objects.filter(id=key.id).update(expires_at=ends)
        ExpiryNotice.objects.update(expires_at=ends)
        send_notices(command)
        return len(postbox.take())

    days = [13, 12, 8, 6, 2, 0.9, 0.1]
    assert [letters_when(timedelta(days=left)) for left in days] == [1, 0, 0, 1, 0, 1, 0]
    ExpiryNotice.objects.all().delete()
    assert [letters_when(timedelta(days=left)) for left in (0.5, 0.4)] == [1, 0], "not three at a time"
    keys.edit(actor=OPERATOR, key=key.id, revision=1, expires_at=timezone.now() + timedelta(days=7, hours=-1))
    send_notices(command)
    assert len(postbox.take()) == 1, "another expiry"


def test_administrators_get_notices_of_organisations_without_owners(
    command: Command, postbox: Postbox, northwind: Organisation, maya: Person, asha: Person
) -> None:
    ending(5, organisation=northwind)
    send_notices(command)
    assert list(postbox.take()) == [maya.email]


def test_mail_that_is_refused_is_tried_again_and_the_others_are_sent(
    command: Command, postbox: Postbox, northwind: Organisation, jonas: Person
) -> None:
    ending(5, organisation=northwind)
    other = member_of(northwind, Role.OWNER, email="zoe@example.com")
    postbox.refuses = {jonas.email: "550 No such mailbox"}
    send_notices(command)
    assert list(postbox.take()) == [other.email]
    assert OutboxJob.objects.get().last_error == "SMTPRecipientsRefused"
    postbox.refuses = {}
    OutboxJob.objects.update(due_at=timezone.now())
    send_notices(command)
    assert list(postbox.take()) == [jonas.email]
    assert not OutboxJob.objects.exists()


@pytest.mark.parametrize("state", ["hangs", "is not there"])
def test_mail_is_sent_later_if_the_mail_server_does_not_answer(
    command: Command, postbox: Postbox, northwind: Organisation, jonas: Person, settings: Any, state: str
) -> None:
    ending(5, organisation=northwind)
    works = settings.MAILERS
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.MAILERS = mailers(silent.getsockname()[1])
        if state == "is not there":
            silent.close()
        send_notices(command)
    settings.MAILERS = works
    assert not Event.objects.exists()
    assert command("run_maintenance") == "", "the mail is queued already"
    OutboxJob.objects.update(due_at=timezone.now())
    run_due_jobs()
    assert list(postbox.take()) == [jonas.email]
    assert Event.objects.get().type == "notice.sent"


def test_second_process_queues_no_second_mail(
    command: Command, postbox: Postbox, northwind: Organisation, jonas: Person
) -> None:
    ending(5, organisation=northwind)
    assert jonas.email in command("expire_notices")
    assert jonas.email not in command("expire_notices")
    assert OutboxJob.objects.count() == 1


def test_mail_is_sent_again_if_the_worker_died_before_it_was_done(
    command: Command, postbox: Postbox, northwind: Organisation, jonas: Person
) -> None:
    ending(5, organisation=northwind)
    command("expire_notices")
    assert outbox.claim()
    assert run_due_jobs() == 0, "another worker has claimed it"
    OutboxJob.objects.update(due_at=timezone.now())
    run_due_jobs()
    assert list(postbox.take()) == [jonas.email]


def test_mail_leaves_out_keys_that_were_revoked_or_extended_meanwhile(
    command: Command, postbox: Postbox, northwind: Organisation, jonas: Person
) -> None:
    revoked, extended, left = [ending(5, organisation=northwind, name=name) for name in ("One", "Two", "Three")]
    command("expire_notices")
    keys.revoke(actor=OPERATOR, key=revoked.id)
    keys.edit(actor=OPERATOR, key=extended.id, revision=1, expires_at=timezone.now() + timedelta(days=60))
    run_due_jobs()
    (text,) = postbox.take().values()
    assert left.name in text
    assert revoked.name not in text
    assert extended.name not in text


def test_notices_of_expired_keys_are_forgotten(
    command: Command, postbox: Postbox, northwind: Organisation, jonas: Person
) -> None:
    ending(5, organisation=northwind)
    send_notices(command)
    ExpiryNotice.objects.update(expires_at=NOW - timedelta(days=1))
    Key.objects.all().update(expires_at=NOW - timedelta(days=1))
    send_notices(command)
    assert not ExpiryNotice.objects.exists()


def test_nothing_is_queued_in_a_dry_run_or_without_a_mail_server(
    command: Command, postbox: Postbox, northwind: Organisation, jonas: Person, settings: Any
) -> None:
    ending(5, organisation=northwind, name="CRM")
    assert "CRM" in command("expire_notices", "--dry-run")
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.dummy.EmailBackend"}}
    told = json.loads(send_notices(command))
    assert told == {"queued": [], "has_mail_server": False}
    assert postbox.take() == {}
    assert not ExpiryNotice.objects.exists()
