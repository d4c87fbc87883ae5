"""Typed readers of the environment. Plain Python: settings, gunicorn and `make run` read the same values
here.

Every secret NAME may be given as NAME_FILE instead, the path of a file that holds it. Development generates
what it lacks into `.local/` once; production generates nothing and refuses to start, naming everything that
is missing. No message here ever repeats a secret's value.
"""

import contextlib
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from keyadmin.core import cidr

ROOT: Final = Path(__file__).resolve().parent.parent
DEVELOPMENT, PRODUCTION, TEST = ENVIRONMENTS = ("development", "production", "test")

_HOW: Final = {
    "DJANGO_SECRET_KEY": "python -c 'import secrets; print(secrets.token_urlsafe(64))'",
    "KEYADMIN_PEPPERS": "python -c 'import secrets; print(\"1:\" + secrets.token_hex(32))'",
    "DATABASE_URL": "postgresql://user:password@host:5432/name",
    "KEYADMIN_ALLOWED_HOSTS": "the host names people use, for example keys.example.com",
}
_FILES_TOO: Final = ("DJANGO_SECRET_KEY", "KEYADMIN_PEPPERS", "DATABASE_URL")


class ConfigurationError(Exception):
    """What is wrong with the environment and what to set: fit to be shown as it is, without a traceback."""


class MissingVariableError(ConfigurationError):
    """A variable that is needed is not set."""


class InvalidVariableError(ConfigurationError):
    """A variable is set to something that cannot be used."""


def text(name: str, default: str | None = None) -> str:
    """The variable's text without surrounding blanks; unset and empty mean the default, without one
    Missing."""
    value = os.environ.get(name, "").strip() or default
    if value is None:
        raise MissingVariableError(f"{name} is not set.")
    return value


def flag(name: str, default: bool = False) -> bool:
    """1, true, yes, on or 0, false, no, off, in any case."""
    value = text(name, "").lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    if value:
        raise InvalidVariableError(f"{name} must be true or false.")
    return default


def integer(name: str, default: int, *, minimum: int = 0, maximum: int | None = None) -> int:
    """A decimal whole number within the bounds given."""
    value = text(name, "")
    if not value:
        return default
    if not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise InvalidVariableError(f"{name} must be a whole number.")
    number = int(value)
    if number < minimum or (maximum is not None and number > maximum):
        raise InvalidVariableError(
            f"{name} must be at least {minimum}" + (f" and at most {maximum}." if maximum else ".")
        )
    return number


def web_port() -> int:
    """Where the pages and `/api/` are served on this machine."""
    return integer("PORT", 8000, minimum=1, maximum=65535)


def verify_port() -> int:
    """Where `/verify` is served: KEYADMIN_VERIFY_PORT, by default next to the pages."""
    beside = web_port() + 1 if web_port() < 65535 else 65534
    return integer("KEYADMIN_VERIFY_PORT", beside, minimum=1, maximum=65535)


def csv(name: str, default: str = "") -> list[str]:
    """A list separated by commas; blanks around the parts and empty parts do not count."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def networks(name: str) -> cidr.Compiled:
    """A list of networks, ready for `cidr.contains`."""
    try:
        return cidr.compile_networks([cidr.parse(part) for part in csv(name)])
    except cidr.CidrError as error:
        raise InvalidVariableError(f"{name}: {error.message}") from error


def secret(name: str, default: str = "") -> str:
    """The secret from NAME or from the file that NAME_FILE names; the default when neither is set."""
    path = text(f"{name}_FILE", "")
    value = text(name, "")
    if not path:
        return value or default
    if value:
        raise InvalidVariableError(f"{name} and {name}_FILE are both set. Keep one of them.")
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise InvalidVariableError(f"{name}_FILE: {path} cannot be read ({_reason(error)}).") from error
    if not value:
        raise InvalidVariableError(f"{name}_FILE: {path} is empty.")
    return value


def environment() -> str:
    """development, production or test, from KEYADMIN_ENV."""
    value = text("KEYADMIN_ENV", DEVELOPMENT)
    if value not in ENVIRONMENTS:
        raise InvalidVariableError(f"KEYADMIN_ENV must be one of {', '.join(ENVIRONMENTS)}.")
    return value


def require_complete() -> None:
    """In production: raise Missing that lists all that is not set, each with how to make it."""
    if environment() != PRODUCTION:
        return
    missing = [name for name in _HOW if not (secret(name) if name in _FILES_TOO else text(name, ""))]
    if missing:
        lines = [f"  {name}{f' (or {name}_FILE)' if name in _FILES_TOO else ''}: {_HOW[name]}" for name in missing]
        raise MissingVariableError("\n".join(["KEYADMIN_ENV=production needs these to be set:", *lines]))


def allowed_hosts() -> list[str]:
    """The host names that requests may carry; loopback names unless in production."""
    require_complete()
    return csv("KEYADMIN_ALLOWED_HOSTS", "" if environment() == PRODUCTION else "localhost,127.0.0.1,[::1]")


def secret_key() -> str:
    """Django's secret key."""
    require_complete()
    value = _configured_or_generated("DJANGO_SECRET_KEY", "django-secret-key", lambda: secrets.token_urlsafe(64))
    if len(value) < 50:
        raise InvalidVariableError(
            f"DJANGO_SECRET_KEY is shorter than 50 characters. Make one: {_HOW['DJANGO_SECRET_KEY']}"
        )
    return value


def peppers() -> dict[int, bytes]:
    """The pepper ring {id: 32 bytes}."""
    require_complete()
    return ring(_configured_or_generated("KEYADMIN_PEPPERS", "peppers", lambda: f"1:{secrets.token_hex(32)}"))


def ring(value: str) -> dict[int, bytes]:
    """The pepper ring that KEYADMIN_PEPPERS writes as `1:<64 hex digits>,2:<64 hex digits>`."""
    found: dict[int, bytes] = {}
    for part in value.split(","):
        match = re.fullmatch(r"\s*([1-9][0-9]{0,8}):([0-9A-Fa-f]{64})\s*", part)
        if match is None:
            how = _HOW["KEYADMIN_PEPPERS"]
            raise InvalidVariableError(
                f'KEYADMIN_PEPPERS must read "1:<64 hex digits>,2:<64 hex digits>". Make the first: {how}'
            )
        if int(match[1]) in found:
            raise InvalidVariableError(f"KEYADMIN_PEPPERS names pepper {match[1]} twice.")
        found[int(match[1])] = bytes.fromhex(match[2])
    return found


def current_pepper() -> int:
    """Id of the pepper that digests new secrets: KEYADMIN_CURRENT_PEPPER, by default the highest.

    With several hosts: give every host the new pepper first, naming the old one here, then name the new one.
    """
    known = peppers()
    current = integer("KEYADMIN_CURRENT_PEPPER", max(known))
    if current not in known:
        raise InvalidVariableError(f"KEYADMIN_CURRENT_PEPPER names {current}, which KEYADMIN_PEPPERS does not hold.")
    return current


def jwt_key() -> bytes:
    """What signs the access tokens of people who use the API; empty in production unless KEYADMIN_JWT_KEY is set."""
    value = secret("KEYADMIN_JWT_KEY")
    if not value and environment() == DEVELOPMENT:
        value = generated("secrets/jwt-key", lambda: secrets.token_urlsafe(48))
    if value and len(value.encode()) < 32:
        how = "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
        raise InvalidVariableError(f"KEYADMIN_JWT_KEY is shorter than 32 bytes. Make one: {how}")
    return value.encode()


def local() -> Path:
    """The folder of what this machine generated: KEYADMIN_LOCAL, default `.local` beside manage.py."""
    return Path(text("KEYADMIN_LOCAL", str(ROOT / ".local"))).expanduser().absolute()


def generated(name: str, make: Callable[[], str]) -> str:
    """The text of `.local/<name>`, made by `make()` when there is none; mode 0600, safe against a race."""
    path = local() / name
    try:
        if not path.exists():
            private_folder(path.parent)
            with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".new-") as file:  # mode 0600
                file.write(f"{make()}\n")
                file.flush()
                with contextlib.suppress(FileExistsError):  # another process was first; its value is the one
                    os.link(file.name, path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise InvalidVariableError(f"{path} can be read by others. Run: chmod 600 {path}")
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InvalidVariableError(f"{error.filename or path} cannot be used ({_reason(error)}).") from error


def write_private(path: Path, content: str) -> None:
    """Replace a file's content at once, readable by its owner only."""
    private_folder(path.parent)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
    new.replace(path)


def private_folder(folder: Path) -> None:
    """Make a folder in `.local/`, or that itself, for its owner only."""
    if folder != local():
        local().mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _configured_or_generated(name: str, file: str, make: Callable[[], str]) -> str:
    if value := secret(name):
        return value
    if environment() != DEVELOPMENT:
        raise MissingVariableError(f"{name} is not set. Make one: {_HOW[name]}")
    return generated(f"secrets/{file}", make)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "not text"
