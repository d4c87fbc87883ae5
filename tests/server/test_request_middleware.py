"""What applies to every request: request ID, encoding, session, and a log line without secrets."""

from typing import Any

import pytest
import structlog
from django.test import Client

from keyadmin.core import redaction
from keyadmin.server import request_middleware


def test_response_has_a_generated_request_id(db: None) -> None:
    first, second = (Client().get("/account/login/")["X-Request-Id"] for _ in range(2))
    assert len(first) == 32
    assert first != second


def test_request_id_is_accepted_from_trusted_proxies_only(db: None, settings: Any) -> None:
    sent = {"X-Request-Id": "from-the-proxy"}
    assert Client().get("/account/login/", headers=sent)["X-Request-Id"] != "from-the-proxy"
    settings.KEYADMIN_TRUSTED_PROXIES = ((4, 0x7F000001, 0xFFFFFFFF),)
    assert Client().get("/account/login/", headers=sent)["X-Request-Id"] == "from-the-proxy"


@pytest.mark.parametrize("charset", ["rot13", "hex", "undefined", "idna", "utf-7", "unicode_escape"])
def test_other_encodings_are_rejected(db: None, charset: str) -> None:
    for method, kind in (("GET", "text/plain"), ("POST", "application/x-www-form-urlencoded")):
        sent = Client().generic(method, "/account/login/", b"a=b", content_type=f"{kind}; charset={charset}")
        assert sent.status_code == 400


@pytest.mark.parametrize("key", ['"abcdefgh\\000ijkl"', "x" * 5000, "ABC"])
def test_malformed_session_cookie_is_ignored(db: None, key: str) -> None:
    client = Client(headers={"Cookie": f"sessionid={key}"})
    assert client.get("/keys/").status_code == 302


def test_log_context_of_one_request_does_not_reach_the_next(db: None) -> None:
    Client().get("/account/login/")
    assert structlog.contextvars.get_contextvars() == {}


@pytest.mark.parametrize("path", ["/account/password/reset/key/1a-cq8z-0f3b9a/", "/invitations/1a-cq8z-0f3b9a/"])
def test_links_to_choose_a_password_are_redacted_in_the_log(path: str) -> None:
    for text in (path, f"Not Found: {path}", f"https://keys.example.com{path}?x=1"):
        assert "0f3b9a" not in redaction.redact(text)


def test_undeclared_proxy_is_logged_once(db: None, caplog: pytest.LogCaptureFixture) -> None:
    request_middleware._warn_of_untrusted_proxy.cache_clear()
    for _ in range(2):
        Client().get("/account/login/", headers={"X-Forwarded-For": "10.0.0.1"})
    assert sum("untrusted peer" in record.getMessage() for record in caplog.records) == 1
