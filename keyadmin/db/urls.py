"""Connection URLs of PostgreSQL, read from the environment. Plain Python, like `keyadmin/env.py`.

DATABASE_URL is the application's. Two more are optional: KEYADMIN_OWNER_DATABASE_URL for commands that change the
schema, and KEYADMIN_CALLS_DATABASE_URL for the call path. They need to contain only what differs from the
application's URL. Without them, one role does everything. Each may be set as NAME_FILE instead. In development,
`make run` writes the URLs of its own server to `.local/`.
"""

import re
from typing import Any, Final, NamedTuple

from keyadmin import env

APPLICATION: Final = "DATABASE_URL"
OWNER: Final = "KEYADMIN_OWNER_DATABASE_URL"
CALLS: Final = "KEYADMIN_CALLS_DATABASE_URL"
#: Files in `.local/` that hold the URLs of `make run`'s server while it runs.
LOCAL_FILES: Final = {APPLICATION: "database-url", OWNER: "owner-database-url", CALLS: "calls-database-url"}

NO_DATABASE: Final = "No database: run `make run` in another terminal or set DATABASE_URL."
_URL_HINT: Final = "Write postgresql://user:password@host:5432/name, or postgresql:///name?host=/socket/folder."
#: libpq parameters that have a key of their own in Django's DATABASES; the others are in OPTIONS.
_DJANGO_NAMES: Final = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
#: Classes of SQLSTATE: the server cannot be reached, or it rejects the connection.
_UNREACHABLE: Final = ("08", "28", "3D", "53", "57P")


class Roles(NamedTuple):
    """Names of PostgreSQL roles. `calls` equals `app` where the call path has no role of its own."""

    owner: str
    app: str
    calls: str


def url(name: str = APPLICATION) -> str:
    """The URL in the variable or, in development, the URL of the running embedded server; "" if there is neither.

    Raises MissingVariableError in production and tests if the application's URL is not set.
    """
    env.require_complete()
    if value := env.secret(name):
        return value
    if env.environment() != env.DEVELOPMENT:
        if name == APPLICATION:
            raise env.MissingVariableError(f"{name} is not set. {_URL_HINT}")
        return ""
    if env.secret(APPLICATION):
        return ""  # the files in `.local/` are about another server
    try:
        return (env.local_folder() / LOCAL_FILES[name]).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def overrides(name: str) -> dict[str, str]:
    """libpq parameters in the owner's or the call path's URL, which replace the application's.

    With another user, the application's password is not used.

    Raises InvalidVariableError if the URL names another database.
    """
    result = _parse(url(name), name)
    if (database := result.pop("dbname", "")) and database != parameters().get("dbname"):
        raise env.InvalidVariableError(f"{name} names another database than {APPLICATION}.")
    if "user" in result:
        result.setdefault("password", "")
    return result


def parameters(name: str = APPLICATION) -> dict[str, str]:
    """libpq parameters of the application, the owner or the call path. Empty if there is no database."""
    application = _parse(url(), APPLICATION)
    return application if name == APPLICATION or not application else application | overrides(name)


def roles() -> Roles | None:
    """The roles that the URLs name. None if the application is the owner of the tables."""
    owner, app, calls = (parameters(name).get("user", "") for name in (OWNER, APPLICATION, CALLS))
    if not owner or not app or owner == app:
        return None
    if calls == owner:
        raise env.InvalidVariableError(f"{CALLS} connects as the owner of the tables.")
    return Roles(owner, app, calls)


def database_config(database_url: str = "") -> dict[str, Any]:
    """Django's DATABASES entry for a PostgreSQL URL, by default the application's.

    Without a database, the entry points to a socket that does not exist: commands that need no database work, and the
    others fail when they connect.
    """
    parts = _parse(database_url, APPLICATION) if database_url else parameters()
    parts = parts or {"dbname": "keyadmin", "host": str(env.local_folder() / "postgres" / "not-running")}
    if not parts.get("dbname"):
        raise env.InvalidVariableError(f"{APPLICATION} names no database. {_URL_HINT}")
    return with_parameters({"ENGINE": "keyadmin.db.backend"} | dict.fromkeys(_DJANGO_NAMES.values(), ""), parts)


def with_parameters(config: dict[str, Any], changed: dict[str, str]) -> dict[str, Any]:
    """A copy of a DATABASES entry in which libpq parameters replace the present ones."""
    renamed = {_DJANGO_NAMES[name]: value for name, value in changed.items() if name in _DJANGO_NAMES}
    options = {name: value for name, value in changed.items() if name not in _DJANGO_NAMES}
    return config | renamed | {"OPTIONS": config.get("OPTIONS", {}) | options}


def connection_problem(error: BaseException, name: str = APPLICATION) -> str | None:
    """A message of one line if the error is a failure to connect to the database of the variable `name`, else None."""
    state = getattr(error, "sqlstate", None)
    if state is not None and not state.startswith(_UNREACHABLE):
        return None
    if not env.secret(APPLICATION):
        return NO_DATABASE
    lines = str(error).strip().splitlines()
    return f"The database of {name} does not answer: {lines[0] if lines else type(error).__name__}"


def _parse(database_url: str, name: str) -> dict[str, str]:
    """libpq parameters in a URL. Raises InvalidVariableError with the variable's name and no part of its value."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    if not database_url:
        return {}
    if not database_url.startswith(("postgresql://", "postgres://")):
        raise env.InvalidVariableError(f"{name} is not a PostgreSQL URL. {_URL_HINT}")
    try:
        parts = {key: str(value) for key, value in conninfo_to_dict(database_url).items() if value is not None}
    except (ProgrammingError, UnicodeError):
        # The library's message quotes the URL, which may contain the password.
        raise env.InvalidVariableError(f"{name} cannot be read. {_URL_HINT}") from None
    if not re.fullmatch(r"[0-9,]*", parts.get("port", "")):
        raise env.InvalidVariableError(f"{name} has a port that is not a number. {_URL_HINT}")
    return parts
