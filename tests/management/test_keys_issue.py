"""keys issue: the key is on standard output once, and nowhere else."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from keyadmin.core import tokens
from keyadmin.core.actors import Actor, ActorKind, Interface
from keyadmin.models import Event, Key, Organisation
from keyadmin.operations import organisations
from keyadmin.operations.catalogue import channels
from keyadmin.operations.organisations import bots
from tests.fixtures.commands import Shell

Run = Callable[..., str]
ACTOR = Actor(kind=ActorKind.SYSTEM, id=None, label="tests", interface=Interface.BACKGROUND)
EXAMPLE = ("keys", "issue", "--organisation", "northwind", "--name", "CI", "--scope", "chats:read")


@pytest.fixture
def northwind(db: None) -> Organisation:
    return organisations.create(actor=ACTOR, name="Northwind", slug="northwind")


def issue(command: Run, *arguments: str) -> Key:
    """The key that the command made with these arguments in addition."""
    return Key.objects.get(id=json.loads(command(*EXAMPLE, *arguments, "--json"))["id"])


def test_keys_issue_prints_one_json_document(shell: Shell) -> None:
    done = shell(*EXAMPLE, "--json")

    assert (done.returncode, done.stderr) == (0, "")
    printed = json.loads(done.stdout)
    assert list(printed) == ["id", "key_id", "secret", "key"]
    assert done.stdout == json.dumps(printed, indent=2) + "\n"
    token = tokens.parse_pair(printed["key_id"], printed["secret"])
    assert token is not None
    assert token.value == printed["key"]
    assert shell.rows("SELECT key_id, name FROM key WHERE id = %s", printed["id"]) == [(printed["key_id"], "CI")]


def test_compact_key_has_no_key_id(shell: Shell) -> None:
    done = shell("keys", "issue", "--organisation", "contoso", "--name", "CI", "--scope", "chats:read", "--json")

    printed = json.loads(done.stdout)
    assert printed["key_id"] is None
    assert printed["key"] == f"whm_{printed['secret']}"
    assert tokens.parse(printed["key"])


def test_keys_issue_prints_the_key_and_a_note_on_standard_error(shell: Shell) -> None:
    done = shell(*EXAMPLE)

    assert done.returncode == 0
    token = tokens.parse(done.stdout.removesuffix("\n"))
    assert token is not None
    assert "cannot be shown again" in done.stderr
    assert token.secret not in done.stderr


def test_keys_issue_names_the_key_that_could_not_be_printed(shell: Shell) -> None:
    with Path("/dev/full").open("w") as full:
        done = shell.process(*EXAMPLE, "--name", "Unprinted", "--json", stdout=full)

    [(made, key_id)] = shell.rows("SELECT id, key_id FROM key WHERE name = 'Unprinted'")
    assert done.returncode == 1
    assert f"Revoke it: keys revoke {made}" in done.stderr
    assert "secret" not in done.stderr
    assert key_id not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--name", "CI"), 2, "--organisation"),
        (("--network", "10.0.0.1/8"), 2, "Use 10.0.0.0/8 for the range, or 10.0.0.1 for the address."),
        (("--expires-at", "2030-01-01T00:00:00"), 2, "is none of 90d, never, or a time such as"),
        (("--expires-at", "soon"), 2, "is none of"),
        (("--organisation", "nowhere"), 3, "There is no organisation 'nowhere'."),
        (("--bot", "unknown"), 3, "Northwind has no bot 'unknown'."),
        (("--channel", "smoke"), 3, "Northwind has no channel 'smoke'."),
        (("--tier", "Luxury"), 3, "There is no tier 'Luxury'."),
        (("--name", ""), 6, "name: "),
        (("--scope", "chats:burn"), 6, "scopes: "),
        (("--expires-at", "2020-01-01T00:00:00Z"), 6, "expires_at: "),
    ],
)
def test_keys_issue_with_invalid_arguments_prints_one_line_and_has_an_exit_code(
    shell: Shell, arguments: tuple[str, ...], code: int, said: str
) -> None:
    count = "SELECT count(*) FROM key"
    before = shell.rows(count)

    done = shell(*(("keys", "issue") if arguments[0] == "--name" and arguments[1] else EXAMPLE), *arguments, "--json")

    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert code == 2 or (done.stderr.count("\n") == 1 and done.stderr.startswith("Error: "))
    assert shell.rows(count) == before


def test_second_public_key_is_a_conflict(shell: Shell) -> None:
    done = shell(
        "keys", "issue", "--organisation", "contoso", "--name", "Another", "--kind", "public", "--scope", "chats:read"
    )

    assert (done.returncode, done.stdout) == (5, "")


def test_unreachable_database_is_named(shell: Shell) -> None:
    done = shell.process(*EXAMPLE, DATABASE_URL="postgresql://unknown@127.0.0.1:1/nowhere")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: The database of DATABASE_URL does not answer: ")


def test_database_without_migrations_is_named(django_db_blocker: DjangoDbBlocker) -> None:
    done = Shell("postgres", django_db_blocker)(*EXAMPLE)

    assert (done.returncode, done.stdout) == (1, "")
    assert "python manage.py migrate" in done.stderr


def test_argument_that_is_not_utf_8_is_an_error(shell: Shell) -> None:
    done = shell(*EXAMPLE, "--description", "\udcff")

    assert (done.returncode, done.stdout) == (2, "")
    assert "description is not UTF-8 text." in done.stderr


def test_keys_issue_sets_every_field(command: Run, northwind: Organisation) -> None:
    bots.create(actor=ACTOR, organisation=northwind.id, name="Concierge")
    for name in ("WhatsApp", "Web chat", "SMS"):
        channels.create(actor=ACTOR, organisation=northwind.id, name=name)

    key = issue(
        command,
        *("--bot", "Concierge", "--description", "Builds", "--scope", "chats:write", "--tier", "Admin"),
        *("--channel", "whatsapp", "--channel", "web-chat", "--network", "192.0.2.0/24", "--network", "2001:db8::1"),
    )

    assert key.bot is not None
    assert (key.bot.name, key.kind, key.description, key.tier.name) == ("Concierge", "bot", "Builds", "Admin")
    assert {scope.name for scope in key.scopes.all()} == {"chats:read", "chats:write"}
    assert {channel.slug for channel in key.channels.all()} == {"whatsapp", "web-chat"}
    assert {str(entry.network) for entry in key.allow_list.all()} == {"192.0.2.0/24", "2001:db8::1/128"}


def test_history_names_the_operator_of_the_command_line(command: Run, northwind: Organisation) -> None:
    key = issue(command)

    event = Event.objects.of_target(str(key.id)).get()
    assert (event.type, event.actor_kind, event.interface) == ("key.issued", "command", "command")
    assert event.actor_label.startswith("command line (")
    assert key.created_by == event.actor_label


@pytest.mark.parametrize(
    ("arguments", "days"), [((), 90), (("--expires-at", "7d"), 7), (("--expires-at", "never"), None)]
)
def test_expiry_is_in_days_or_never_or_the_default(
    command: Run, northwind: Organisation, arguments: tuple[str, ...], days: int | None
) -> None:
    key = issue(command, *arguments)

    expected: Any = days and pytest.approx(timezone.now().timestamp() + days * 86_400, abs=60)
    assert (key.expires_at and key.expires_at.timestamp()) == expected


def test_key_of_an_organisation_without_default_expiry_does_not_expire(command: Run, northwind: Organisation) -> None:
    Organisation.objects.update(default_expiry_days=None)

    assert issue(command).expires_at is None


def test_expiry_is_a_time_with_offset(command: Run, northwind: Organisation) -> None:
    year = timezone.now().year + 1

    assert issue(command, "--expires-at", f"{year}-03-01T12:00:00+02:00").expires_at == datetime(
        year, 3, 1, 10, tzinfo=UTC
    )


@pytest.mark.parametrize(
    "text", ["2030-13-01T00:00:00Z", "20300101", "90", "-1d", "1e9d", "999999d", "0001-01-01T00:00:00+23:00"]
)
def test_invalid_expiry_is_an_error(command: Run, northwind: Organisation, text: str) -> None:
    with pytest.raises(CommandError, match="is none of"):
        issue(command, f"--expires-at={text}")


def test_expiry_in_zero_days_is_invalid(command: Run, northwind: Organisation) -> None:
    with pytest.raises(CommandError, match="expires_at") as raised:
        issue(command, "--expires-at", "0d")
    assert raised.value.returncode == 6


def test_name_of_an_issued_key_is_taken_from_its_description(command: Run, northwind: Organisation) -> None:
    new = ("keys", "issue", "--organisation", "northwind", "--scope", "chats:read", "--description", "Nightly sync")
    key = Key.objects.get(id=json.loads(command(*new, "--json"))["id"])
    assert key.name == "Nightly sync"
    edited = json.loads(command("keys", "edit", str(key.id), "--description", "Hourly sync", "--json"))
    assert (edited["name"], edited["name_follows_description"]) == ("Hourly sync", True)
    edited = json.loads(command("keys", "edit", str(key.id), "--name", "Sync", "--json"))
    assert (edited["name"], edited["name_follows_description"]) == ("Sync", False)
    with pytest.raises(CommandError, match="name: This field is required"):
        command(*new[:6])
