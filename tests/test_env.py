"""Environment variables: accepted values, generated secrets, and messages that say what to set."""

import stat
from pathlib import Path

import pytest

from keyadmin import env
from keyadmin.db import urls

RING = f"1:{'ab' * 32},12:{'cd' * 32}"


@pytest.fixture
def development(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A development environment without any variable; the path of its local folder."""
    for name in ("DATABASE_URL", "DJANGO_SECRET_KEY", "KEYADMIN_PEPPERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KEYADMIN_ENV", "development")
    monkeypatch.setenv("KEYADMIN_LOCAL", str(tmp_path / "local"))
    return tmp_path / "local"


def test_values_are_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", " Yes ")
    monkeypatch.setenv("B", "12")
    monkeypatch.setenv("C", "a, b,,c ")
    assert (env.flag("A"), env.integer("B", 1), env.csv("C")) == (True, 12, ["a", "b", "c"])
    assert (env.flag("NOT_SET"), env.integer("NOT_SET", 1), env.csv("NOT_SET"), env.text("NOT_SET", "x")) == (
        False,
        1,
        [],
        "x",
    )


@pytest.mark.parametrize("value", ["", "1.5", "x", "-1", "70000", "１"])
def test_wrong_number_is_an_error_that_names_the_variable(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("B", value or "+")
    with pytest.raises(env.InvalidVariableError, match="B must be"):
        env.integer("B", 1, minimum=0, maximum=65535)


def test_missing_and_wrong_values_are_configuration_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(env.MissingVariableError, match="NOT_SET is not set"):
        env.text("NOT_SET")
    monkeypatch.setenv("A", "maybe")
    with pytest.raises(env.ConfigurationError, match="A must be true or false"):
        env.flag("A")


def test_secret_is_read_from_the_variable_or_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("from a file\n")
    monkeypatch.setenv("S_FILE", str(tmp_path / "s"))
    assert env.secret("S") == "from a file"
    monkeypatch.setenv("S", "directly")
    with pytest.raises(env.InvalidVariableError, match="both set"):
        env.secret("S")


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
def test_unusable_secret_file_is_an_error_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "s").write_bytes(content)
    monkeypatch.setenv("S_FILE", str(tmp_path / "s"))
    with pytest.raises(env.InvalidVariableError, match="S_FILE"):
        env.secret("S")


def test_pepper_ring_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYADMIN_PEPPERS", RING)
    assert env.peppers() == {1: bytes.fromhex("ab" * 32), 12: bytes.fromhex("cd" * 32)}


def test_jwt_key_is_generated_in_development_and_optional_elsewhere(
    development: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEYADMIN_JWT_KEY", raising=False)
    generated = env.jwt_key()
    assert len(generated) >= 32
    assert env.jwt_key() == generated
    monkeypatch.setenv("KEYADMIN_ENV", "test")
    assert env.jwt_key() == b""
    (development / "key").write_text("x" * 32 + "\n")
    monkeypatch.setenv("KEYADMIN_JWT_KEY_FILE", str(development / "key"))
    assert env.jwt_key() == b"x" * 32
    (development / "key").write_text("x" * 31)
    with pytest.raises(env.InvalidVariableError, match="KEYADMIN_JWT_KEY is shorter"):
        env.jwt_key()


def test_current_pepper_is_the_highest_unless_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYADMIN_PEPPERS", RING)
    assert env.current_pepper() == 12
    monkeypatch.setenv("KEYADMIN_CURRENT_PEPPER", "1")
    assert env.current_pepper() == 1
    monkeypatch.setenv("KEYADMIN_CURRENT_PEPPER", "2")
    with pytest.raises(env.InvalidVariableError, match="KEYADMIN_CURRENT_PEPPER is 2,"):
        env.current_pepper()


def test_network_with_host_bits_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYADMIN_TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.1")
    assert len(env.networks("KEYADMIN_TRUSTED_PROXIES")) == 2
    monkeypatch.setenv("KEYADMIN_TRUSTED_PROXIES", "10.0.0.1/8")
    with pytest.raises(env.InvalidVariableError, match="is an address inside a range"):
        env.networks("KEYADMIN_TRUSTED_PROXIES")


@pytest.mark.parametrize("ring", ["x", "0:" + "ab" * 32, "1:abcd", f"{RING},{RING}", RING + ",", "ab" * 32])
def test_wrong_pepper_ring_is_an_error_that_contains_no_pepper(monkeypatch: pytest.MonkeyPatch, ring: str) -> None:
    monkeypatch.setenv("KEYADMIN_PEPPERS", ring)
    with pytest.raises(env.InvalidVariableError) as caught:
        env.peppers()
    assert "KEYADMIN_PEPPERS" in str(caught.value)
    assert "ab" * 4 not in str(caught.value)


def test_development_generates_secrets_once_for_the_owner_only(development: Path) -> None:
    key, ring = env.secret_key(), env.peppers()
    assert (env.secret_key(), env.peppers()) == (key, ring)
    assert list(ring) == [1]
    files = [path for path in development.rglob("*") if path.is_file()]
    assert len(files) == 2
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_generated_secret_that_others_can_read_is_an_error(development: Path) -> None:
    env.secret_key()
    (development / "secrets" / "django-secret-key").chmod(0o644)
    with pytest.raises(env.InvalidVariableError, match="chmod 600"):
        env.secret_key()


def test_development_uses_the_url_of_the_running_embedded_server(development: Path) -> None:
    assert urls.url() == ""
    env.write_private(development / "database-url", "postgresql://postgres@/keyadmin?host=%2Fa%20b\n")
    assert urls.database_config()["HOST"] == "/a b"
    assert stat.S_IMODE((development / "database-url").stat().st_mode) == 0o600


def test_production_lists_every_missing_variable(development: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYADMIN_ENV", "production")
    for read in (env.secret_key, env.peppers, urls.url, env.allowed_hosts):
        with pytest.raises(env.MissingVariableError) as caught:
            read()
        for name in ("DJANGO_SECRET_KEY", "KEYADMIN_PEPPERS", "DATABASE_URL", "KEYADMIN_ALLOWED_HOSTS"):
            assert name in str(caught.value)
    assert not development.exists()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p%40%2F@h:6543/d", {"USER": "u", "PASSWORD": "p@/", "HOST": "h", "PORT": "6543", "NAME": "d"}),
        ("postgres://[::1]/d", {"HOST": "::1", "NAME": "d", "USER": "", "PORT": ""}),
        ("postgresql:///d?host=/run/pg", {"HOST": "/run/pg", "NAME": "d", "OPTIONS": {}}),
        ("postgresql://u@%2Frun%2Fpg/d%20e", {"HOST": "/run/pg", "NAME": "d e", "USER": "u"}),
        (
            "postgresql://h/d?sslmode=require&connect_timeout=3",
            {"HOST": "h", "OPTIONS": {"sslmode": "require", "connect_timeout": "3"}},
        ),
    ],
)
def test_database_url_becomes_a_databases_entry(url: str, expected: dict[str, object]) -> None:
    entry = urls.database_config(url)
    assert entry["ENGINE"] == "keyadmin.db.backend"
    assert {name: entry[name] for name in expected} == expected


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:sesame@h/d",
        "sesame",
        "postgresql://u:sesame@h:sesame/d",
        "postgresql://u:sesame@h",
        "postgresql://u:sesame@h/d?sesame=1",
        "postgresql://u:sesame%zz@h/d",
    ],
)
def test_wrong_database_url_is_an_error_of_one_line_without_the_password(url: str) -> None:
    with pytest.raises(env.InvalidVariableError) as caught:
        urls.database_config(url)
    assert str(caught.value).startswith("DATABASE_URL")
    assert "\n" not in str(caught.value)
    assert "sesame" not in str(caught.value)
