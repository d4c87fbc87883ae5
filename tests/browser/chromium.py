"""Starts the system's Chromium with Playwright, without its background work."""

import os
import shutil
from typing import Final

from playwright.sync_api import Browser, Playwright

EXECUTABLES: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_ARGUMENTS: Final = [
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
    """Start the first of EXECUTABLES that is in PATH. Chromium does not run as root with its sandbox."""
    executable = next(filter(None, map(shutil.which, EXECUTABLES)), None)
    assert executable, f"None of {', '.join(EXECUTABLES)} is in PATH."
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS + sandbox)
