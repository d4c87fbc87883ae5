"""Who connects to PostgreSQL as whom: one URL for all, or three that say only what differs."""

import pytest

from keyadmin import env
from keyadmin.db import urls as addresses
from keyadmin.db.urls import APPLICATION, CALLS, OWNER, Roles


@pytest.fixture
def urls(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """DATABASE_URL and no other; nobody's command."""
    for name in (OWNER, CALLS):
        monkeypatch.delenv(name)
    monkeypatch.setenv(APPLICATION, "postgresql://app:sesame@db:6543/keys?sslmode=require")
    monkeypatch.setattr(addresses, "_acting", APPLICATION)
    return monkeypatch


def test_one_url_serves_all(urls: pytest.MonkeyPatch) -> None:
    application = {"user": "app", "password": "sesame", "host": "db", "port": "6543", "dbname": "keys"}
    for name in (APPLICATION, OWNER, CALLS):
        assert addresses.parameters(name) == application | {"sslmode": "require"}
    assert (addresses.roles(), addresses.differing(CALLS)) == (None, {})


def test_another_role_is_at_the_same_place_without_the_applications_password(urls: pytest.MonkeyPatch) -> None:
    urls.setenv(OWNER, "postgresql://owner@")
    urls.setenv(CALLS, "postgresql://calls:other@pooled")
    assert addresses.parameters(OWNER)["password"] == ""
    assert addresses.parameters(OWNER)["host"] == "db"
    assert addresses.differing(CALLS) == {"user": "calls", "password": "other", "host": "pooled"}
    assert addresses.roles() == Roles("owner", "app", "calls")
    urls.delenv(CALLS)
    assert addresses.roles() == Roles("owner", "app", "app")


def test_commands_that_change_the_schema_are_the_owners(urls: pytest.MonkeyPatch) -> None:
    urls.setenv(OWNER, "postgresql://owner:key@")
    for command, user in (("migrate", "owner"), ("database_roles", "owner"), ("issue_key", "app"), ("shell", "app")):
        addresses.act_for(["manage.py", command])
        assert addresses.entry()["USER"] == user
    addresses.act_for(["manage.py"])
    assert addresses.entry()["USER"] == "app"


@pytest.mark.parametrize(
    ("name", "url", "problem"),
    [
        (CALLS, "postgresql://calls@/others", "names another database"),
        (OWNER, "mysql://owner@h/keys", "is not a PostgreSQL URL"),
        (CALLS, "postgresql://owner@", "as the owner"),
    ],
)
def test_what_cannot_be_meant_is_refused(urls: pytest.MonkeyPatch, name: str, url: str, problem: str) -> None:
    urls.setenv(OWNER, "postgresql://owner@")
    urls.setenv(name, url)
    with pytest.raises(env.InvalidVariableError, match=problem) as caught:
        addresses.roles()
    assert str(caught.value).startswith(name)
