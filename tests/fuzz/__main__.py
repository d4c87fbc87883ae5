"""Send random requests to pages, API and /verify, and look for 5xx and for pages that are wider than the window.

    python -m tests.fuzz [--seed SEED] [--requests N] [--parts pages,api,…] [--only REGEX] [--roles ROLE,…] [--out DIR]

It starts a PostgreSQL and servers of its own. N requests with a valid credential are sent for each operation of the
OpenAPI document, and for each page and form, as each role; `servers` sends a twentieth of them. The same seed sends the
same requests. The tables are written to DIR as fuzz.json and fuzz.md. The exit code is 1 if something was found.
"""

import argparse
import logging
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import django
from django.test.utils import setup_test_environment

from keyadmin.env import ROOT
from keyadmin.server.embedded_postgres import EmbeddedPostgres
from tests.fixtures.postgres import SETTINGS, isolate
from tests.owner import database_environ

PARTS: Final = ("api", "pages", "verify", "servers", "documents", "widths")


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are ended
    with tempfile.TemporaryDirectory(prefix="keyadmin-fuzz-") as name:
        folder = Path(name)
        with EmbeddedPostgres(folder / "postgres", settings=SETTINGS) as database:
            isolate()
            os.environ.update(database_environ(database.url()) | {"KEYADMIN_LOCAL": str(folder / "local")})
            os.environ["DJANGO_SETTINGS_MODULE"] = "keyadmin.settings"
            subprocess.run([sys.executable, "manage.py", "migrate", "-v0", "--skip-checks"], cwd=ROOT, check=True)
            django.setup()
            setup_test_environment()
            from django.conf import settings  # after django.setup()

            settings.PASSWORD_HASHERS = ["tests.hashers.CheapArgon2PasswordHasher"]
            logging.getLogger().handlers = []
            from tests.fuzz import run

            results = run.run(options, database.url(), folder)
    sys.stdout.write(results.markdown().partition("\n| operation")[0])
    for failure in results.failures[:20]:
        sys.stdout.write(f"\n{failure}\n")
    return 1 if results.failures else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", default="keyadmin")
    parser.add_argument("--requests", type=int, default=100, help="for each operation and role (default: 100)")
    parser.add_argument("--parts", default=",".join(PARTS), type=lambda text: text.split(","))
    parser.add_argument("--only", default="", help="a regular expression for METHOD /path, such as 'POST /keys/'")
    parser.add_argument("--roles", default="", help="names separated by commas (default: all)")
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"))
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
