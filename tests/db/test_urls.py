"""Connection URLs: one for everything, or three of which two contain only what differs."""

import pytest

from keyadmin import env
from keyadmin.db import urls
from keyadmin.db.urls import APPLICATION, CALLS, OWNER, Roles


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment with DATABASE_URL and without the other two."""
    for name in (OWNER, CALLS):
        monkeypatch.delenv(name)
    monkeypatch.setenv(APPLICATION, "postgresql://app:sesame@db:6543/keys?sslmode=require")
    return monkeypatch


def test_one_url_is_that_of_all_roles(environment: pytest.MonkeyPatch) -> None:
    application = {"user": "app", "password": "sesame", "host": "db", "port": "6543", "dbname": "keys"}
    for name in (APPLICATION, OWNER, CALLS):
        assert urls.parameters(name) == application | {"sslmode": "require"}
    assert (urls.roles(), urls.overrides(OWNER), urls.overrides(CALLS)) == (None, {}, {})


def test_another_role_has_the_applications_host_and_not_its_password(environment: pytest.MonkeyPatch) -> None:
    environment.setenv(OWNER, "postgresql://owner@")
    environment.setenv(CALLS, "postgresql://calls:other@pooled")
    assert urls.parameters(OWNER)["password"] == ""
    assert urls.parameters(OWNER)["host"] == "db"
    assert urls.overrides(CALLS) == {"user": "calls", "password": "other", "host": "pooled"}
    assert urls.roles() == Roles("owner", "app", "calls")
    environment.delenv(CALLS)
    assert urls.roles() == Roles("owner", "app", "app")


def test_overrides_are_laid_over_a_database_config(environment: pytest.MonkeyPatch) -> None:
    environment.setenv(OWNER, "postgresql://owner:key@/keys?connect_timeout=9")
    config = urls.database_config() | {"CONN_MAX_AGE": 60}
    assert urls.with_parameters(config, urls.overrides(OWNER)) == config | {
        "USER": "owner",
        "PASSWORD": "key",
        "OPTIONS": {"sslmode": "require", "connect_timeout": "9"},
    }
    assert config["USER"] == "app"


@pytest.mark.parametrize(
    ("name", "url", "problem"),
    [
        (CALLS, "postgresql://calls@/others", "names another database"),
        (OWNER, "mysql://owner@h/keys", "is not a PostgreSQL URL"),
        (CALLS, "postgresql://owner@", "as the owner"),
    ],
)
def test_contradicting_url_is_an_error_that_names_the_variable(
    environment: pytest.MonkeyPatch, name: str, url: str, problem: str
) -> None:
    environment.setenv(OWNER, "postgresql://owner@")
    environment.setenv(name, url)
    with pytest.raises(env.InvalidVariableError, match=problem) as caught:
        urls.roles()
    assert str(caught.value).startswith(name)
