"""revoke_key: by either id, with a reason that history keeps."""

import json
from typing import Any

import pytest

from .conftest import Shell


@pytest.fixture
def issued(shell: Shell) -> dict[str, Any]:
    done = shell("issue_key", "--organisation", "northwind", "--name", "Spare", "--scope", "chats:read", "--json")
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


@pytest.mark.parametrize("name", ["id", "key_id"])
def test_revokes_at_once(shell: Shell, issued: dict[str, Any], name: str) -> None:
    done = shell("revoke_key", issued[name], "--reason", "Leaked", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    printed = json.loads(done.stdout)
    assert (printed["id"], printed["key_id"], printed["name"]) == (issued["id"], issued["key_id"], "Spare")
    assert (printed["status"], printed["reason"]) == ("revoked", "Leaked")
    saved = shell.rows("SELECT revoked_reason, revoked_at IS NOT NULL FROM key WHERE id = %s", issued["id"])
    assert saved == [("Leaked", True)]


def test_a_line_for_people(shell: Shell, issued: dict[str, Any]) -> None:
    done = shell("revoke_key", issued["id"])

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Revoked Spare ({issued['key_id'][:12]}).\n"


def test_an_unknown_key(shell: Shell) -> None:
    done = shell("revoke_key", "00000000-0000-4000-8000-000000000000", "--json")

    assert (done.returncode, done.stdout) == (3, "")


def test_a_whole_key_is_not_repeated(shell: Shell, issued: dict[str, Any]) -> None:
    done = shell("revoke_key", issued["key"])

    assert (done.returncode, done.stdout) == (3, "")
    assert issued["secret"] not in done.stderr


def test_twice_is_a_conflict(shell: Shell, issued: dict[str, Any]) -> None:
    shell("revoke_key", issued["id"])

    done = shell("revoke_key", issued["id"])

    assert (done.returncode, done.stdout) == (5, "")
