"""Two databases on one server, keyadmin's and the peers', with the same number of keys."""

import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psycopg import connect

from keyadmin.env import ROOT

#: The number of keys that call, in turn.
CALLING_KEYS: Final = 1000
#: The peers' environment, made by `make bench`.
PEERS_PYTHON: Final = str(ROOT / "benchmarks" / ".venv" / "bin" / "python")


@dataclass(frozen=True)
class BenchmarkData:
    """The environments of the servers, and the files with the credentials of the calls."""

    folder: Path
    ours: dict[str, str]
    theirs: dict[str, str]

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def all_keys(self) -> Path:
        return self.folder / "all-keys"

    @property
    def one_key(self) -> Path:
        return self.folder / "one-key"

    def app(self, settings: str) -> dict[str, str]:
        return self.ours | {"DJANGO_SETTINGS_MODULE": f"benchmarks.apps.{settings}"}

    def peer(self, name: str) -> dict[str, str]:
        return self.theirs | {"PEER": name}


def production(url: str, folder: Path) -> dict[str, str]:
    """The environment of keyadmin's servers and commands: settings of production, and secrets of this run."""
    return {
        "DATABASE_URL": url,
        "KEYADMIN_ENV": "production",
        "KEYADMIN_ALLOWED_HOSTS": "localhost,127.0.0.1",
        "KEYADMIN_PEPPERS": f"1:{secrets.token_hex(32)}",
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(64),
        "DJANGO_SETTINGS_MODULE": "keyadmin.settings",
        "KEYADMIN_TRUSTED_PROXIES": "127.0.0.1",
        "KEYADMIN_LOCAL": str(folder / "local"),
    }


def fill(url: str, folder: Path, count: int) -> BenchmarkData:
    """Migrate both databases and write `count` keys into each."""
    with connect(url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE peers")
    ours = production(url, folder)
    theirs = {
        "DATABASE_URL": url.replace("/keyadmin?", "/peers?"),
        "DJANGO_SETTINGS_MODULE": "benchmarks.peers.settings",
    }
    data = BenchmarkData(folder, ours, theirs)
    _run(ours, sys.executable, "manage.py", "migrate", "--verbosity", "0")
    _run(ours, sys.executable, "-m", "benchmarks.data", str(count), str(data.all_keys))
    lines = data.all_keys.read_text().splitlines(keepends=True)
    data.keys.write_text("".join(lines[:CALLING_KEYS]))
    data.one_key.write_text(lines[0])
    _run(theirs | {"PEER": ""}, PEERS_PYTHON, "-m", "django", "migrate", "--verbosity", "0", "--skip-checks")
    _run(theirs, PEERS_PYTHON, "-m", "benchmarks.peers.fill", str(count), str(folder))
    return data


def _run(environ: dict[str, str], *command: str) -> None:
    subprocess.run(command, cwd=ROOT, env=os.environ | environ, check=True)  # noqa: S603 - our own commands
