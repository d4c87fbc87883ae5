"""A Content-Type that Django cannot parse, or with a charset that it cannot decode, gets no 500."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.live.servers import Server, gunicorn

PART: Final = b'--b\r\nContent-Disposition: form-data; name="login"\r\n\r\nx@example.com\r\n--b--\r\n'
UNREADABLE: Final = (
    "a/b; x*99999999999=1; x*=2",
    "application/json; charset*=klingon''x",
    "application/json; charset*=undefined''x",
)
WRONG: Final = (
    "application/json; charset*=utf-8''%00",
    "application/json; charset=hex",
    "application/x-www-form-urlencoded; charset=rot13",
    "multipart/form-data; boundary=b; charset=undefined",
    "multipart/form-data; boundary=b; charset=idna",
)


@pytest.fixture(scope="module")
def pages(database_url: str, tmp_path_factory: Any) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("types")
    with gunicorn(folder, database_url, DJANGO_SETTINGS_MODULE="keyadmin.settings") as server:
        yield server


def statuses(server: Server, content_type: str) -> list[int]:
    """Of a page, of a form without a CSRF token, and of a call of the API."""
    headers = [("Content-Type", content_type)]
    answers = (
        server.request("/account/login/?q=%ff", headers),
        server.request("/account/login/?q=%ff", headers, "POST", PART),
        server.request("/api/token?q=%ff", headers, "POST", PART),
    )
    return [answer.status for answer in answers]


@pytest.mark.parametrize("content_type", UNREADABLE, ids=range(len(UNREADABLE)))
def test_content_type_that_cannot_be_read_is_that_of_unknown_bytes(pages: Server, content_type: str) -> None:
    assert statuses(pages, content_type) == [200, 403, 415]


@pytest.mark.parametrize("content_type", WRONG, ids=range(len(WRONG)))
def test_charset_that_is_no_encoding_of_text_is_refused(pages: Server, content_type: str) -> None:
    assert statuses(pages, content_type) == [400, 400, 415]
