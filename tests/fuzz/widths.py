"""Every page in a real browser, with long names and what the other parts left behind: none is wider than the window."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

from django.conf import settings
from django.urls import reverse
from playwright.sync_api import BrowserContext, Error, Page, sync_playwright

from tests.browser.chromium import launch
from tests.browser.layout import overflowing_elements
from tests.browser.long_rows import LongRows
from tests.fuzz import values
from tests.fuzz.pages import Target, targets
from tests.fuzz.results import Results
from tests.fuzz.world import Caller, World, session_of

PART: Final = "widths"
WIDTHS: Final = (320, 390, 1280, 1920)
#: Path parameter → key of LongRows.ids.
_NAMES: Final = {"entry": "range", "number": "event"}
_FORM: Final = """
  const root = document.querySelector("dialog:modal") ?? document.querySelector("main") ?? document;
  const forms = [...root.querySelectorAll("form[method=post]")];
  const form = forms.find((each) => each.querySelector("input[type=text], textarea"));
"""
_HAS_FORM: Final = f"() => {{ {_FORM} return Boolean(form); }}"
#: Puts text without a blank into every field of the form, and submits it without htmx.
_SUBMIT: Final = f"""(text) => {{ {_FORM}
  for (const field of form.querySelectorAll("input[type=text], input:not([type]), textarea")) {{
    field.removeAttribute("maxlength");
    field.value = text;
  }}
  setTimeout(() => HTMLFormElement.prototype.submit.call(form));
}}"""


class WidthsRun:
    """Opens each page as the administrator, an owner and an auditor at each of WIDTHS.

    A page that is too wide is saved as wide-N.png in `folder`.
    """

    def __init__(
        self, world: World, long_rows: LongRows, port: int, results: Results, folder: Path, *, only: str = ""
    ) -> None:
        self._world, self._long_rows, self._results, self._only = world, long_rows, results, re.compile(only)
        self._folder, self._screenshots = folder, 0
        self._url = f"http://localhost:{port}"

    def run(self) -> None:
        long_rows = self._long_rows
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright runs an event loop in this thread
        callers = {
            "system administrator": long_rows.demo.people["maya"],
            "owner": long_rows.person,
            "system auditor": long_rows.demo.people["priya"],
        }
        with sync_playwright() as playwright:
            browser = launch(playwright)
            for role, person in callers.items():
                with browser.new_context(base_url=self._url, reduced_motion="reduce") as context:
                    context.set_default_timeout(15_000)
                    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session_of(person), "url": self._url}
                    context.add_cookies([cookie])  # type: ignore[list-item]
                    for target, path in self._paths(long_rows, Caller(role, long_rows.organisation, person)):
                        self._visit(context, target, role, path)
            browser.close()

    def _paths(self, long_rows: LongRows, caller: Caller) -> Iterator[tuple[Target, str]]:
        for target in targets().values():
            random = values.random_of(self._results.seed, PART, caller.role, target.name)
            if "logout" in target.route or not self._only.search(f"GET {target.route}"):
                continue
            yield target, self._path(target, long_rows, caller, random)
            if target.parameters and caller.role != "owner":
                home = Caller(caller.role, self._world.home, caller.person)
                arguments = {
                    name: self._world.objects.take(name, target.action, home, random) for name in target.parameters
                }
                yield target, reverse(target.name, kwargs=arguments)
            elif not target.parameters:
                yield target, f"{reverse(target.name)}?organisation={long_rows.organisation.slug}"

    def _path(self, target: Target, long_rows: LongRows, caller: Caller, random: Random) -> str:
        arguments: dict[str, Any] = {}
        for name in target.parameters:
            kind = name.removesuffix("_id")
            known = long_rows.ids.get(_NAMES.get(kind, kind))
            if name == "slug":
                known = long_rows.organisation.slug
            arguments[name] = known or self._world.objects.take(name, target.action, caller, random)
        return reverse(target.name, kwargs=arguments)

    def _visit(self, context: BrowserContext, target: Target, role: str, path: str) -> None:
        page = context.new_page()
        try:
            page.on("dialog", lambda dialog: dialog.accept())  # "Leave site?"
            response = page.goto(path)
            self._measure(page, target, role, path, response.status if response else 0)
            if role == "system administrator" and page.evaluate(_HAS_FORM):
                with page.expect_navigation():
                    page.evaluate(_SUBMIT, values.LONG_WORD * 9)
                self._measure(page, target, role, f"POST {path}", 422)
        except Error as error:
            if "Download is starting" not in str(error):
                self._results.fail(part=PART, operation=target.route, role=role, path=path, error=str(error)[:2000])
        finally:
            page.close(run_before_unload=False)

    def _measure(self, page: Page, target: Target, role: str, path: str, status: int) -> None:
        is_past = status not in (0, 400, 401) and "/account/login/" not in page.url
        self._results.count(PART, target.route, role, status, is_valid=True, is_past=is_past)
        if status >= 500:
            self._results.fail(part=PART, operation=target.route, role=role, path=path, status=status)
        if not page.evaluate("document.styleSheets.length"):
            return  # part of a page, for htmx
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if wide := overflowing_elements(page):
                self._screenshots += 1
                page.screenshot(path=self._folder / f"wide-{self._screenshots}.png")
                self._results.fail(part=PART, operation=target.route, role=role, path=path, width=width, wide=wide[:5])
