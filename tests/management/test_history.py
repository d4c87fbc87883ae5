"""history: all events, newest first, and its filters."""

import json
from typing import Any

import pytest

from tests.fixtures.commands import Shell


def told(shell: Shell, *arguments: str) -> list[dict[str, Any]]:
    done = shell("history", *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    events: list[dict[str, Any]] = json.loads(done.stdout)
    return events


@pytest.fixture
def issued(shell: Shell) -> dict[str, Any]:
    done = shell("keys", "issue", "--organisation", "northwind", "--name", "Told", "--scope", "chats:read", "--json")
    shell("keys", "revoke", json.loads(done.stdout)["id"], "--reason", "Done with it")
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


@pytest.mark.parametrize("name", ["id", "key_id"])
def test_history_of_a_key_is_printed_newest_first(shell: Shell, issued: dict[str, Any], name: str) -> None:
    revoked, made = told(shell, "--key", issued[name])

    assert (revoked["type"], made["type"]) == ("key.revoked", "key.issued")
    assert revoked["number"] > made["number"]
    assert revoked["reason"] == "Done with it"
    assert made["target"] == {"kind": "key", "id": issued["id"], "label": "Told"}
    assert made["actor"]["kind"] == "command"
    assert made["actor"]["interface"] == "command"


def test_history_is_filtered_by_organisation_type_and_limit(shell: Shell) -> None:
    events = told(shell, "--organisation", "contoso", "--type", "key.issued", "--limit", "2")

    assert [(event["organisation_label"], event["type"]) for event in events] == [("Contoso", "key.issued")] * 2


def test_history_is_filtered_by_time(shell: Shell, issued: dict[str, Any]) -> None:
    revoked, _ = told(shell, "--key", issued["id"])

    assert [event["number"] for event in told(shell, "--key", issued["id"], "--since", revoked["at"])] == [
        revoked["number"]
    ]
    assert told(shell, "--since", "1d", "--limit", "1")
    assert told(shell, "--since", "2999-01-01T00:00:00Z") == []


def test_history_is_printed_as_a_table(shell: Shell, issued: dict[str, Any]) -> None:
    done = shell("history", "--key", issued["id"])

    assert done.returncode == 0
    head, revoked, _ = done.stdout.splitlines()
    assert head.startswith("NUMBER")
    assert "Key revoked" in revoked


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--organisation", "nowhere"), 3),
        (("--key", "kad_nothing"), 3),
        (("--type", "key.eaten"), 2),
        (("--since", "yesterday"), 2),
        (("--since", "2026-01-01"), 2),
    ],
)
def test_history_with_invalid_arguments_fails(shell: Shell, arguments: tuple[str, ...], code: int) -> None:
    done = shell("history", *arguments)

    assert (done.returncode, done.stdout) == (code, "")


def test_history_export_contains_all_matching_events_and_is_recorded(shell: Shell, issued: dict[str, Any]) -> None:
    done = shell("history", "--key", issued["id"], "--export", "jsonl")

    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line)["type"] for line in done.stdout.splitlines()] == ["key.revoked", "key.issued"]
    exported = told(shell, "--limit", "1")[0]
    assert exported["type"] == "history.exported"
    assert exported["changes"] == {"format": [None, "JSON Lines"], "target": [None, issued["id"]]}
    csv = shell("history", "--text", "Told", "--actor", "command", "--until", "0d", "--export", "csv").stdout
    assert csv.startswith("\ufeffnumber,at,type,")
    assert csv.count("\n") > 2


def test_history_export_with_limit_or_json_option_fails(shell: Shell) -> None:
    for also in (["--json"], ["--limit", "5"]):
        assert shell("history", "--export", "csv", *also).returncode == 2
