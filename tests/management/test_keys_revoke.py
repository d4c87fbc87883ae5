"""keys revoke: by id or key ID, with a reason that is recorded in history."""

import json
from typing import Any

import pytest

from tests.fixtures.commands import Shell


@pytest.fixture
def issued(shell: Shell) -> dict[str, Any]:
    done = shell("keys", "issue", "--organisation", "northwind", "--name", "Spare", "--scope", "chats:read", "--json")
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


@pytest.mark.parametrize("name", ["id", "key_id"])
def test_keys_revoke_revokes_by_either_id(shell: Shell, issued: dict[str, Any], name: str) -> None:
    done = shell("keys", "revoke", issued[name], "--reason", "Leaked", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    printed = json.loads(done.stdout)
    assert (printed["id"], printed["key_id"], printed["name"]) == (issued["id"], issued["key_id"], "Spare")
    assert (printed["status"], printed["revoked_reason"]) == ("revoked", "Leaked")
    saved = shell.rows("SELECT revoked_reason, revoked_at IS NOT NULL FROM key WHERE id = %s", issued["id"])
    assert saved == [("Leaked", True)]


def test_keys_revoke_prints_one_line(shell: Shell, issued: dict[str, Any]) -> None:
    done = shell("keys", "revoke", issued["id"])

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Revoked Spare ({issued['key_id'][:12]}).\n"


def test_keys_revoke_of_an_unknown_key_is_not_found(shell: Shell) -> None:
    done = shell("keys", "revoke", "00000000-0000-4000-8000-000000000000", "--json")

    assert (done.returncode, done.stdout) == (3, "")


def test_keys_revoke_does_not_repeat_a_whole_key(shell: Shell, issued: dict[str, Any]) -> None:
    done = shell("keys", "revoke", issued["key"])

    assert (done.returncode, done.stdout) == (3, "")
    assert issued["secret"] not in done.stderr


def test_keys_revoke_of_a_revoked_key_is_a_conflict(shell: Shell, issued: dict[str, Any]) -> None:
    shell("keys", "revoke", issued["id"])

    done = shell("keys", "revoke", issued["id"])

    assert (done.returncode, done.stdout) == (5, "")
