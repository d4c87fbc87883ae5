"""verify_history and checkpoint: an unchanged chain, and chains that were changed in the database."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql
from pytest_django import DjangoDbBlocker

from keyadmin.models import Event
from keyadmin.operations.audit import chain, hash_of
from tests.fixtures.commands import ROOT, Shell, database
from tests.owner import append_only_disabled

KEY = {"KEYADMIN_CHECKPOINT_KEY": "ab" * 32}


@pytest.fixture
def written(shell: Shell, django_db_blocker: DjangoDbBlocker) -> Iterator[Shell]:
    """A separate database with the history of the demo data, which tests manipulate."""
    with database("tampered", shell.database) as own:
        yield Shell(own, django_db_blocker)


@pytest.fixture
def kept(written: Shell, tmp_path: Path) -> Path:
    """The file of a checkpoint of that database."""
    done = written("checkpoint", **KEY)
    assert (done.returncode, done.stderr) == (0, "")
    file = tmp_path / "checkpoint.json"
    file.write_text(done.stdout)
    return file


def tamper(shell: Shell, *statements: tuple[str, Any]) -> None:
    """Runs statements as the owner of the database, with the triggers disabled."""
    with append_only_disabled(shell.url) as own:
        for statement, parameters in statements:
            own.execute(sql.SQL(statement), parameters)


def newest(shell: Shell) -> int:
    return int(shell.rows("SELECT max(number) FROM event")[0][0])


def test_unchanged_history_is_intact(written: Shell, kept: Path) -> None:
    last = newest(written)
    done = written("verify_history", "--checkpoint", str(kept), "--json", **KEY)
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert (said["number"], said["checkpoint"]) == (last, last)
    assert written("verify_history").stdout == f"Chain verified: {last} events.\n"
    assert written.rows("SELECT number, problem FROM chain_check") == [(last, "")]


def test_edited_event_is_named(written: Shell) -> None:
    tamper(written, ("UPDATE event SET reason = 'nothing to see' WHERE number = 5", ()))
    done = written("verify_history")
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == "Error: The hash chain is broken. Event 5: its content was changed.\n"
    assert written.rows("SELECT number, problem FROM chain_check") == [(4, "its content was changed")]


def test_deleted_event_is_named(written: Shell) -> None:
    tamper(written, ("DELETE FROM event WHERE number = 5", ()))
    assert "Event 5: it is missing." in written("verify_history").stderr


def test_cut_off_end_differs_from_head(written: Shell) -> None:
    last = newest(written)
    tamper(written, ("DELETE FROM event WHERE number > %s", [last - 2]))
    assert f"Event {last - 1}: it is missing, and so are all later events" in written("verify_history").stderr


def test_cut_off_end_with_head_differs_from_checkpoint(written: Shell, kept: Path) -> None:
    last = newest(written)
    cut = (
        ("DELETE FROM event WHERE number > %s", [last - 2]),
        ("UPDATE chain_head SET number = %s, hash = (SELECT hash FROM event WHERE number = %s)", [last - 2, last - 2]),
    )
    tamper(written, *cut)
    assert written("verify_history").returncode == 0
    done = written("verify_history", "--checkpoint", str(kept), **KEY)
    assert done.returncode == 5
    assert f"Event {last - 1}: it is missing, and so are all later events" in done.stderr


def test_rewritten_past_differs_from_checkpoint(written: Shell, kept: Path) -> None:
    """All hashes from event 5 on are recomputed."""
    rewrite(written, 5)
    assert written("verify_history").returncode == 0
    done = written("verify_history", "--checkpoint", str(kept), **KEY)
    assert done.returncode == 5
    assert "history was rewritten" in done.stderr


def rewrite(shell: Shell, first: int) -> None:
    fields = [field.attname for field in Event._meta.concrete_fields]
    columns = sql.SQL(", ").join([sql.Identifier(field) for field in fields])
    before: bytes | None = None
    statements: list[tuple[str, Any]] = []
    for row in shell.rows(sql.SQL("SELECT {} FROM event WHERE number >= %s ORDER BY number").format(columns), first):
        event = Event(**dict(zip(fields, row, strict=True)))
        if before is None:
            event.reason = "never mind"
        else:
            event.previous_hash = before
        before = event.hash = hash_of(event)
        values = [event.reason, event.previous_hash, event.hash, event.number]
        statements.append(("UPDATE event SET reason = %s, previous_hash = %s, hash = %s WHERE number = %s", values))
    tamper(shell, *statements, ("UPDATE chain_head SET hash = %s", [before]))


def test_head_of_another_event_is_reported_and_not_signed(written: Shell) -> None:
    """The head of a history whose end was rewritten, but not the head."""
    last = newest(written)
    tamper(written, ("UPDATE chain_head SET hash = %s", [bytes(range(32))]))
    done = written("verify_history")
    assert done.returncode == 5
    assert f"Event {last}: its hash differs from that of the chain head" in done.stderr
    assert written("checkpoint", **KEY).returncode == 5


def test_event_after_the_head_is_reported(written: Shell) -> None:
    last = newest(written)
    back = "UPDATE chain_head SET (number, hash) = (SELECT number, hash FROM event WHERE number = %s)"
    tamper(written, (back, [last - 1]))
    assert f"Event {last}: it is newer than the chain head" in written("verify_history").stderr


def test_since_checkpoint_verifies_only_later_events(written: Shell, kept: Path) -> None:
    last = newest(written)
    assert written("organisations", "create", "--name", "Fabrikam").returncode == 0
    since = ("verify_history", "--checkpoint", str(kept), "--since-checkpoint")
    done = written(*since, **KEY)
    assert (done.returncode, done.stdout) == (0, f"Chain verified since the checkpoint of event {last}: 1 event.\n")
    assert "The History page does not show this" in done.stderr
    assert written.rows("SELECT 1 FROM chain_check") == []
    assert written("verify_history").returncode == 0
    assert written("organisations", "create", "--name", "Adatum").returncode == 0
    assert written(*since, **KEY).stderr == ""
    assert written.rows("SELECT number, problem FROM chain_check") == [(last + 2, "")]

    tamper(written, ("UPDATE event SET reason = 'x' WHERE number = 5", ()))
    assert written(*since, **KEY).returncode == 0  # The events before the checkpoint are not verified.
    tamper(written, ("UPDATE event SET reason = 'x' WHERE number = %s", [last + 1]))
    assert f"Event {last + 1}: its content" in written(*since, **KEY).stderr
    tamper(written, ("UPDATE event SET reason = 'x' WHERE number = %s", [last]))
    assert f"Event {last}: its content" in written(*since, **KEY).stderr
    tamper(written, ("DELETE FROM event WHERE number = %s", [last]))
    assert f"Event {last}: it is missing" in written(*since, **KEY).stderr


def test_empty_history_has_a_checkpoint(empty_shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.json"
    file.write_text(empty_shell("checkpoint", **KEY).stdout)
    checked = ("verify_history", "--checkpoint", str(file))
    assert empty_shell(*checked, **KEY).stdout == "Chain verified: 0 events, with the checkpoint of event 0.\n"
    assert empty_shell("organisations", "create", "--name", "Fabrikam").returncode == 0
    assert empty_shell(*checked, "--since-checkpoint", **KEY).stdout.startswith("Chain verified: 1 event")
    tamper(empty_shell, ("DELETE FROM event", ()))
    assert "Event 1: it is missing, and so are all later events" in empty_shell(*checked, **KEY).stderr


def test_replaced_signing_key_stays_known(written: Shell, kept: Path, tmp_path: Path) -> None:
    """Verification needs only public keys."""
    check, other = ("verify_history", "--checkpoint", str(kept)), "cd" * 32
    public = json.loads(kept.read_text())["key"]
    refused = written(*check, KEYADMIN_CHECKPOINT_KEY=other)
    assert (refused.returncode, f"with {public}, which is not one of the known keys" in refused.stderr) == (6, True)
    assert written(*check, KEYADMIN_CHECKPOINT_KEY=other, KEYADMIN_CHECKPOINT_PUBLIC_KEYS=public).returncode == 0
    done = written(*check, KEYADMIN_CHECKPOINT_PUBLIC_KEYS=public)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"is signed by {public}" in written(*check).stderr
    assert written(*check, KEYADMIN_CHECKPOINT_PUBLIC_KEYS="00").returncode == 2

    newer = tmp_path / "newer.json"
    newer.write_text(written("checkpoint", KEYADMIN_CHECKPOINT_KEY=other).stdout)
    both = (*check, "--checkpoint", str(newer))
    assert written(*both, KEYADMIN_CHECKPOINT_KEY=other, KEYADMIN_CHECKPOINT_PUBLIC_KEYS=public).returncode == 0


def test_terminal_shows_progress(written: Shell) -> None:
    screen, terminal = os.openpty()
    done = subprocess.run(
        [sys.executable, "manage.py", "verify_history"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": written.url},
        stdout=subprocess.PIPE,
        stderr=terminal,
        timeout=60,
        check=True,
    )
    os.close(terminal)
    last = newest(written)
    assert done.stdout.decode() == f"Chain verified: {last} events.\n"
    assert f"\r[{'#' * 40}] {last} of {last}, 0 s left" in os.read(screen, 10_000).decode()
    os.close(screen)


def test_forged_checkpoint_is_rejected(written: Shell, kept: Path) -> None:
    fields = json.loads(kept.read_text())
    kept.write_text(json.dumps(fields | {"number": 1}))
    done = written("verify_history", "--checkpoint", str(kept), **KEY)
    assert (done.returncode, done.stdout) == (6, "")
    assert "signature is not valid" in done.stderr
    kept.write_text(json.dumps(fields))
    assert written("verify_history", "--checkpoint", str(kept), KEYADMIN_CHECKPOINT_KEY="cd" * 32).returncode == 6
    kept.write_text("{}")
    assert written("verify_history", "--checkpoint", str(kept), **KEY).returncode == 6
    assert written("verify_history", "--checkpoint", str(kept.with_name("none")), **KEY).returncode == 2


def test_checkpoint_without_signing_key_fails(written: Shell) -> None:
    done = written("checkpoint")
    assert (done.returncode, done.stdout) == (2, "")


def test_new_events_are_verified_after_the_last_position(written: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most MAX_NEXT_EVENTS at a time, from the first event to the newest."""
    monkeypatch.setattr(chain, "MAX_NEXT_EVENTS", 10)
    last = newest(written)
    assert last > 25
    said = [json.loads(written("verify_history", "--new", "--json").stdout) for _ in range(1 + (last - 1) // 10)]
    assert said[0] == {"first": 1, "number": 10, "left": last - 10}
    assert said[1] == {"first": 11, "number": 20, "left": last - 20}
    assert (said[-1]["number"], said[-1]["left"]) == (last, 0)
    assert written("organisations", "create", "--name", "Fabrikam").returncode == 0
    done = written("verify_history", "--new")
    assert done.stdout == f"Chain verified up to event {last + 1}.\n"
    assert written.rows("SELECT number, problem FROM chain_check") == [(last + 1, "")]


def test_new_verification_of_a_short_history_finds_a_changed_old_event(written: Shell) -> None:
    assert written("verify_history", "--new").returncode == 0
    tamper(written, ("UPDATE event SET reason = 'nothing to see' WHERE number = 5", ()))
    done = written("verify_history", "--new")
    assert done.returncode == 5
    assert done.stderr == "Error: The hash chain is broken. Event 5: its content was changed.\n"
    assert written.rows("SELECT number, problem FROM chain_check") == [(4, "its content was changed")]


def test_new_verification_finds_history_that_was_rewritten_since_the_last_one(
    written: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = newest(written)
    assert written("verify_history").returncode == 0
    rewrite(written, 5)
    for size in (chain.MAX_NEXT_EVENTS, 10):
        monkeypatch.setattr(chain, "MAX_NEXT_EVENTS", size)
        done = written("verify_history", "--new")
        assert done.returncode == 5
        assert f"Event {last}: its hash differs from that of the last verification" in done.stderr


def test_new_verification_finds_an_end_that_was_cut_off_with_the_head(written: Shell) -> None:
    last = newest(written)
    assert written("verify_history").returncode == 0
    cut = "UPDATE chain_head SET number = %s, hash = (SELECT hash FROM event WHERE number = %s)"
    tamper(written, ("DELETE FROM event WHERE number > %s", [last - 2]), (cut, [last - 2, last - 2]))
    done = written("verify_history", "--new")
    assert done.returncode == 5
    assert f"Event {last - 1}: it is missing, and so are all later events" in done.stderr


def test_known_problem_of_a_long_history_stays_until_it_is_gone(
    written: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verifying the first events again must not hide it."""
    monkeypatch.setattr(chain, "MAX_NEXT_EVENTS", 10)
    reason = written.rows("SELECT reason FROM event WHERE number = 25")[0][0]
    tamper(written, ("UPDATE event SET reason = 'nothing to see' WHERE number = 25", ()))
    assert "Event 25: its content was changed" in written("verify_history").stderr
    for _ in range(2):
        assert "Event 25: its content was changed" in written("verify_history", "--new").stderr
        assert written.rows("SELECT number FROM chain_check") == [(24,)]
    tamper(written, ("UPDATE event SET reason = %s WHERE number = 25", [reason]))
    assert json.loads(written("verify_history", "--new", "--json").stdout)["first"] == 25


def test_new_verification_uses_no_checkpoint(written: Shell, kept: Path) -> None:
    assert written("verify_history", "--new", "--checkpoint", str(kept), **KEY).returncode == 2
