"""The system's Chromium, started by Playwright, without anything it would do by itself."""

import os
import shutil
from typing import Final

from playwright.sync_api import Browser, Playwright

NAMES: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_QUIET: Final = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--font-render-hinting=none",
]


def launch(playwright: Playwright) -> Browser:
    """The first of NAMES in PATH; as root it needs to run without its sandbox."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found, f"None of {', '.join(NAMES)} is in PATH."
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=found, args=_QUIET + root)
