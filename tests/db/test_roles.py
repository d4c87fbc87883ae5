"""PostgreSQL's roles: what the owner, the application and the call path cannot do, whatever code runs as them."""

from collections.abc import Callable, Iterator
from typing import Any, LiteralString

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.signals import pre_migrate
from django.db.transaction import TransactionManagementError
from django.test import override_settings
from psycopg.errors import CheckViolation, InsufficientPrivilege

from keyadmin.db.roles import connected_as_owner
from keyadmin.operations import keys
from keyadmin.server.embedded_postgres import APPLICATION, CALLS, OWNER
from tests.factories import OPERATOR, KeyFactory
from tests.owner import as_owner, owner_url, url_as
from tests.system_checks import check_ids

pytestmark = pytest.mark.usefixtures("django_db_setup")

type Connect = Callable[[str], psycopg.Connection[Any]]


@pytest.fixture
def role() -> Iterator[Connect]:
    """Connect to the test database as a role. Everything is rolled back after the test."""
    connections = []

    def connect(name: str) -> psycopg.Connection[Any]:
        connections.append(psycopg.connect(url_as(name, owner_url())))
        return connections[-1]

    yield connect
    for opened in connections:
        opened.rollback()
        opened.close()


HISTORY_IS_CLOSED: list[LiteralString] = [
    "UPDATE event SET reason = 'never mind'",
    "DELETE FROM event",
    "TRUNCATE event",
    "ALTER TABLE event DISABLE TRIGGER event_append_only",
    "ALTER TABLE event DISABLE TRIGGER ALL",
    "ALTER TABLE event OWNER TO keyadmin",
    "DROP TRIGGER event_append_only ON event",
    "DROP TABLE event",
    "CREATE RULE gone AS ON INSERT TO event DO INSTEAD NOTHING",
    "CREATE OR REPLACE FUNCTION event_deny_change() RETURNS trigger LANGUAGE sql AS 'SELECT'",
    "SET session_replication_role = replica",
    "SET ROLE postgres",
    "UPDATE chain_head SET number = 0",
    "UPDATE chain_head SET number = number - 1",
    "UPDATE chain_head SET hash = decode(repeat('ab', 32), 'hex')",
    "INSERT INTO chain_head (id, number, hash) VALUES (2, 0, '')",
    "DELETE FROM chain_head",
    "TRUNCATE chain_head",
    "DROP TRIGGER chain_head_only_advances ON chain_head",
    "DELETE FROM chain_check",
    "DELETE FROM django_migrations",
    "CREATE TABLE mine (id integer)",
]


@pytest.mark.parametrize("statement", HISTORY_IS_CLOSED)
def test_application_cannot_change_history(role: Connect, statement: LiteralString) -> None:
    with pytest.raises(psycopg.Error) as caught:
        role(APPLICATION).execute(statement)
    assert isinstance(caught.value, InsufficientPrivilege), caught.value


@pytest.mark.parametrize(
    "statement",
    [
        *HISTORY_IS_CLOSED,
        "SELECT * FROM event",
        "INSERT INTO chain_check (id, at, number) VALUES (1, now(), 1)",
        "SELECT password FROM person",
        "SELECT * FROM django_session",
        "SELECT * FROM cache",
        "UPDATE person SET system_role = 'administrator'",
        "UPDATE key SET revoked_at = NULL",
        "UPDATE key_scope SET scope_id = 'chats:export'",
        "UPDATE secret SET not_after = NULL",
        "DELETE FROM allow_list_entry",
        "DELETE FROM meter",
        "INSERT INTO secret (id) VALUES (gen_random_uuid())",
    ],
)
def test_call_path_can_only_read_and_count(role: Connect, statement: LiteralString) -> None:
    with pytest.raises(psycopg.Error) as caught:
        role(CALLS).execute(statement)
    assert isinstance(caught.value, InsufficientPrivilege), caught.value


@pytest.mark.parametrize("replication", ["origin", "replica"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET reason = 'another'",
        "UPDATE event SET reason = 'another' WHERE number = -1",
        "DELETE FROM event",
        "TRUNCATE event",
        "DELETE FROM chain_head",
        "TRUNCATE chain_head",
    ],
)
def test_owner_cannot_change_history_whatever_its_session_settings(
    role: Connect, replication: str, statement: LiteralString
) -> None:
    owner = role(OWNER)
    owner.execute("SELECT set_config('session_replication_role', %s, false)", [replication])
    with pytest.raises(InsufficientPrivilege, match="history"):
        owner.execute(statement)


def test_second_chain_head_is_rejected(role: Connect) -> None:
    with pytest.raises(CheckViolation, match="chain_head_single"):
        role(OWNER).execute("INSERT INTO chain_head (id, number, hash) VALUES (2, 0, '')")


def current_user() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return str(cursor.fetchone()[0])


@pytest.fixture
def open_database(django_db_blocker: Any) -> Iterator[None]:
    """The test database, without a transaction around the test."""
    with django_db_blocker.unblock():
        yield
        connection.close()


@pytest.mark.usefixtures("open_database")
def test_migrate_connects_as_the_owner_and_restores_the_application() -> None:
    users = []

    def record(**_: Any) -> None:
        users.append(current_user())

    pre_migrate.connect(record)
    try:
        call_command("migrate", verbosity=0)
    finally:
        pre_migrate.disconnect(record)
    assert set(users) == {OWNER}
    assert current_user() == APPLICATION


@pytest.mark.usefixtures("open_database")
def test_migrate_without_an_owners_url_connects_as_the_application() -> None:
    with override_settings(KEYADMIN_OWNER_DATABASE_OVERRIDES={}), connected_as_owner():
        assert current_user() == APPLICATION


@pytest.mark.usefixtures("open_database")
def test_unreachable_owner_is_an_error_that_names_its_url() -> None:
    unreachable = override_settings(KEYADMIN_OWNER_DATABASE_OVERRIDES={"host": "127.0.0.1", "port": "1"})
    with unreachable, pytest.raises(CommandError, match="KEYADMIN_OWNER_DATABASE_URL does not answer"):
        call_command("migrate", verbosity=0)
    assert current_user() == APPLICATION


def test_owner_cannot_connect_within_a_transaction(db: None) -> None:
    with pytest.raises(TransactionManagementError), connected_as_owner():
        pass
    assert current_user() == APPLICATION


def test_tests_run_as_the_application(db: None) -> None:
    """All tests of operations and pages run with the privileges of production."""
    assert current_user() == APPLICATION
    keys.revoke(actor=OPERATOR, key=KeyFactory.create().id)


def test_new_table_is_open_to_the_application_and_closed_to_the_call_path(role: Connect) -> None:
    owner = role(OWNER)
    owner.execute("CREATE TABLE later (id bigint GENERATED BY DEFAULT AS IDENTITY, name text)")
    owner.commit()
    try:
        app = role(APPLICATION)
        app.execute("INSERT INTO later (name) VALUES ('x')")
        app.execute("UPDATE later SET name = 'y'")
        assert app.execute("DELETE FROM later RETURNING name").fetchall() == [("y",)]
        app.rollback()
        with pytest.raises(InsufficientPrivilege):
            role(CALLS).execute("SELECT * FROM later")
    finally:
        owner.execute("DROP TABLE later")
        owner.commit()


def test_role_that_could_change_history_is_a_warning(django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        assert "keyadmin.W010" not in check_ids(databases=["default"])
        with as_owner():
            assert "keyadmin.W010" in check_ids(databases=["default"])
            assert "keyadmin.W010" not in check_ids()
