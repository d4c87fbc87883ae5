"""Commands with subcommands: each does its work, prints JSON, and history names the command line."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from keyadmin.models import AllowListEntry, Bot, Channel, Event, Key, Organisation, Person, Scope, Tier, UsageHour
from keyadmin.operations.people import links, passwords
from tests.factories import OPERATOR, PASSWORD, BotFactory, ChannelFactory, KeyFactory, member_of
from tests.fixtures.commands import Shell

type RunJson = Callable[..., Any]


@pytest.fixture
def run_json(command: Callable[..., str]) -> RunJson:
    """Runs a command with --json and returns the document that it prints."""
    return lambda *arguments: json.loads(command(*arguments, "--json"))


def event_types() -> list[str]:
    """The types of all events, in order. All of them are by the command line."""
    events = Event.objects.order_by("number")
    assert {(event.actor_kind, event.interface) for event in events} == {("command", "command")}
    return [event.type for event in events]


def test_bots_are_created_edited_disabled_and_enabled(run_json: RunJson, northwind: Organisation) -> None:
    mine = ("--organisation", "northwind")
    made = run_json("bots", "create", *mine, "--name", "Helper", "--no-conversational")
    assert (made["name"], made["is_conversational"], made["is_active"]) == ("Helper", False, True)
    assert run_json("bots", "edit", *mine, "Helper", "--description", "Helps")["description"] == "Helps"
    assert not run_json("bots", "disable", *mine, "Helper", "--reason", "Night")["is_active"]
    assert run_json("bots", "enable", *mine, made["id"])["is_active"]
    assert run_json("bots", "list", *mine) == [made | {"description": "Helps"}]
    assert event_types() == ["bot.created", "bot.edited", "bot.disabled", "bot.enabled"]
    assert Bot.objects.get().name == "Helper"


def test_organisations_are_created_edited_disabled_and_enabled(run_json: RunJson) -> None:
    made = run_json("organisations", "create", "--name", "Fabrikam", "--key-prefix", "fab", "--key-format", "compact")
    assert (made["slug"], made["key_prefix"], made["key_format"]) == ("fabrikam", "fab", "compact")
    edited = run_json(
        "organisations",
        "edit",
        "fabrikam",
        "--max-expiry-days",
        "30",
        "--default-expiry-days",
        "30",
        "--no-may-never-expire",
        "--usage-retention-days",
        "100",
    )
    assert (edited["max_expiry_days"], edited["may_never_expire"], edited["usage_retention_days"]) == (30, False, 100)
    unlimited = run_json("organisations", "edit", "fabrikam", "--max-expiry-days", "never", "--name", "Fabrikam Ltd")
    assert (unlimited["max_expiry_days"], unlimited["name"]) == (None, "Fabrikam Ltd")
    assert not run_json("organisations", "disable", "fabrikam")["is_active"]
    assert run_json("organisations", "enable", "fabrikam")["is_active"]
    assert [row["slug"] for row in run_json("organisations", "list")] == ["fabrikam"]
    assert event_types() == [f"organisation.{what}" for what in ("created", "edited", "edited", "disabled", "enabled")]


def test_tiers_are_created_edited_and_removed(run_json: RunJson, db: None) -> None:
    made = run_json("tiers", "create", "--name", "Bulk", "--hourly-limit", "90000")
    assert run_json("tiers", "edit", "Bulk", "--hourly-limit", "80000")["hourly_limit"] == 80000
    assert made["id"] in [row["id"] for row in run_json("tiers", "list")]
    run_json("tiers", "remove", "Bulk")
    assert not Tier.objects.filter(name="Bulk").exists()
    assert event_types() == ["tier.created", "tier.edited", "tier.removed"]


def test_scopes_are_created_edited_and_removed(run_json: RunJson, db: None) -> None:
    words = ("--resource", "Reports", "--label", "Read reports", "--explanation", "Reads.", "--ability", "read reports")
    made = run_json("scopes", "create", "reports:read", *words, "--route", "GET /reports/*", "--route", "GET /r header")
    assert sorted(made["routes"]) == ["GET /r header", "GET /reports/*"]
    assert run_json("scopes", "edit", "reports:read", "--route", "GET /reports/**")["routes"] == ["GET /reports/**"]
    moved = run_json("scopes", "edit", "reports:read", "--position", "7", "--sensitive")
    assert (moved["position"], moved["is_sensitive"]) == (7, True)
    run_json("scopes", "remove", "reports:read")
    assert not Scope.objects.filter(name="reports:read").exists()
    with pytest.raises(CommandError, match="part of keyadmin") as refused:
        run_json("scopes", "remove", "keys:read")
    assert refused.value.returncode == 5
    assert event_types() == ["scope.created", "scope.edited", "scope.edited", "scope.removed"]


def test_channels_are_created_renamed_and_removed(run_json: RunJson, northwind: Organisation) -> None:
    mine = ("--organisation", "northwind")
    assert run_json("channels", "create", *mine, "--name", "Web chat")["slug"] == "web-chat"
    renamed = run_json("channels", "rename", *mine, "web-chat", "--name", "Site")
    assert (renamed["slug"], renamed["name"]) == ("web-chat", "Site")
    assert run_json("channels", "list", *mine) == [renamed]
    run_json("channels", "remove", *mine, "web-chat")
    assert not Channel.objects.exists()
    assert event_types() == ["channel.created", "channel.renamed", "channel.removed"]


def test_networks_of_a_key_are_added_changed_and_removed(run_json: RunJson, northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind)
    mine = ("--key", key.key_id)
    assert run_json("allow_list", "add", *mine, "10.0.0.0/8")["network"] == "10.0.0.0/8"
    assert run_json("allow_list", "change", *mine, "10.0.0.0/8", "10.1.0.0/16")["network"] == "10.1.0.0/16"
    assert [row["network"] for row in run_json("allow_list", "list", *mine)] == ["10.1.0.0/16"]
    with pytest.raises(CommandError, match="Removing it allows any IP address") as refused:
        run_json("allow_list", "remove", *mine, "10.1.0.0/16")
    assert refused.value.returncode == 6
    run_json("allow_list", "remove", *mine, "10.1.0.0/16", "--allow-any")
    assert not AllowListEntry.objects.exists()
    assert event_types() == ["allow_list.added", "allow_list.changed", "allow_list.removed"]


def test_notes_of_networks_are_added_changed_and_removed(run_json: RunJson, northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind)
    mine = ("--key", key.key_id)
    assert run_json("allow_list", "add", *mine, "10.0.0.0/8", "--note", "VPN")["note"] == "VPN"
    assert run_json("allow_list", "change", *mine, "10.0.0.0/8", "--note", "Old VPN")["note"] == "Old VPN"
    moved = run_json("allow_list", "change", *mine, "10.0.0.0/8", "10.1.0.0/16")
    assert (moved["network"], moved["note"]) == ("10.1.0.0/16", "Old VPN")
    assert [row["note"] for row in run_json("allow_list", "list", *mine)] == ["Old VPN"]
    for wrong, code in ((("--note", "n" * 201), 6), ((), 2)):
        with pytest.raises(CommandError) as refused:
            run_json("allow_list", "change", *mine, "10.1.0.0/16", *wrong)
        assert refused.value.returncode == code
    assert run_json("allow_list", "change", *mine, "10.1.0.0/16", "--note", "")["note"] == ""


def test_network_of_a_bot_must_not_be_too_wide(run_json: RunJson, northwind: Organisation) -> None:
    run_json("bots", "create", "--organisation", "northwind", "--name", "Helper")
    mine = ("--bot", "Helper", "--organisation", "northwind")
    with pytest.raises(CommandError, match="too wide") as refused:
        run_json("allow_list", "add", *mine, "10.0.0.0/8")
    assert refused.value.returncode == 6
    run_json("allow_list", "add", *mine, "10.0.0.0/16")
    assert [row["network"] for row in run_json("allow_list", "list", *mine)] == ["10.0.0.0/16"]


def test_people_are_added_edited_and_given_roles(run_json: RunJson, northwind: Organisation, maya: Person) -> None:
    mine = ("--organisation", "northwind")
    new = ("--email", "kim@example.com", "--name", "Kim", "--verified")
    made = run_json("people", "add", *new, *mine, "--role", "member")
    assert made["email_verified"]
    assert made["roles"] == ["northwind:member"]
    assert run_json("people", "set-role", "kim@example.com", *mine, "--role", "auditor")["roles"] == [
        "northwind:auditor"
    ]
    assert run_json("people", "edit", "kim@example.com", "--name", "Kim L")["name"] == "Kim L"
    assert run_json("people", "set-system-role", made["id"], "--role", "auditor")["system_role"] == "auditor"
    assert run_json("people", "set-system-role", made["id"], "--role", "none")["system_role"] == ""
    assert run_json("people", "remove-role", "kim@example.com", *mine)["roles"] == []
    assert not run_json("people", "deactivate", "kim@example.com")["is_active"]
    assert run_json("people", "reactivate", "kim@example.com")["is_active"]
    assert {row["email"] for row in run_json("people", "list")} == {"kim@example.com", maya.email}
    with pytest.raises(CommandError) as refused:
        run_json("people", "deactivate", maya.email)
    assert refused.value.returncode == 5


def test_keys_are_edited_regenerated_revoked_reactivated_and_deleted(
    run_json: RunJson, command: Callable[..., str], northwind: Organisation
) -> None:
    key = KeyFactory.create(organisation=northwind, scopes=["chats:read"])
    edited = run_json(
        "keys",
        "edit",
        key.key_id,
        "--name",
        "New",
        "--scope",
        "chats:write",
        "--network",
        "10.0.0.0/8",
        "--expires-at",
        "30d",
    )
    assert edited["name"] == "New"
    assert run_json("keys", "show", str(key.id)) == edited
    assert "name: New\n" in command("keys", "show", key.key_id)
    row = Key.objects.get()
    assert [scope.name for scope in row.scopes.all()] == ["chats:write"]
    secret = command("keys", "regenerate", str(key.id), "--grace-seconds", "7200").strip()
    assert secret.startswith(f"{key.key_id}_")
    run_json("keys", "end-grace", key.key_id)
    command("keys", "revoke", key.key_id)
    run_json("keys", "reactivate", key.key_id, "--reason", "Found")
    run_json("keys", "delete", key.key_id)
    assert not Key.objects.exists()
    assert event_types() == [
        f"key.{what}" for what in ("edited", "regenerated", "grace_ended", "revoked", "reactivated", "deleted")
    ]


def test_links_are_printed_once_and_replace_earlier_ones(
    run_json: RunJson, command: Callable[..., str], northwind: Organisation, settings: Any, maya: Person
) -> None:
    settings.KEYADMIN_BASE_URL = "https://keys.example.com/"

    def token_of(link: str) -> str:
        return link.removeprefix("https://keys.example.com/welcome/").rstrip("/\n")

    new = ("--email", "kim@example.com", "--name", "Kim", "--organisation", "northwind", "--role", "owner")
    invited = command("people", "invite", *new)
    [row] = run_json("people", "invitations")
    assert (row["email"], row["organisation"], row["role"]) == ("kim@example.com", "northwind", "owner")
    renewed = command("people", "renew-invitation", row["id"])
    with pytest.raises(links.LinkEndedError):
        links.find(token_of(invited))
    passwords.choose(actor=OPERATOR, token=token_of(renewed), password=PASSWORD)
    made = run_json("people", "verify-email", "KIM@example.com")
    assert (made["email"], made["email_verified"], made["roles"]) == ("kim@example.com", True, ["northwind:owner"])
    again = run_json("people", "link", "kim@example.com")
    with pytest.raises(links.LinkEndedError):
        links.find(token_of(made["link"]))
    [link] = run_json("people", "links", "kim@example.com")
    command("people", "end-link", "kim@example.com", link["id"])
    with pytest.raises(links.LinkEndedError):
        links.find(token_of(again["link"]))
    theirs = ("--email", maya.email, "--name", "M", "--organisation", "northwind", "--role", "owner")
    here = run_json("people", "invite", *theirs)
    assert not maya.memberships.exists()
    run_json("people", "withdraw-invitation", here["id"])
    assert run_json("people", "invitations") == []
    with pytest.raises(CommandError) as refused:
        run_json("people", "withdraw-invitation", here["id"])
    assert refused.value.returncode == 3


def test_restrictions_of_a_key_are_removed(run_json: RunJson, northwind: Organisation) -> None:
    channel = ChannelFactory.create(organisation=northwind)
    key = KeyFactory.create(organisation=northwind, channels=[channel], networks=["10.0.0.0/8"])
    run_json("keys", "edit", key.key_id, "--all-channels", "--allow-any")
    assert not key.channels.exists()
    assert not key.allow_list.exists()


def test_keys_usage_prints_the_calls_by_day(
    run_json: RunJson, command: Callable[..., str], northwind: Organisation
) -> None:
    key = KeyFactory.create(organisation=northwind)
    UsageHour.objects.create(key_id=key.id, hour=timezone.now(), outcome="ok", count=3)
    days = run_json("keys", "usage", key.key_id, "--days", "7")
    assert len(days) == 7
    assert days[-1] == {
        "day": f"{timezone.now():%Y-%m-%d}",
        "ok": 3,
        "permission": 0,
        "address": 0,
        "limited": 0,
        "expired": 0,
    }
    assert "PERMISSION" in command("keys", "usage", key.key_id)


def test_unknown_name_is_not_found(run_json: RunJson, northwind: Organisation) -> None:
    member_of(northwind)
    for arguments in (
        ("bots", "list", "--organisation", "nowhere"),
        ("bots", "disable", "--organisation", "northwind", "unknown"),
        ("people", "deactivate", "unknown@example.com"),
        ("tiers", "remove", "Nothing"),
        ("keys", "delete", "kad_nothing"),
        ("scopes", "remove", "no:thing"),
    ):
        with pytest.raises(CommandError) as refused:
            run_json(*arguments)
        assert refused.value.returncode == 3, arguments


def test_pepper_add_prints_a_ring_with_a_new_pepper(shell: Shell) -> None:
    before = json.loads(shell("pepper", "status", "--json").stdout)
    assert [row["pepper"] for row in before if row["current"]] == [2]
    added = shell("pepper", "add")
    assert added.returncode == 0
    ring = added.stdout.strip()
    assert ring.startswith("1:" + "11" * 32 + ",2:" + "22" * 32 + ",3:")
    assert ring.rpartition(":")[2] not in added.stderr
    after = json.loads(shell.process("pepper", "status", "--json", KEYADMIN_PEPPERS=ring).stdout)
    assert [(row["pepper"], row["current"]) for row in after] == [(1, False), (2, False), (3, True)]
    lost = shell.process("pepper", "status", KEYADMIN_PEPPERS="9:" + "99" * 32)
    assert lost.returncode == 1
    assert "lacks peppers that secrets need: 2" in lost.stderr


def test_command_without_a_subcommand_prints_its_usage(shell: Shell) -> None:
    for arguments in (("bots",), ("bots", "explode"), ("allow_list", "list"), ("tiers", "create", "--name", "x")):
        done = shell(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments


def test_edit_without_changes_prints_a_note_and_with_json_the_row(northwind: Organisation) -> None:
    def run(*words: str) -> tuple[str, str]:
        out, error = StringIO(), StringIO()
        call_command(*words, stdout=out, stderr=error)
        return out.getvalue(), error.getvalue()

    key = KeyFactory.create(organisation=northwind, name="CI")
    bot = BotFactory.create(organisation=northwind, name="Helper")
    channel = ChannelFactory.create(organisation=northwind, name="SMS")
    mine = ("--organisation", "northwind")
    for words, name in (
        (("keys", "edit", str(key.id), "--name", "CI"), "CI"),
        (("bots", "edit", *mine, str(bot.id), "--name", "Helper"), "Helper"),
        (("channels", "rename", *mine, channel.slug, "--name", "SMS"), "SMS"),
        (("organisations", "edit", "northwind", "--name", "Northwind"), "Northwind"),
        (("scopes", "edit", "chats:read", "--label", "Read chats"), "chats:read"),
        (("tiers", "edit", "Standard", "--name", "Standard"), "Standard"),
    ):
        assert run(*words) == ("", "No changes to save.\n"), words
        printed, note = run(*words, "--json")
        assert (json.loads(printed)["name"], note) == (name, "No changes to save.\n"), words


def test_more_days_of_usage_than_are_kept_are_an_error(command: Callable[..., str], northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind)
    assert len(json.loads(command("keys", "usage", str(key.id), "--days", "90", "--json"))) == 90
    with pytest.raises(CommandError, match="91 is more than 90 days"):
        command("keys", "usage", str(key.id), "--days", "91")
