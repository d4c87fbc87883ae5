"""Fixtures that tests of several packages share: the named people, and data that is really committed."""

import gc
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.test.client import ClientHandler
from django.test.signals import setting_changed
from django.test.utils import setup_databases

from keyadmin.models import Organisation, Person, Role, Tier
from tests.callpath.rows import Given
from tests.factories import OrganisationFactory, PersonFactory, member_of
from tests.owner import as_owner

#: Fixtures that start processes of their own. Their tests get the mark `servers`.
SERVER_FIXTURES = frozenset({"database_url", "fresh", "served", "shell", "start_worker", "installed"})
FOLDER = Path(__file__).resolve().parent


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


@pytest.fixture(scope="session", autouse=True)
def _one_middleware_chain() -> Generator[None]:
    """Test clients share their middleware until settings change: creating it takes longer than most requests."""
    load, shared = ClientHandler.load_middleware, {}  # type: ignore[var-annotated]

    def load_once(self: ClientHandler, is_async: bool = False) -> None:
        if is_async not in shared:
            load(self, is_async)
            shared[is_async] = {name: value for name, value in vars(self).items() if name != "enforce_csrf_checks"}
        vars(self).update(shared[is_async])

    def forget(**_: Any) -> None:
        shared.clear()

    setting_changed.connect(forget)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClientHandler, "load_middleware", load_once)
        yield
    setting_changed.disconnect(forget)


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: Any
) -> Generator[None]:
    """Create the test database in every run. pytest-django creates none if all tests use only `committed`.

    The owner of the tables creates it; the tests connect as the application, as in production. It is not dropped: its
    server is removed.
    """
    with django_db_blocker.unblock(), as_owner():
        setup_databases(verbosity=0, interactive=False, aliases={"default"}, serialized_aliases=set())
        with connection.cursor() as cursor:
            # Tests gather statistics of rows that they have not committed. PostgreSQL does it for committed rows by
            # itself. Only the owner may, and before PostgreSQL 17 there is no privilege to grant.
            cursor.execute(
                "CREATE FUNCTION analyze_as_owner() RETURNS void LANGUAGE plpgsql SECURITY DEFINER"
                " AS 'BEGIN ANALYZE; END'"
            )
    yield
    with django_db_blocker.unblock():
        connections.close_all()


@pytest.fixture
def northwind(db: None) -> Organisation:
    return OrganisationFactory.create(name="Northwind", slug="northwind")


@pytest.fixture
def contoso(db: None) -> Organisation:
    return OrganisationFactory.create(name="Contoso", slug="contoso")


@pytest.fixture
def maya(db: None) -> Person:
    """System administrator, the only one."""
    return PersonFactory.create(name="Maya Okafor", email="maya@northwind.example", administrator=True)


@pytest.fixture
def priya(db: None) -> Person:
    """System auditor."""
    return PersonFactory.create(name="Priya Raman", email="priya@northwind.example", auditor=True)


@pytest.fixture
def jonas(northwind: Organisation) -> Person:
    """Owner of Northwind."""
    return member_of(northwind, Role.OWNER, name="Jonas Lind", email="jonas@northwind.example")


@pytest.fixture
def asha(northwind: Organisation) -> Person:
    """Auditor of Northwind."""
    return member_of(northwind, Role.AUDITOR, name="Asha Nair", email="asha@northwind.example")


@pytest.fixture
def sam(northwind: Organisation) -> Person:
    """Member of Northwind."""
    return member_of(northwind, Role.MEMBER, name="Sam Reyes", email="sam@northwind.example")


@pytest.fixture
def lena(contoso: Organisation) -> Person:
    """Owner of Contoso."""
    return member_of(contoso, Role.OWNER, name="Lena Vogt", email="lena@contoso.example")


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: Any) -> Generator[Organisation]:
    """Real commits, for tests with several connections. Yields an organisation of the test's own.

    Afterwards the rows of the test are removed, with their history.
    """
    kinds: list[Any] = [Organisation, Person, Tier]
    with django_db_blocker.unblock():
        given = Given()
        before = [set(kind.objects.values_list("id", flat=True)) for kind in kinds]
        yield OrganisationFactory.create()
        made = [kind.objects.exclude(id__in=ids) for kind, ids in zip(kinds, before, strict=True)]
        given.organisations, given.people, given.tiers = [list(rows.values_list("id", flat=True)) for rows in made]
        try:
            given.remove()
        finally:
            connections.close_all()
