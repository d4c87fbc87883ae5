"""Names without blanks and long descriptions wrap on every page, in every dialog and in print."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.console import ConsoleRecorder
from tests.browser.contexts import recorded_context
from tests.browser.demo import Demo
from tests.browser.long_rows import SLUG, LongRows
from tests.fixtures.committed_rows import CommittedRows
from tests.live.servers import Server
from tests.web.role_matrix import ADMIN_PAGES, PAGES

WIDTHS: Final = (320, 390, 1280, 1920)
#: Pages that answer a redirect, a file, or an error.
_OTHER: Final = ("/history/new/", "/review/export/", "/keys/export/", "/csv/", "path=&method")
_MORE: Final = (
    "/history/{event}/",
    "/keys/?organisation=long-names&q=Warehouse",
    "/keys/?organisation=long-names&kind=master",
    "/keys/{bots_key}/",
    "/keys/{bots_key}/edit/",
    "/explain/?key={key}&method=GET&path=/api/chats&address=203.0.113.9",
    "/people/?organisation=long-names",
)
PATHS: Final = [
    path.replace("northwind", SLUG) for path in (*PAGES, *ADMIN_PAGES, *_MORE) if not any(o in path for o in _OTHER)
]

#: Pages on which a system auditor sees as text what others may edit.
READ_ONLY_PATHS: Final = (
    "/bots/{bot}/",
    "/bots/{bot}/advanced/",
    "/keys/{key}/",
    "/keys/{bots_key}/",
    "/people/{person}/",
)


@pytest.fixture(scope="module")
def long_rows(browser: Browser, call_path_connections: None, django_db_blocker: Any) -> Iterator[LongRows]:
    with django_db_blocker.unblock():
        rows = CommittedRows()
        yield LongRows(Demo(rows))
        rows.remove()


@contextmanager
def signed_in(browser: Browser, server: Server, long_rows: LongRows, person: str) -> Iterator[BrowserContext]:
    base_url = f"http://localhost:{server.port}"
    with recorded_context(browser, base_url, ConsoleRecorder(), viewport={"width": 1280, "height": 900}) as context:
        context.add_cookies([{"name": "sessionid", "value": long_rows.demo.session_cookie(person), "url": base_url}])
        yield context


@pytest.fixture(scope="module")
def context(browser: Browser, server: Server, long_rows: LongRows) -> Iterator[BrowserContext]:
    with signed_in(browser, server, long_rows, "maya") as context:
        yield context


@pytest.fixture
def reader(browser: Browser, server: Server, long_rows: LongRows) -> Iterator[Page]:
    """A blank page of a system auditor."""
    with signed_in(browser, server, long_rows, "priya") as context:
        yield context.new_page()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    yield page
    page.close(run_before_unload=False)


def hidden_text(page: Page) -> list[str]:
    """Texts that end outside the window or the box that clips them, other than those that end after two lines."""
    texts: list[str] = page.evaluate("""() => {
      const root = document.documentElement;
      const found = new Set(root.scrollWidth > root.clientWidth ? [`page of ${root.scrollWidth}`] : []);
      const clips = (overflow) => ["hidden", "clip"].includes(overflow);
      const walker = document.createTreeWalker(
        document.querySelector("dialog:modal") ?? document.body, NodeFilter.SHOW_TEXT);
      const isBroken = (node, word) => {
        const range = document.createRange();
        range.setStart(node, word.index);
        range.setEnd(node, word.index + word[0].length);
        return range.getClientRects().length > 1;
      };
      // The edges that cut the text off; null if it scrolls. `isClamped`: it ends after some lines on purpose.
      const edgesOf = (element) => {
        let [right, bottom] = [innerWidth, Infinity];
        for (let e = element; e && e !== document.body; e = e.parentElement) {
          const style = getComputedStyle(e);
          if (style.webkitLineClamp !== "none") return { isClamped: e.scrollHeight > e.clientHeight + 1 };
          const isFrame = e.matches("dialog, .sidebar");
          if (["auto", "scroll"].includes(style.overflowX) && !isFrame) return null;
          if (isFrame || clips(style.overflowX)) right = Math.min(right, e.getBoundingClientRect().right);
          if (clips(style.overflowY)) bottom = Math.min(bottom, e.getBoundingClientRect().bottom);
        }
        return { right, bottom };
      };
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const parent = node.parentElement;
        const text = node.data.trim();
        if (!text || !parent.checkVisibility() || parent.closest(".visually-hidden, .skip, template, svg")) continue;
        const edges = edgesOf(parent);
        if (!edges || edges.isClamped) continue;
        const place = `${parent.tagName}.${parent.className}: ${text.slice(0, 60)}`;
        const range = document.createRange();
        range.selectNodeContents(node);
        const box = range.getBoundingClientRect();
        if (box.right > edges.right + 1 || box.left < -1) found.add(`outside ${place}`);
        if (box.bottom > edges.bottom + 1) found.add(`below ${place}`);
        const words = node.data.matchAll(/(?<!\\S)[A-Za-z]{2,12}(?=[\\s.,:;]|$)/g);
        if ([...words].some((word) => isBroken(node, word))) found.add(`broken word in ${place}`);
      }
      return [...found];
    }""")
    return texts


def hidden_texts(page: Page) -> dict[str, list[str]]:
    """By width or medium."""
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found[f"{width}"] = hidden_text(page)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 720, "height": 900})
    found["print"] = hidden_text(page)
    return {name: texts for name, texts in found.items() if texts}


@pytest.mark.parametrize("path", PATHS)
def test_long_names_wrap_at_every_width_and_in_print(page: Page, long_rows: LongRows, path: str) -> None:
    page.goto(path.format(**long_rows.ids))
    assert hidden_texts(page) == {}


@pytest.mark.parametrize("path", READ_ONLY_PATHS)
def test_long_texts_that_cannot_be_edited_wrap(reader: Page, long_rows: LongRows, path: str) -> None:
    reader.goto(path.format(**long_rows.ids))
    assert hidden_texts(reader) == {}
