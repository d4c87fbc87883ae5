"""Where PostgreSQL is and who connects to it, from the environment. Plain Python, like `keyadmin/env.py`.

DATABASE_URL is the application's. Two more are optional, and say only what differs from it: the owner's, for whatever
changes the schema, and that of the call path. Without them one role does everything. Every one of them may be given as
NAME_FILE. In development `make run` leaves those of its own server in `.local/`.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from keyadmin import env

APPLICATION: Final = "DATABASE_URL"
OWNER: Final = "KEYADMIN_OWNER_DATABASE_URL"
CALLS: Final = "KEYADMIN_CALLS_DATABASE_URL"
#: Of `.local/`, written by `make run` while its server runs.
FILES: Final = {APPLICATION: "database-url", OWNER: "owner-database-url", CALLS: "calls-database-url"}
#: Commands that change the schema or who may do what.
OWNERS: Final = ("migrate", "database_roles", "createcachetable")

NO_DATABASE: Final = "No database: run `make run` in another terminal or set DATABASE_URL."
_URL_HINT: Final = "Write postgresql://user:password@host:5432/name, or postgresql:///name?host=/socket/folder."


class Roles(NamedTuple):
    """Names of PostgreSQL's roles; `calls` is the application's where calls have none of their own."""

    owner: str
    app: str
    calls: str


_acting: str = APPLICATION


def act_for(arguments: Sequence[str]) -> None:
    """Of a command line: from now on `entry()` is the owner's if the command is one of theirs."""
    global _acting
    _acting = OWNER if arguments[1:2] and arguments[1] in OWNERS else APPLICATION


def url(name: str = APPLICATION) -> str:
    """As the environment has it, else as the embedded server that runs has it; empty where nobody says."""
    env.require_complete()
    if found := env.secret(name):
        return found
    if env.environment() != env.DEVELOPMENT:
        if name == APPLICATION:
            raise env.MissingVariableError(f"{name} is not set. {_URL_HINT}")
        return ""
    if env.secret(APPLICATION):
        return ""  # what `.local/` says is about another server
    try:
        return (env.local() / FILES[name]).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def differing(name: str) -> dict[str, str]:
    """What the owner's or the call path's URL says, as libpq's parameters: to be laid over the application's."""
    own = _parsed(url(name), name)
    if own.get("dbname") and own["dbname"] != parameters().get("dbname"):
        raise env.InvalidVariableError(f"{name} names another database than {APPLICATION}.")
    if "user" in own:  # whose password the application's is not
        own.setdefault("password", "")
    return own


def parameters(name: str = APPLICATION) -> dict[str, str]:
    """libpq's, for the application, the owner or the call path; empty where there is no database."""
    found = _parsed(url(), APPLICATION)
    return found if name == APPLICATION or not found else found | differing(name)


def roles() -> Roles | None:
    """Those that the URLs name; None where the application is the owner, or nobody says who that is."""
    owner, app, calls = (parameters(name).get("user", "") for name in (OWNER, APPLICATION, CALLS))
    if not owner or not app or owner == app:
        return None
    if calls == owner:
        raise env.InvalidVariableError(f"{CALLS} connects as the owner of the tables.")
    return Roles(owner, app, calls)


def entry(address: str = "") -> dict[str, Any]:
    """Django's DATABASES entry for a PostgreSQL URL; without one, for the present role's in this environment.

    With no database to be had the entry leads nowhere: commands that need none work, the others fail on
    connecting.
    """
    parts = _parsed(address, APPLICATION) if address else parameters(_acting)
    parts = parts or {"dbname": "keyadmin", "host": str(env.local() / "postgres" / "not-running")}
    if not parts.get("dbname"):
        raise env.InvalidVariableError(f"{APPLICATION} names no database. {_URL_HINT}")
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    found: dict[str, Any] = {key: parts.pop(name, "") for key, name in names.items()}
    return {"ENGINE": "keyadmin.db.backend", **found, "OPTIONS": parts}


def problem(error: BaseException) -> str | None:
    """One line for a failure to reach or enter the database; None for any other database error."""
    state = getattr(error, "sqlstate", None)
    if state is not None and not state.startswith(("08", "28", "3D", "53", "57P")):
        return None
    if not env.secret(APPLICATION):
        return NO_DATABASE
    words = str(error).strip().splitlines()
    return f"The database of {_acting} does not answer: {words[0] if words else type(error).__name__}"


def _parsed(address: str, name: str) -> dict[str, str]:
    """Raises Bad with the variable's name, and nothing of its value."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    if not address:
        return {}
    if not address.startswith(("postgresql://", "postgres://")):
        raise env.InvalidVariableError(f"{name} is not a PostgreSQL URL. {_URL_HINT}")
    try:
        parts = {key: str(value) for key, value in conninfo_to_dict(address).items() if value is not None}
    except (ProgrammingError, UnicodeError):
        # The library's words quote the URL, and with it perhaps the password.
        raise env.InvalidVariableError(f"{name} cannot be read. {_URL_HINT}") from None
    if not re.fullmatch(r"[0-9,]*", parts.get("port", "")):
        raise env.InvalidVariableError(f"{name} has a port that is not a number. {_URL_HINT}")
    return parts
