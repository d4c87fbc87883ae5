"""seed_demo: loads the demo data completely and once, with the operations."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.contrib.auth.hashers import check_password
from psycopg import sql

from keyadmin.operations.demo.data import KEYS, PEOPLE
from tests.fixtures.commands import PASSWORD, Shell

TABLES = (
    "organisation",
    "person",
    "membership",
    "bot",
    "channel",
    "key",
    "secret",
    "allow_list_entry",
    "meter",
    "usage_hour",
    "scope_day",
    "address_day",
    "last_denial",
    "secret_use",
    "event",
)
CONTENT = sql.SQL("SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {} t")


def everything(shell: Shell) -> dict[str, object]:
    return {name: shell.rows(CONTENT.format(sql.Identifier(name)))[0] for name in TABLES}


def test_second_seed_demo_changes_nothing(empty_shell: Shell) -> None:
    first = empty_shell("seed_demo", KEYADMIN_DEMO_PASSWORD=PASSWORD)
    loaded = everything(empty_shell)

    second = empty_shell("seed_demo", KEYADMIN_DEMO_PASSWORD="another one entirely")

    assert (first.returncode, first.stderr, second.returncode, second.stderr) == (0, "", 0, "")
    assert "Loaded" in first.stdout
    assert "Nothing was changed" in second.stdout
    assert everything(empty_shell) == loaded
    for printed in (first.stdout, second.stdout):
        assert "maya@northwind.example" in printed
        assert PASSWORD not in printed


def test_concurrent_seed_demo_commands_load_the_data_once(empty_shell: Shell) -> None:
    command = partial(empty_shell.process, "seed_demo", "--json", KEYADMIN_DEMO_PASSWORD=PASSWORD)
    with ThreadPoolExecutor(2) as pool:
        started = [pool.submit(command), pool.submit(command)]
        done = [process.result() for process in started]

    assert [one.returncode for one in done] == [0, 0], [one.stderr for one in done]
    assert sorted(json.loads(one.stdout)["loaded"] for one in done) == [False, True]
    assert empty_shell.rows("SELECT count(*) FROM key") == [(len(KEYS),)]


def test_seed_demo_prints_a_password_only_if_it_generated_one(empty_shell: Shell) -> None:
    first = json.loads(empty_shell("seed_demo", "--json").stdout)
    second = json.loads(empty_shell("seed_demo", "--json").stdout)

    [(hashed,)] = empty_shell.rows("SELECT password FROM person WHERE email = 'maya@northwind.example'")
    assert check_password(first["password"], hashed)
    assert second["password"] is None
    assert [person["email"] for person in first["people"]] == [person.email for person in PEOPLE]


def test_seed_demo_does_not_change_other_data_with_the_same_names(empty_shell: Shell) -> None:
    empty_shell(
        "create_admin", "--email", "Maya@northwind.example", "--name", "Maya", "--password-stdin", stdin=f"{PASSWORD}\n"
    )

    done = empty_shell("seed_demo", KEYADMIN_DEMO_PASSWORD=PASSWORD)

    assert done.returncode == 0
    assert "not demo data" in done.stdout
    assert empty_shell.rows("SELECT (SELECT count(*) FROM person), (SELECT count(*) FROM key)") == [(1, 0)]


def test_seed_demo_is_rejected_in_production(empty_shell: Shell) -> None:
    done = empty_shell.process("seed_demo", KEYADMIN_ENV="production", KEYADMIN_ALLOWED_HOSTS="keys.example.com")

    assert (done.returncode, done.stdout) == (4, "")
    assert empty_shell.rows("SELECT count(*) FROM person") == [(0,)]


def test_demo_meters_agree_with_usage_by_hour(shell: Shell) -> None:
    """What the cells before the running minute hold is in the ledger, and the total holds both."""
    broken = shell.rows(
        """
        WITH ledger AS (
            SELECT key_id, sum(count) AS calls,
                coalesce(sum(count) FILTER (WHERE hour >= date_trunc('hour', now()) - interval '2 hours'), 0) AS recent
            FROM usage_hour WHERE outcome = 'ok' GROUP BY key_id
        )
        SELECT key.name FROM meter JOIN key ON key.id = meter.key_id LEFT JOIN ledger ON ledger.key_id = meter.key_id
        WHERE used <> (SELECT sum(calls) FROM unnest(cells) AS calls) OR cells[1] <> 0
            OR used > coalesce(recent, 0) OR total < coalesce(calls, 0)
        """
    )

    assert broken == []


def test_usage_of_each_demo_key_is_within_its_tier(shell: Shell) -> None:
    assert (
        shell.rows(
            "SELECT key.name FROM key JOIN tier ON tier.id = key.tier_id JOIN usage_hour u ON u.key_id = key.id"
            " WHERE u.outcome = 'ok' AND u.count > tier.hourly_limit"
        )
        == []
    )


def test_demo_usage_by_hour_scope_and_address_agrees(shell: Shell) -> None:
    """Every allowed call of a day had a permission and an address; a refusal is of an hour that knows of it."""
    by_day = "SELECT key_id, {} AS day, sum(count) AS calls FROM {} WHERE {} GROUP BY 1, 2"
    hours = by_day.format("(hour AT TIME ZONE 'UTC')::date", "usage_hour", "outcome = 'ok'")
    for table in ("scope_day", "address_day"):
        days = by_day.format("day", table, "true")
        assert shell.rows(f"({hours} EXCEPT {days}) UNION ALL ({days} EXCEPT {hours})") == []
    refused = "SELECT key_id, outcome, max(hour) FROM usage_hour WHERE outcome <> 'ok' GROUP BY 1, 2"
    last = "SELECT key_id, reason, date_trunc('hour', at, 'UTC') FROM last_denial"
    assert shell.rows(f"({refused} EXCEPT {last}) UNION ALL ({last} EXCEPT {refused})") == []
    assert shell.rows("SELECT secret_id FROM secret_use EXCEPT SELECT id FROM secret") == []
    assert shell.rows("SELECT count(*) > 5 FROM secret_use WHERE last_used_at <= now()") == [(True,)]


def test_history_contains_the_events_of_the_demo_data(shell: Shell) -> None:
    actions = dict(shell.rows("SELECT type, count(*) FROM event WHERE actor_kind <> 'command' GROUP BY type"))

    assert actions["key.issued"] == len(KEYS)
    assert actions["person.created"] == len(PEOPLE)
    assert actions["key.regenerated"] == actions["key.revoked"] == actions["bot.disabled"] == 1
