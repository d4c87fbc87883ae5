"""Screenshots of every page and dialog with the demonstration's rows.

    python -m tests.browser.screenshots OUTDIR [SCENE …]

Starts a PostgreSQL and a server of its own for each width and theme and leaves `<scene>-<width>-<theme>.png` in OUTDIR.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, sync_playwright

from keyadmin.env import ROOT
from keyadmin.server.embedded_postgres import EmbeddedPostgres
from tests.browser.all_scenes import SCENES
from tests.browser.chromium import launch
from tests.live.servers import gunicorn
from tests.owner import database_environ

SIZES: Final = {1280: 900, 390: 844}
THEMES: Final = ("light", "dark")
_PASSWORD: Final = "screenshots need no secret"
_ADD_ROWS: Final = """
from keyadmin.models import Organisation
from keyadmin.operations import keys, organisations
from keyadmin.operations.demo.load import ACTOR
from keyadmin.operations.organisations import bots
from tests.browser.bulk_rows import add_bulk_revocations
from tests.browser.long_rows import DESCRIPTION, long_name
organisations.create(actor=ACTOR, name="Fabrikam", slug="fabrikam")
add_bulk_revocations(Organisation.objects.get(slug="northwind"))
northwind = Organisation.objects.get(slug="northwind").id
bots.create(actor=ACTOR, organisation=northwind, name=long_name("Bot"), description=DESCRIPTION)
keys.issue(
    actor=ACTOR, organisation=northwind, name=long_name("Key"), description=DESCRIPTION, scopes=["chats:read"]
)
"""


@contextmanager
def demo_server() -> Iterator[str]:
    """Start a server with the demonstration's rows, long names and an organisation without keys; yields its URL."""
    with tempfile.TemporaryDirectory(prefix="keyadmin-pictures-") as name:
        folder = Path(name)
        with EmbeddedPostgres(folder / "postgres", settings={"fsync": "off"}) as database:
            demo_environ = {"KEYADMIN_LOCAL": str(folder / "local"), "KEYADMIN_DEMO_PASSWORD": _PASSWORD}
            environ = os.environ | database_environ(database.url()) | demo_environ
            for arguments in (["migrate", "-v0"], ["seed_demo"], ["shell", "-v0", "-c", _ADD_ROWS]):
                subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environ, check=True)
            with gunicorn(folder, database.url(), DJANGO_SETTINGS_MODULE="keyadmin.settings", **demo_environ) as server:
                yield f"http://localhost:{server.port}"


def main(arguments: list[str]) -> int:
    if not arguments or (unknown := set(arguments[1:]) - SCENES.keys() - {"sign-in"}):
        sys.stderr.write(__doc__ if not arguments else f"No such scene: {', '.join(sorted(unknown))}\n")
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    names = arguments[1:] or ["sign-in", *SCENES]
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for width in SIZES:
            for theme in THEMES:
                with demo_server() as base_url:  # a new one each time, because scenes create keys
                    _take_all(browser, base_url, folder, names, width, theme)
        browser.close()
    return 0


def _take_all(browser: Browser, base_url: str, folder: Path, names: list[str], width: int, theme: str) -> None:
    context = browser.new_context(
        base_url=base_url,
        viewport={"width": width, "height": SIZES[width]},
        reduced_motion="reduce",
        color_scheme="light" if theme == "light" else "dark",
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.goto("/account/login/")
    if "sign-in" in names:
        _take(page, folder / f"sign-in-{width}-{theme}.png")
    page.get_by_label("Email").fill("maya@northwind.example")
    page.get_by_label("Password", exact=True).fill(_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview", level=1).wait_for()
    for name in names:
        if name == "sign-in":
            continue
        page.close(run_before_unload=False)
        page = context.new_page()
        SCENES[name].open(page)
        _take(page, folder / f"{name}-{width}-{theme}.png")
    context.close()


def _take(page: Page, file: Path) -> None:
    page.evaluate("document.fonts.ready.then(() => true)")
    page.screenshot(path=file, animations="disabled", caret="hide")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
