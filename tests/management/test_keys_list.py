"""keys list: all fields of keys, without a secret."""

import json
from typing import Any

import pytest

from keyadmin.core import tokens
from tests.fixtures.commands import Shell


def listed(shell: Shell, *arguments: str) -> list[dict[str, Any]]:
    done = shell("keys", "list", *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def test_keys_list_describes_a_key(shell: Shell) -> None:
    [key] = [key for key in listed(shell, "--organisation", "northwind") if key["name"] == "WhatsApp sender"]

    assert key["organisation"] == "northwind"
    assert (key["bot"], key["kind"], key["status"], key["tier"]) == ("Concierge", "bot", "active", "Admin")
    assert key["scopes"] == ["chats:read", "messages:send", "templates:read", "templates:send"]
    assert key["channels"] == ["whatsapp"]
    assert key["allow_list"] == ["203.0.113.16/28", "203.0.113.64/28"]
    assert key["bot_allow_list"] == ["203.0.113.0/24", "198.51.100.16/28"]
    assert key["requests"] > 100_000
    assert key["last_used_at"].endswith("Z")


@pytest.mark.parametrize(
    ("status", "name"),
    [
        ("active", "CRM integration"),
        ("expiring", "CI/CD pipeline"),
        ("expired", "Support portal (legacy)"),
        ("revoked", "Partner sandbox"),
        ("paused", "Survey answers"),
    ],
)
def test_keys_list_filters_by_status(shell: Shell, status: str, name: str) -> None:
    keys = listed(shell, "--status", status)

    assert {key["status"] for key in keys} == {status}
    assert name in {key["name"] for key in keys}


def test_keys_list_filters_by_search_kind_scope_and_use(shell: Shell) -> None:
    everything = listed(shell)
    for arguments, is_found in (
        (("--search", "survey"), lambda key: "survey" in f"{key['name']} {key['bot']} {key['key_id']}".lower()),
        (
            ("--kind", "standard", "--used", "never"),
            lambda key: key["kind"] == "standard" and key["last_used_at"] is None,
        ),
        (("--scope", "chats:export"), lambda key: key["inherits"] or "chats:export" in key["scopes"]),
        (("--open", "limited"), lambda key: key["allow_list"] or key["bot_allow_list"]),
    ):
        wanted = [key["id"] for key in everything if is_found(key)]
        assert [key["id"] for key in listed(shell, *arguments)] == wanted
        assert wanted


def test_keys_list_prints_a_table(shell: Shell) -> None:
    done = shell("keys", "list", "--organisation", "contoso", "--limit", "2")

    assert done.returncode == 0
    head, *rows = done.stdout.splitlines()
    assert head.split()[:4] == ["ID", "KEY", "NAME", "OWNER"]
    assert len(rows) == 2
    assert done.stderr.startswith("These are the newest 2 of ")


def test_keys_list_never_prints_a_secret(shell: Shell) -> None:
    issued = json.loads(
        shell("keys", "issue", "--organisation", "contoso", "--name", "Kept", "--scope", "chats:read", "--json").stdout
    )

    printed = shell("keys", "list", "--json").stdout + shell("keys", "list").stdout + shell("history", "--json").stdout

    assert issued["id"] in printed
    assert issued["secret"] not in printed
    assert not any(tokens.parse(word.strip('",')) for word in printed.split())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--organisation", "nowhere"), 3), (("--status", "tired"), 2), (("--limit", "0"), 2), (("--limit", "many"), 2)],
)
def test_keys_list_with_invalid_arguments_prints_an_error(shell: Shell, arguments: tuple[str, ...], code: int) -> None:
    done = shell("keys", "list", *arguments)

    assert (done.returncode, done.stdout) == (code, "")
