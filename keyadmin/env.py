"""Typed readers of environment variables. Plain Python: Django's settings, gunicorn and `make run` use them.

A reader raises InvalidVariableError for a value that cannot be used.

Each secret NAME may be set as NAME_FILE instead, the path of a file that contains it. In development, missing secrets
are generated once in `.local/`. Production generates nothing: it does not start, and lists every missing variable. No
error message contains a secret.
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

#: The checkout, or the folder into which keyadmin is installed.
ROOT: Final = Path(__file__).resolve().parent.parent
IS_CHECKOUT: Final = (ROOT / "manage.py").is_file()
DEVELOPMENT, PRODUCTION, TEST = ENVIRONMENTS = ("development", "production", "test")

#: Variables that production needs, each with a command or an example of its value.
_REQUIRED: Final = {
    "DJANGO_SECRET_KEY": "python -c 'import secrets; print(secrets.token_urlsafe(64))'",
    "KEYADMIN_PEPPERS": "python -c 'import secrets; print(\"1:\" + secrets.token_hex(32))'",
    "DATABASE_URL": "postgresql://user:password@host:5432/name",
    "KEYADMIN_ALLOWED_HOSTS": "the host names that people use, for example keys.example.com",
}
#: Those of _REQUIRED that may be set as NAME_FILE instead.
_SECRETS: Final = ("DJANGO_SECRET_KEY", "KEYADMIN_PEPPERS", "DATABASE_URL")


class ConfigurationError(Exception):
    """The environment is incomplete or wrong. The message says what to set; show it without a traceback."""


class MissingVariableError(ConfigurationError):
    """A required variable is not set."""


class InvalidVariableError(ConfigurationError):
    """A variable has a value that cannot be used."""


def text(name: str, default: str | None = None) -> str:
    """The value without surrounding whitespace, or the default if it is empty or not set.

    Raises MissingVariableError if there is neither.
    """
    value = os.environ.get(name, "").strip() or default
    if value is None:
        raise MissingVariableError(f"{name} is not set.")
    return value


def flag(name: str, default: bool = False) -> bool:
    """True for 1, true, yes and on; False for 0, false, no and off, in upper or lower case."""
    value = text(name, "").lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    if value:
        raise InvalidVariableError(f"{name} must be true or false.")
    return default


def integer(name: str, default: int, *, minimum: int = 0, maximum: int | None = None) -> int:
    """A decimal integer from `minimum` to `maximum`, both included."""
    value = text(name, "")
    if not value:
        return default
    if not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise InvalidVariableError(f"{name} must be a whole number.")
    number = int(value)
    if number < minimum or (maximum is not None and number > maximum):
        bounds = f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        raise InvalidVariableError(f"{name} must be {bounds}.")
    return number


def web_port() -> int:
    """Port of the pages and `/api/`: PORT, by default 8000."""
    return integer("PORT", 8000, minimum=1, maximum=65535)


def verify_port() -> int:
    """Port of `/verify`: KEYADMIN_VERIFY_PORT, by default one above the pages' port."""
    default = web_port() + 1 if web_port() < 65535 else 65534
    return integer("KEYADMIN_VERIFY_PORT", default, minimum=1, maximum=65535)


def csv(name: str, default: str = "") -> list[str]:
    """The parts of a list separated by commas, without surrounding whitespace and without empty parts."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def networks(name: str) -> cidr.CompiledNetworks:
    """A list of networks, compiled for `cidr.contains`."""
    try:
        return cidr.compile_networks([cidr.parse(part) for part in csv(name)])
    except cidr.CidrError as error:
        raise InvalidVariableError(f"{name}: {error}") from error


def secret(name: str, default: str = "") -> str:
    """The secret in NAME or in the file whose path is NAME_FILE; the default if neither is set."""
    path = text(f"{name}_FILE", "")
    value = text(name, "")
    if not path:
        return value or default
    if value:
        raise InvalidVariableError(f"{name} and {name}_FILE are both set. Keep one of them.")
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise InvalidVariableError(f"{name}_FILE: {path} cannot be read ({_cause(error)}).") from error
    if not value:
        raise InvalidVariableError(f"{name}_FILE: {path} is empty.")
    return value


def environment() -> str:
    """KEYADMIN_ENV: development (the default), production or test."""
    value = text("KEYADMIN_ENV", DEVELOPMENT)
    if value not in ENVIRONMENTS:
        raise InvalidVariableError(f"KEYADMIN_ENV must be one of {', '.join(ENVIRONMENTS)}.")
    return value


def require_complete() -> None:
    """In production, raise MissingVariableError if a required variable is not set. The message lists all of them."""
    if environment() != PRODUCTION:
        return
    missing = [name for name in _REQUIRED if not (secret(name) if name in _SECRETS else text(name, ""))]
    if missing:
        lines = [f"  {name}{f' (or {name}_FILE)' if name in _SECRETS else ''}: {_REQUIRED[name]}" for name in missing]
        raise MissingVariableError("\n".join(["KEYADMIN_ENV=production requires these variables:", *lines]))


def allowed_hosts() -> list[str]:
    """Host names that requests may have. Outside production, the default is the names of this machine."""
    require_complete()
    return csv("KEYADMIN_ALLOWED_HOSTS", "" if environment() == PRODUCTION else "localhost,127.0.0.1,[::1]")


def secret_key() -> str:
    """DJANGO_SECRET_KEY, of at least 50 characters."""
    require_complete()
    value = _configured_or_generated("DJANGO_SECRET_KEY", "django-secret-key", lambda: secrets.token_urlsafe(64))
    if len(value) < 50:
        raise InvalidVariableError(
            f"DJANGO_SECRET_KEY is shorter than 50 characters. Generate one: {_REQUIRED['DJANGO_SECRET_KEY']}"
        )
    return value


def peppers() -> dict[int, bytes]:
    """The pepper ring {id: 32 bytes} in KEYADMIN_PEPPERS."""
    require_complete()
    return parse_pepper_ring(
        _configured_or_generated("KEYADMIN_PEPPERS", "peppers", lambda: f"1:{secrets.token_hex(32)}")
    )


def parse_pepper_ring(value: str) -> dict[int, bytes]:
    """The pepper ring {id: 32 bytes} in a text like `1:<64 hex digits>,2:<64 hex digits>`."""
    ring: dict[int, bytes] = {}
    for part in value.split(","):
        match = re.fullmatch(r"\s*([1-9][0-9]{0,8}):([0-9A-Fa-f]{64})\s*", part)
        if match is None:
            raise InvalidVariableError(
                'KEYADMIN_PEPPERS must have the form "1:<64 hex digits>,2:<64 hex digits>".'
                f" Generate the first: {_REQUIRED['KEYADMIN_PEPPERS']}"
            )
        if int(match[1]) in ring:
            raise InvalidVariableError(f"KEYADMIN_PEPPERS names pepper {match[1]} twice.")
        ring[int(match[1])] = bytes.fromhex(match[2])
    return ring


def current_pepper() -> int:
    """Id of the pepper that digests new secrets: KEYADMIN_CURRENT_PEPPER, by default the highest.

    On several hosts, add the new pepper to every host while this is the old one; then change this.
    """
    ring = peppers()
    current = integer("KEYADMIN_CURRENT_PEPPER", max(ring))
    if current not in ring:
        raise InvalidVariableError(f"KEYADMIN_CURRENT_PEPPER is {current}, which KEYADMIN_PEPPERS does not contain.")
    return current


def jwt_key() -> bytes:
    """KEYADMIN_JWT_KEY, the key that signs access tokens. Empty if it is not set, except in development."""
    value = secret("KEYADMIN_JWT_KEY")
    if not value and environment() == DEVELOPMENT:
        value = generated("secrets/jwt-key", lambda: secrets.token_urlsafe(48))
    if value and len(value.encode()) < 32:
        command = "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
        raise InvalidVariableError(f"KEYADMIN_JWT_KEY is shorter than 32 bytes. Generate one: {command}")
    return value.encode()


def metrics_token() -> str:
    """KEYADMIN_METRICS_TOKEN, of at least 16 characters. Empty if it is not set, except in development."""
    value = secret("KEYADMIN_METRICS_TOKEN")
    if not value and environment() == DEVELOPMENT:
        value = generated("secrets/metrics-token", lambda: secrets.token_urlsafe(32))
    if value and (len(value) < 16 or not value.isascii() or not value.isprintable() or " " in value):
        raise InvalidVariableError("KEYADMIN_METRICS_TOKEN must be at least 16 printable ASCII characters, no blanks.")
    return value


def local_folder() -> Path:
    """The folder of generated files: KEYADMIN_LOCAL, by default `.local` beside manage.py.

    Where keyadmin is installed as a package there is no manage.py: the default is `.local` in the current folder.
    """
    return Path(text("KEYADMIN_LOCAL", str((ROOT if IS_CHECKOUT else Path.cwd()) / ".local"))).expanduser().absolute()


def generated(name: str, generate: Callable[[], str]) -> str:
    """The text of `.local/<name>`. If there is no such file, create it with `generate()`, readable by its owner only.

    Processes that create it at the same time all return the same text.
    """
    path = local_folder() / name
    try:
        if not path.exists():
            private_folder(path.parent)
            with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".new-") as file:  # mode 0600
                file.write(f"{generate()}\n")
                file.flush()
                with contextlib.suppress(FileExistsError):  # another process was first
                    os.link(file.name, path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise InvalidVariableError(f"{path} can be read by others. Run: chmod 600 {path}")
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InvalidVariableError(f"{error.filename or path} cannot be used ({_cause(error)}).") from error


def write_private(path: Path, content: str) -> None:
    """Replace a file atomically with one that only its owner can read."""
    private_folder(path.parent)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
    new.replace(path)


def private_folder(folder: Path) -> None:
    """Create `.local/` or a folder in it, readable by its owner only."""
    if folder != local_folder():
        local_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _configured_or_generated(name: str, file: str, generate: Callable[[], str]) -> str:
    if value := secret(name):
        return value
    if environment() != DEVELOPMENT:
        raise MissingVariableError(f"{name} is not set. Generate one: {_REQUIRED[name]}")
    return generated(f"secrets/{file}", generate)


def _cause(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "not text"
