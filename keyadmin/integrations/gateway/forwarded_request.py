"""Parse the headers in which a gateway describes the request that it received. Pure functions."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from keyadmin.callpath.credentials import Headers
from keyadmin.callpath.request import REQUEST_HEADERS

#: The headers with method and URI that deploy/nginx.conf sends, and those that Caddy and Traefik send.
NGINX_HEADERS: Final = ("x-original-method", "x-original-uri")
FORWARDED_HEADERS: Final = ("x-forwarded-method", "x-forwarded-uri")
#: The prefix of headers that only a gateway may send to its upstream. One that arrives here comes from a client, and
#: the gateway would also pass it on to the API.
RESERVED_PREFIX: Final = "x-keyadmin-"

#: Names of X-Forwarded-… that deploy/nginx.conf replaces or removes. nginx passes any other one on to the API, so a
#: request that arrives with one is denied.
FORWARDED_PREFIX: Final = "x-forwarded-"
NGINX_FORWARDED_NAMES: Final = frozenset(
    f"{FORWARDED_PREFIX}{name}"
    for name in (
        *("for", "proto", "host", "method", "uri", "server", "port", "scheme", "ssl", "protocol", "by", "prefix"),
        *("path", "url", "user", "email", "groups", "preferred-username", "access-token", "client-cert"),
    )
)

_RESERVED_PREFIX_BYTES: Final = RESERVED_PREFIX.encode()
_FORWARDED_PREFIX_BYTES: Final = FORWARDED_PREFIX.encode()
_NGINX_FORWARDED_NAMES_BYTES: Final = frozenset(name.encode() for name in NGINX_FORWARDED_NAMES)
_RELEVANT: Final = {
    name.encode(): name
    for name in (*REQUEST_HEADERS, *NGINX_HEADERS, *FORWARDED_HEADERS, "x-forwarded-proto", "x-request-id")
}


class AmbiguousForwardedRequestError(ValueError):
    """The headers describe no request or more than one, or contain a reserved header of the client.

    The message is for the log.
    """


@dataclass(frozen=True, slots=True)
class ForwardedRequest:
    """The request that the gateway received. `path` is as the client sent it, without the query.

    `is_plain_http`: the gateway reports, in X-Forwarded-Proto, that the client sent the request without TLS.
    """

    method: str
    path: str
    is_plain_http: bool


def relevant_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, list[str]]:
    """The values of the headers that matter, by lower-case name. Names with underscores are other names.

    If any header starts with RESERVED_PREFIX, the result has that prefix as a key. The same applies to
    FORWARDED_PREFIX, except for NGINX_FORWARDED_NAMES.
    """
    headers: dict[str, list[str]] = {}
    for name, value in raw:
        if (known := _RELEVANT.get(name)) is not None:
            headers.setdefault(known, []).append(value.decode("latin-1"))
        elif name.startswith(_RESERVED_PREFIX_BYTES):
            headers[RESERVED_PREFIX] = []
        elif name.startswith(_FORWARDED_PREFIX_BYTES) and name not in _NGINX_FORWARDED_NAMES_BYTES:
            headers[FORWARDED_PREFIX] = []
    return headers


def parse_forwarded_request(headers: Headers) -> ForwardedRequest:
    """The request that the gateway received. Raises AmbiguousForwardedRequestError."""
    requests = [
        request
        for names in (NGINX_HEADERS, FORWARDED_HEADERS)
        if (request := _method_and_uri(headers, names)) is not None
    ]
    if RESERVED_PREFIX in headers:
        raise AmbiguousForwardedRequestError("the gateway passed on an X-Keyadmin header of the client")
    if FORWARDED_PREFIX in headers and any(name in headers for name in NGINX_HEADERS):
        raise AmbiguousForwardedRequestError("the gateway passed on an X-Forwarded header of the client")
    if not requests:
        raise AmbiguousForwardedRequestError("the gateway sent no method and URI")
    if requests[0] != requests[-1]:
        raise AmbiguousForwardedRequestError("the gateway sent two different requests")
    method, uri = requests[0]
    if not (method.isascii() and method.isalpha() and method.isupper()):
        raise AmbiguousForwardedRequestError("the method is not upper-case ASCII letters")
    try:
        path = uri.partition("?")[0].encode("latin-1").decode()
    except UnicodeDecodeError:
        raise AmbiguousForwardedRequestError("the path is not UTF-8") from None
    schemes = ",".join(headers.get("x-forwarded-proto", ())).lower().replace(" ", "").split(",")
    return ForwardedRequest(method, path, any(scheme not in ("https", "wss", "") for scheme in schemes))


def _method_and_uri(headers: Headers, names: tuple[str, str]) -> tuple[str, str] | None:
    """The values of both headers, or None if neither is present. Each may be present once."""
    method, uri = (headers.get(name, ()) for name in names)
    if not method and not uri:
        return None
    if len(method) != 1 or len(uri) != 1:
        raise AmbiguousForwardedRequestError("the gateway must send the method once and the URI once")
    return method[0].strip(" \t"), uri[0].strip(" \t")
