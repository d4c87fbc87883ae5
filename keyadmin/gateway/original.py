"""What a gateway says about the request that it received → that request. Pure functions of headers."""

from collections.abc import Iterable
from dataclasses import dataclass

from keyadmin.authn.credentials import Headers
from keyadmin.authn.decide import HEADERS

#: How gateways name the method and the URI: nginx as this project's configuration has it; Caddy and Traefik.
NGINX = ("x-original-method", "x-original-uri")
CADDY = ("x-forwarded-method", "x-forwarded-uri")
#: Headers for the upstream are the gateway's to write. A client's that came through it are kept under this name.
OURS = "x-keyadmin-"

_OURS = OURS.encode()
_KNOWN = {name.encode(): name for name in (*HEADERS, *NGINX, *CADDY, "x-request-id")}


class Unclear(ValueError):  # noqa: N818 - what is said of a question
    """The gateway does not say, or not in one way, what it was asked; or a client speaks in its name.

    The message is for the log.
    """


@dataclass(frozen=True, slots=True)
class Original:
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


def original(headers: Headers) -> Original:
    """The request that the gateway asks about. Raises Unclear."""
    told = [found for names in (NGINX, CADDY) if (found := _family(headers, names)) is not None]
    if OURS in headers:
        raise Unclear("a client's X-Keyadmin header has come through the gateway")
    if not told:
        raise Unclear("the gateway does not say which method and URI it was asked for")
    if told[0] != told[-1]:
        raise Unclear("the gateway names two different requests")
    method, uri = told[0]
    if not (method.isascii() and method.isalpha() and method.isupper()):
        raise Unclear("the method is not one")
    return Original(method, uri.partition("?")[0])


def _family(headers: Headers, names: tuple[str, str]) -> tuple[str, str] | None:
    """Method and URI, both or neither, each once."""
    method, uri = (headers.get(name, ()) for name in names)
    if not method and not uri:
        return None
    if len(method) != 1 or len(uri) != 1:
        raise Unclear("the gateway names the method or the URI not once")
    return method[0].strip(" \t"), uri[0].strip(" \t")
