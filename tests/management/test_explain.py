"""explain: the decision, every rule, and the changes that would allow the call. The output contains no secret."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError

from keyadmin.core import tokens
from keyadmin.models import Organisation
from tests.factories import KeyFactory
from tests.fixtures.commands import Shell

CALL = ("GET", "/api/chats", "--address", "203.0.113.24")


def key_id(shell: Shell, name: str = "WhatsApp sender") -> str:
    [(found,)] = shell.rows("SELECT key_id FROM key WHERE name = %s", name)
    return str(found)


def test_explain_prints_json(shell: Shell) -> None:
    done = shell("explain", key_id(shell), "get", "/api/export", "--address", "198.51.100.20", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    told: dict[str, Any] = json.loads(done.stdout)
    assert (told["allowed"], told["status"], told["reason"], told["decided_by"]) == (
        False,
        403,
        "address",
        "key_addresses",
    )
    assert {rule["rule"]: (rule["state"], rule["reason"]) for rule in told["rules"]} == {
        "request": ("pass", None),
        "key": ("pass", None),
        "key_state": ("pass", None),
        "key_addresses": ("decides", "address"),
        "bot_addresses": ("not_reached", None),
        "permission": ("not_reached", "scope"),
        "channel": ("not_reached", "channel"),
        "on_behalf_of": ("not_reached", None),
        "limit": ("not_reached", None),
    }
    assert [remedy["kind"] for remedy in told["remedies"]] == ["key_list", "permissions", "channels"]
    assert told["needs"] == ["chats:export"]


def test_explain_prints_a_table_of_rules(shell: Shell) -> None:
    denied = shell("explain", key_id(shell), "GET", "/api/export", "--address", "203.0.113.20")
    assert (denied.returncode, denied.stderr) == (0, "")
    first, head, *rules = denied.stdout.splitlines()
    assert first == ("Denied by rule 6, Permission: 403, This key lacks the permission for this method and path.")
    assert head.split() == ["RULE", "RESULT", "DETAIL"]
    assert rules[5].split("  ")[0] == "6"
    assert "decides" in rules[5]
    assert rules[-2:] == [
        "To allow this call: Grant Export data.",
        "To allow this call: Name one of the key’s channels in X-Channel: whatsapp.",
    ]

    allowed = shell("explain", key_id(shell, "CRM integration"), *CALL)
    assert allowed.stdout.startswith("Allowed: all 9 rules pass.\n"), allowed.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("kad_0123456789abcdef", *CALL), 3, "There is no key with this ID."),
        (("CRM integration", *CALL), 6, "key: Enter a key ID"),
        (("kad_0123456789abcdef", "TRACE", "/api/chats"), 1, "invalid choice"),
        (("{key}", "GET", "api/chats"), 6, "path: Start the path with a slash"),
        (("{key}", "GET", "/api/chats", "--address", "10.0.0.0/8"), 6, "address: Enter one IP address"),
    ],
)
def test_explain_with_invalid_arguments_prints_an_error(
    command: Callable[..., str], northwind: Organisation, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """The shell says 2 for what argparse refuses; called from here, argparse raises."""
    key = KeyFactory.create(organisation=northwind)
    with pytest.raises(CommandError) as refused:
        command("explain", *(one.format(key=key.key_id) for one in arguments))
    assert refused.value.returncode == code
    assert said in str(refused.value)


@pytest.mark.parametrize("form", list(tokens.KeyFormat))
def test_explain_does_not_repeat_a_whole_key(
    command: Callable[..., str], northwind: Organisation, form: tokens.KeyFormat
) -> None:
    token, key = tokens.mint("kad", form), KeyFactory.create(organisation=northwind)
    for arguments in ((token.value, *CALL), (str(key.id), "GET", f"/api/chats/{token.value}")):
        with pytest.raises(CommandError) as refused:
            command("explain", *arguments)
        assert refused.value.returncode == 6
        assert "secret" in str(refused.value)
        assert token.secret not in str(refused.value)
