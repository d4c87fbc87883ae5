"""Loads the plugins of fixtures, marks the slow tests and tunes the garbage collector."""

import gc
from pathlib import Path

import pytest
from hypothesis import settings

#: `tests.fixtures.postgres` is not among them: it must be loaded before Django reads its settings.
pytest_plugins = [
    f"tests.fixtures.{subject}"
    for subject in (
        *("database", "people", "committed_rows", "call_path", "servers", "commands", "clients"),
        "stored_keys",
    )
]

#: Fixtures that start processes of their own. Their tests get the mark `servers`.
SERVER_FIXTURES = frozenset({"database_url", "first_run", "fresh", "served", "start_worker", "installed"})
FOLDER = Path(__file__).resolve().parent

# `make test-long` has `--hypothesis-profile=default`, with twice as many examples.
settings.register_profile("short", max_examples=50)
settings.load_profile("short")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that `make test-fast` leaves out."""
    for item in items:
        if item.path.is_relative_to(FOLDER / "browser"):
            item.add_marker(pytest.mark.browser)
        elif SERVER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.servers)


def pytest_collection_finish() -> None:
    """Keep the garbage collector away from everything that was imported and collected: it stays until the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
