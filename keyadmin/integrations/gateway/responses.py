"""Convert a verdict to the ASGI response with which a gateway lets a request pass or denies it."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from keyadmin.core import problems
from keyadmin.core.callers import Caller
from keyadmin.core.denials import Denial
from keyadmin.core.headers import key_headers

type RawHeaders = list[tuple[bytes, bytes]]

#: Characters that are not percent-encoded, besides letters, digits and `_.-~`.
_SAFE_CHARACTERS: Final = "@+:!#$&'*/=?^`{|} "


@dataclass(frozen=True, slots=True)
class AsgiResponse:
    status: int
    headers: RawHeaders
    body: bytes = b""


def allowed(caller: Caller, request_id: str) -> AsgiResponse:
    """204 with the caller in headers, which the gateway passes on to its upstream.

    In names and email addresses, `%` and all characters that are not ASCII are percent-encoded as UTF-8. X-Keyadmin-Bot
    is absent for a key without a bot.
    """
    key = caller.key
    headers = [
        (b"cache-control", b"no-store"),
        (b"x-request-id", request_id.encode()),
        (b"x-keyadmin-key-id", (key.key_id or str(key.id)).encode()),
        (b"x-keyadmin-organisation", key.organisation_slug.encode()),
        (b"x-keyadmin-scopes", " ".join(sorted(caller.scopes)).encode()),
        *_encode_headers(key_headers(caller.quota, caller.expires_at)),
    ]
    if key.bot_name is not None:
        headers.append((b"x-keyadmin-bot", _percent_encode(key.bot_name)))
    if caller.on_behalf_of is not None:
        headers.append((b"x-keyadmin-on-behalf-of", _percent_encode(caller.on_behalf_of.email)))
    return AsgiResponse(204, headers)


def denied(denial: Denial, request_id: str, *, body_in_header: bool) -> AsgiResponse:
    """The response for the client. nginx drops the body of a sub-request: `body_in_header` repeats it in a header."""
    return problem(problems.denial_response(denial, request_id), request_id, body_in_header=body_in_header)


def problem(response: problems.Response, request_id: str, *, body_in_header: bool = False) -> AsgiResponse:
    headers = [*_encode_headers(response.headers), (b"x-request-id", request_id.encode())]
    if body_in_header:
        headers.append((b"x-keyadmin-problem", response.body))
    return AsgiResponse(response.status, headers, response.body)


def as_asgi(response: problems.Response) -> AsgiResponse:
    return AsgiResponse(response.status, _encode_headers(response.headers), response.body)


def _encode_headers(headers: dict[str, str]) -> RawHeaders:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


def _percent_encode(text: str) -> bytes:
    return quote(text, safe=_SAFE_CHARACTERS).encode()
