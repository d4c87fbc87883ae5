"""Live servers, really committed rows, and the statements that a decision runs."""

from collections.abc import Iterator
from typing import Any

import pytest

from keyadmin.callpath import connection, snapshot
from keyadmin.callpath.connection import DeadlineConnection, Statement
from keyadmin.callpath.limits import BATCHER
from tests.callpath.rows import Given
from tests.live.fixtures import database_url, proxied, server

__all__ = ["committed_rows", "database_url", "given", "proxied", "server", "statements"]


@pytest.fixture(scope="session")
def committed_rows(django_db_setup: None) -> Iterator[None]:
    """The call path's own connection must be gone before the test database can be."""
    yield
    connection.discard()
    BATCHER.discard()


@pytest.fixture
def given(committed_rows: None, django_db_blocker: Any) -> Iterator[Given]:
    """Makes rows that every process sees: there is no transaction around the test."""
    with django_db_blocker.unblock():
        rows = Given()
        yield rows
        rows.remove()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement that the call path sends from this process from now on; no snapshot is cached yet."""
    sent: list[str] = []
    execute, ask = DeadlineConnection.execute, DeadlineConnection.ask

    def executed(self: DeadlineConnection, statement: Any, *arguments: Any, **options: Any) -> Any:
        sent.append(statement)
        return execute(self, statement, *arguments, **options)

    def asked(self: DeadlineConnection, statement: Statement, values: Any) -> Any:
        sent.append(statement.sql.decode())
        return ask(self, statement, values)

    monkeypatch.setattr(DeadlineConnection, "execute", executed)
    monkeypatch.setattr(DeadlineConnection, "ask", asked)
    snapshot._cache.clear()
    yield sent
    snapshot._cache.clear()
