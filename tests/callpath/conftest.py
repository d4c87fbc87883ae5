"""Fixtures: live servers, committed rows, and the statements that a decision runs."""

from collections.abc import Iterator
from typing import Any

import pytest

from keyadmin.callpath.connection import DeadlineConnection, Statement
from keyadmin.callpath.state import state
from tests.callpath.rows import Given
from tests.live.fixtures import database_url, proxied, server

__all__ = ["committed_rows", "database_url", "given", "proxied", "server", "statements"]


@pytest.fixture(scope="session")
def committed_rows(django_db_setup: None) -> Iterator[None]:
    """Closes the call path's connections at the end, so that the test database can be dropped."""
    yield
    discard_connections()


def discard_connections() -> None:
    """Closes the call path's connections of this thread and of the batcher."""
    state.database.discard()
    state.database.discard(state.limits.batcher.slot)


@pytest.fixture
def given(committed_rows: None, django_db_blocker: Any) -> Iterator[Given]:
    """Creates committed rows, which every process sees, and deletes them after the test."""
    with django_db_blocker.unblock():
        rows = Given()
        yield rows
        rows.remove()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Records every statement that the call path sends from this process. Starts without cached snapshots."""
    sent: list[str] = []
    fetch, execute_prepared = DeadlineConnection.fetch, DeadlineConnection.execute_prepared

    def recording_fetch(self: DeadlineConnection, sql: Any, parameters: Any, row_factory: Any) -> Any:
        sent.append(sql)
        return fetch(self, sql, parameters, row_factory)

    def recording_execute_prepared(self: DeadlineConnection, statement: Statement, values: Any) -> Any:
        sent.append(statement.sql.decode())
        return execute_prepared(self, statement, values)

    monkeypatch.setattr(DeadlineConnection, "fetch", recording_fetch)
    monkeypatch.setattr(DeadlineConnection, "execute_prepared", recording_execute_prepared)
    state.snapshots.clear()
    yield sent
    state.snapshots.clear()
