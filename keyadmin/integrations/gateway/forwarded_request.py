"""What a gateway says about the request that it received → that request. Pure functions of headers."""

from collections.abc import Iterable
from dataclasses import dataclass

from keyadmin.callpath.credentials import Headers
from keyadmin.callpath.request import HEADERS

#: How gateways name the method and the URI: nginx as this project's configuration has it; Caddy and Traefik.
NGINX = ("x-original-method", "x-original-uri")
CADDY = ("x-forwarded-method", "x-forwarded-uri")
#: Headers for the upstream are the gateway's to write. A client's that came through it are kept under this name.
OURS = "x-keyadmin-"

_OURS = OURS.encode()
_KNOWN = {name.encode(): name for name in (*HEADERS, *NGINX, *CADDY, "x-request-id")}


class AmbiguousForwardedRequestError(ValueError):
    """The gateway does not say, or not in one way, what it was asked; or a client speaks in its name.

    The message is for the log.
    """


@dataclass(frozen=True, slots=True)
class ForwardedRequest:
    """The request that the gateway received; `path` as the client sent it, without the query."""

    method: str
    path: str


def read(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, list[str]]:
    """The headers that matter, by lower-case name. Names with underscores are none of them, whatever they resemble."""
    headers: dict[str, list[str]] = {}
    for name, value in raw:
        if (known := _KNOWN.get(name)) is not None:
            headers.setdefault(known, []).append(value.decode("latin-1"))
        elif name.startswith(_OURS):
            headers[OURS] = []
    return headers


def original(headers: Headers) -> ForwardedRequest:
    """The request that the gateway asks about. Raises Unclear."""
    told = [found for names in (NGINX, CADDY) if (found := _family(headers, names)) is not None]
    if OURS in headers:
        raise AmbiguousForwardedRequestError("a client's X-Keyadmin header has come through the gateway")
    if not told:
        raise AmbiguousForwardedRequestError("the gateway does not say which method and URI it was asked for")
    if told[0] != told[-1]:
        raise AmbiguousForwardedRequestError("the gateway names two different requests")
    method, uri = told[0]
    if not (method.isascii() and method.isalpha() and method.isupper()):
        raise AmbiguousForwardedRequestError("the method is not one")
    return ForwardedRequest(method, uri.partition("?")[0])


def _family(headers: Headers, names: tuple[str, str]) -> tuple[str, str] | None:
    """Method and URI, both or neither, each once."""
    method, uri = (headers.get(name, ()) for name in names)
    if not method and not uri:
        return None
    if len(method) != 1 or len(uri) != 1:
        raise AmbiguousForwardedRequestError("the gateway names the method or the URI not once")
    return method[0].strip(" \t"), uri[0].strip(" \t")
