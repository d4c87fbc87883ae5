"""Commands about one noun: each verb does what it says, tells it as JSON, and history names the command line."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError
from django.utils import timezone

from keyadmin.models import AllowListEntry, Bot, Channel, Event, Key, Organisation, Person, Scope, Tier, UsageHour
from keyadmin.operations.people import passwords
from tests.factories import ChannelFactory, KeyFactory, member_of

from .conftest import Shell

type Tell = Callable[..., Any]


@pytest.fixture
def tell(command: Callable[..., str]) -> Tell:
    """What a command prints with --json."""
    return lambda *arguments: json.loads(command(*arguments, "--json"))


def verbs() -> list[str]:
    """What history says was done, in order, all by the command line."""
    events = Event.objects.order_by("number")
    assert {(event.actor_kind, event.interface) for event in events} == {("command", "command")}
    return [event.type for event in events]


def test_bots(tell: Tell, northwind: Organisation) -> None:
    mine = ("--organisation", "northwind")
    made = tell("bots", "create", *mine, "--name", "Helper", "--no-conversational")
    assert (made["name"], made["is_conversational"], made["is_active"]) == ("Helper", False, True)
    assert tell("bots", "edit", *mine, "Helper", "--description", "Helps")["description"] == "Helps"
    assert not tell("bots", "disable", *mine, "Helper", "--reason", "Night")["is_active"]
    assert tell("bots", "enable", *mine, made["id"])["is_active"]
    assert tell("bots", "list", *mine) == [made | {"description": "Helps"}]
    assert verbs() == ["bot.created", "bot.edited", "bot.disabled", "bot.enabled"]
    assert Bot.objects.get().name == "Helper"


def test_organisations(tell: Tell) -> None:
    made = tell("organisations", "create", "--name", "Fabrikam", "--key-prefix", "fab", "--key-format", "compact")
    assert (made["slug"], made["key_prefix"], made["key_format"]) == ("fabrikam", "fab", "compact")
    edited = tell(
        "organisations",
        "edit",
        "fabrikam",
        "--longest-life",
        "30",
        "--default-expiry",
        "30",
        "--no-may-never-expire",
        "--keep-usage",
        "100",
    )
    assert (edited["max_expiry_days"], edited["may_never_expire"], edited["usage_retention_days"]) == (30, False, 100)
    unlimited = tell("organisations", "edit", "fabrikam", "--longest-life", "never", "--name", "Fabrikam Ltd")
    assert (unlimited["max_expiry_days"], unlimited["name"]) == (None, "Fabrikam Ltd")
    assert not tell("organisations", "disable", "fabrikam")["is_active"]
    assert tell("organisations", "enable", "fabrikam")["is_active"]
    assert [row["slug"] for row in tell("organisations", "list")] == ["fabrikam"]
    assert verbs() == [f"organisation.{what}" for what in ("created", "edited", "edited", "disabled", "enabled")]


def test_tiers(tell: Tell, db: None) -> None:
    made = tell("tiers", "create", "--name", "Bulk", "--hourly-limit", "90000")
    assert tell("tiers", "edit", "Bulk", "--hourly-limit", "80000")["hourly_limit"] == 80000
    assert made["id"] in [row["id"] for row in tell("tiers", "list")]
    tell("tiers", "remove", "Bulk")
    assert not Tier.objects.filter(name="Bulk").exists()
    assert verbs() == ["tier.created", "tier.edited", "tier.removed"]


def test_scopes(tell: Tell, db: None) -> None:
    words = ("--resource", "Reports", "--label", "Read reports", "--explanation", "Reads.", "--ability", "read reports")
    made = tell("scopes", "create", "reports:read", *words, "--route", "GET /reports/*", "--route", "GET /r header")
    assert sorted(made["routes"]) == ["GET /r header", "GET /reports/*"]
    assert tell("scopes", "edit", "reports:read", "--route", "GET /reports/**")["routes"] == ["GET /reports/**"]
    moved = tell("scopes", "edit", "reports:read", "--position", "7", "--sensitive")
    assert (moved["position"], moved["is_sensitive"]) == (7, True)
    tell("scopes", "remove", "reports:read")
    assert not Scope.objects.filter(name="reports:read").exists()
    with pytest.raises(CommandError, match="part of keyadmin") as refused:
        tell("scopes", "remove", "keys:read")
    assert refused.value.returncode == 5
    assert verbs() == ["scope.created", "scope.edited", "scope.edited", "scope.removed"]


def test_channels(tell: Tell, northwind: Organisation) -> None:
    mine = ("--organisation", "northwind")
    assert tell("channels", "create", *mine, "--name", "Web chat")["slug"] == "web-chat"
    renamed = tell("channels", "rename", *mine, "web-chat", "--name", "Site")
    assert (renamed["slug"], renamed["name"]) == ("web-chat", "Site")
    assert tell("channels", "list", *mine) == [renamed]
    tell("channels", "remove", *mine, "web-chat")
    assert not Channel.objects.exists()
    assert verbs() == ["channel.created", "channel.renamed", "channel.removed"]


def test_allow_lists(tell: Tell, northwind: Organisation) -> None:
    key = KeyFactory(organisation=northwind)
    mine = ("--key", key.key_id)
    assert tell("allow_list", "add", *mine, "10.0.0.0/8")["network"] == "10.0.0.0/8"
    assert tell("allow_list", "change", *mine, "10.0.0.0/8", "10.1.0.0/16")["network"] == "10.1.0.0/16"
    assert [row["network"] for row in tell("allow_list", "list", *mine)] == ["10.1.0.0/16"]
    with pytest.raises(CommandError, match="Any address will be allowed") as refused:
        tell("allow_list", "remove", *mine, "10.1.0.0/16")
    assert refused.value.returncode == 6
    tell("allow_list", "remove", *mine, "10.1.0.0/16", "--allow-any")
    assert not AllowListEntry.objects.exists()
    assert verbs() == ["allow_list.added", "allow_list.changed", "allow_list.removed"]


def test_a_bots_allow_list(tell: Tell, northwind: Organisation) -> None:
    tell("bots", "create", "--organisation", "northwind", "--name", "Helper")
    mine = ("--bot", "Helper", "--organisation", "northwind")
    with pytest.raises(CommandError, match="too wide") as refused:
        tell("allow_list", "add", *mine, "10.0.0.0/8")
    assert refused.value.returncode == 6
    tell("allow_list", "add", *mine, "10.0.0.0/16")
    assert [row["network"] for row in tell("allow_list", "list", *mine)] == ["10.0.0.0/16"]


def test_people(tell: Tell, northwind: Organisation, maya: Person) -> None:
    mine = ("--organisation", "northwind")
    made = tell("people", "add", "--email", "kim@example.com", "--name", "Kim", *mine, "--role", "member")
    assert made["roles"] == ["northwind:member"]
    assert tell("people", "set-role", "kim@example.com", *mine, "--role", "auditor")["roles"] == ["northwind:auditor"]
    assert tell("people", "edit", "kim@example.com", "--name", "Kim L")["name"] == "Kim L"
    assert tell("people", "set-system-role", made["id"], "--role", "auditor")["system_role"] == "auditor"
    assert tell("people", "set-system-role", made["id"], "--role", "none")["system_role"] == ""
    assert tell("people", "remove-role", "kim@example.com", *mine)["roles"] == []
    assert not tell("people", "deactivate", "kim@example.com")["is_active"]
    assert tell("people", "reactivate", "kim@example.com")["is_active"]
    assert {row["email"] for row in tell("people", "list")} == {"kim@example.com", maya.email}
    with pytest.raises(CommandError) as refused:
        tell("people", "deactivate", maya.email)
    assert refused.value.returncode == 5


def test_keys(tell: Tell, command: Callable[..., str], northwind: Organisation) -> None:
    key = KeyFactory(organisation=northwind, scopes=["chats:read"])
    edited = tell(
        "keys",
        "edit",
        key.key_id,
        "--name",
        "New",
        "--scope",
        "chats:write",
        "--allow",
        "10.0.0.0/8",
        "--expires",
        "30d",
    )
    assert edited["name"] == "New"
    row = Key.objects.get()
    assert [scope.name for scope in row.scopes.all()] == ["chats:write"]
    secret = command("keys", "regenerate", str(key.id), "--grace", "2").strip()
    assert secret.startswith(f"{key.key_id}_")
    tell("keys", "end-grace", key.key_id)
    command("revoke_key", key.key_id)
    tell("keys", "reactivate", key.key_id, "--reason", "Found")
    tell("keys", "delete", key.key_id)
    assert not Key.objects.exists()
    assert verbs() == [
        f"key.{what}" for what in ("edited", "regenerated", "grace_ended", "revoked", "reactivated", "deleted")
    ]


def test_links_by_which_people_choose_a_password(
    tell: Tell, command: Callable[..., str], northwind: Organisation, settings: Any, maya: Person
) -> None:
    settings.KEYADMIN_BASE_URL = "https://keys.example.com/"
    new = ("--email", "kim@example.com", "--name", "Kim")
    link = command("people", "invite", *new, "--organisation", "northwind", "--role", "owner").strip()
    assert passwords.read(link.removeprefix("https://keys.example.com/welcome/").rstrip("/")).name == "Kim"
    again = tell("people", "link", "kim@example.com")
    assert (again["email"], again["link"] != link) == ("kim@example.com", True)
    with pytest.raises(passwords.LinkUsedError):
        passwords.read(link.rstrip("/").rpartition("/")[2])
    here = tell(
        "people", "invite", "--email", maya.email, "--name", "M", "--organisation", "northwind", "--role", "owner"
    )
    assert (here["link"], here["roles"]) == (None, ["northwind:owner"])
    assert verbs() == ["person.invited", "person.password_link_created", "person.role_changed"]


def test_what_keys_are_restricted_to_can_be_taken_away(tell: Tell, northwind: Organisation) -> None:
    channel = ChannelFactory(organisation=northwind)
    key = KeyFactory(organisation=northwind, channels=[channel], networks=["10.0.0.0/8"])
    tell("keys", "edit", key.key_id, "--all-channels", "--allow-any")
    assert not key.channels.exists()
    assert not key.allow_list.exists()


def test_a_keys_use(tell: Tell, command: Callable[..., str], northwind: Organisation) -> None:
    key = KeyFactory(organisation=northwind)
    UsageHour.objects.create(key_id=key.id, hour=timezone.now(), outcome="ok", count=3)
    days = tell("keys", "usage", key.key_id, "--days", "7")
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


def test_nobody_by_that_name(tell: Tell, northwind: Organisation) -> None:
    member_of(northwind)
    for arguments in (
        ("bots", "list", "--organisation", "nowhere"),
        ("bots", "disable", "--organisation", "northwind", "nobody"),
        ("people", "deactivate", "nobody@example.com"),
        ("tiers", "remove", "Nothing"),
        ("keys", "delete", "kad_nothing"),
        ("scopes", "remove", "no:thing"),
    ):
        with pytest.raises(CommandError) as refused:
            tell(*arguments)
        assert refused.value.returncode == 3, arguments


def test_a_new_pepper(shell: Shell) -> None:
    before = json.loads(shell("pepper", "status", "--json").stdout)
    assert [row["pepper"] for row in before if row["current"]] == [2]
    added = shell("pepper", "add")
    assert added.returncode == 0
    ring = added.stdout.strip()
    assert ring.startswith("1:" + "11" * 32 + ",2:" + "22" * 32 + ",3:")
    assert ring.rpartition(":")[2] not in added.stderr
    after = json.loads(shell("pepper", "status", "--json", KEYADMIN_PEPPERS=ring).stdout)
    assert [(row["pepper"], row["current"]) for row in after] == [(1, False), (2, False), (3, True)]
    lost = shell("pepper", "status", KEYADMIN_PEPPERS="9:" + "99" * 32)
    assert lost.returncode == 1
    assert "lacks peppers that secrets need: 2" in lost.stderr


def test_a_verb_is_needed(shell: Shell) -> None:
    for arguments in (("bots",), ("bots", "explode"), ("allow_list", "list"), ("tiers", "create", "--name", "x")):
        done = shell(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
