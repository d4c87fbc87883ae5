"""The headers by which a gateway describes the request that it received → that request. Pure functions."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from keyadmin.callpath.credentials import Headers
from keyadmin.callpath.request import REQUEST_HEADERS

#: The headers for method and URI: of deploy/nginx.conf, and of Caddy and Traefik.
NGINX_HEADERS: Final = ("x-original-method", "x-original-uri")
FORWARDED_HEADERS: Final = ("x-forwarded-method", "x-forwarded-uri")
#: The prefix of headers that only a gateway may send to its upstream. A client's are dangerous if they get through.
RESERVED_PREFIX: Final = "x-keyadmin-"

_RESERVED_PREFIX: Final = RESERVED_PREFIX.encode()
_RELEVANT: Final = {
    name.encode(): name for name in (*REQUEST_HEADERS, *NGINX_HEADERS, *FORWARDED_HEADERS, "x-request-id")
}


class AmbiguousForwardedRequestError(ValueError):
    """The gateway names no request, or more than one, or a client's reserved header got through.

    The message is for the log.
    """


@dataclass(frozen=True, slots=True)
class ForwardedRequest:
    """The request that the gateway received. `path` is as the client sent it, without the query."""

    method: str
    path: str


def relevant_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, list[str]]:
    """The headers that decide, by lower-case name. Names with underscores are different names.

    RESERVED_PREFIX is a key of the result if a header starts with it.
    """
    headers: dict[str, list[str]] = {}
    for name, value in raw:
        if (known := _RELEVANT.get(name)) is not None:
            headers.setdefault(known, []).append(value.decode("latin-1"))
        elif name.startswith(_RESERVED_PREFIX):
            headers[RESERVED_PREFIX] = []
    return headers


def parse_forwarded_request(headers: Headers) -> ForwardedRequest:
    """The request that the gateway asks about. Raises AmbiguousForwardedRequestError."""
    requests = [
        request
        for names in (NGINX_HEADERS, FORWARDED_HEADERS)
        if (request := _method_and_uri(headers, names)) is not None
    ]
    if RESERVED_PREFIX in headers:
        raise AmbiguousForwardedRequestError("the gateway passed on an X-Keyadmin header of the client")
    if not requests:
        raise AmbiguousForwardedRequestError("the gateway sent no method and URI")
    if requests[0] != requests[-1]:
        raise AmbiguousForwardedRequestError("the gateway sent two different requests")
    method, uri = requests[0]
    if not (method.isascii() and method.isalpha() and method.isupper()):
        raise AmbiguousForwardedRequestError("the method is not upper-case ASCII letters")
    return ForwardedRequest(method, uri.partition("?")[0])


def _method_and_uri(headers: Headers, names: tuple[str, str]) -> tuple[str, str] | None:
    """The values of both headers, or None if neither is present. Each may be present once."""
    method, uri = (headers.get(name, ()) for name in names)
    if not method and not uri:
        return None
    if len(method) != 1 or len(uri) != 1:
        raise AmbiguousForwardedRequestError("the gateway must send the method once and the URI once")
    return method[0].strip(" \t"), uri[0].strip(" \t")
