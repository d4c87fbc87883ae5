"""Read the path and the headers of a call from a WSGI environ or an ASGI scope."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote, unquote


def sent_path(environ: Mapping[str, Any], scope: Mapping[str, Any] | None, path_info: str) -> str:
    """Return the path as the client sent it, without the query and without SCRIPT_NAME.

    `path_info` is the decoded path that the framework routes by. The result is "", which no rule accepts, if the
    server routes the call elsewhere than the sent path says. If the server does not report the sent path, the result
    is `path_info`, percent-encoded.
    """
    raw = (scope or {}).get("raw_path") or environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if not raw:
        return quote(path_info, safe="/~:@!$&'()*+,;=")
    sent: str = (raw.decode("latin-1") if isinstance(raw, bytes) else raw).partition("?")[0]
    if unquote(sent) == path_info:
        return sent
    mount = environ.get("SCRIPT_NAME", "").rstrip("/")
    below = sent.removeprefix(mount) or "/"
    return below if mount and sent.startswith(mount) and unquote(below) == path_info else ""


def sent_headers(
    names: tuple[str, ...], environ: Mapping[str, Any], scope: Mapping[str, Any] | None
) -> dict[str, list[str]]:
    """Return the values of the headers `names` (lower case); absent headers are left out.

    ASGI reports a repeated header once for each value. A WSGI server has joined the values by commas, or dropped them.
    """
    if scope is None:
        return {name: [environ[key]] for name, key in _environ_keys(names) if key in environ}
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        if (known := name.decode("latin-1").lower()) in names:
            headers.setdefault(known, []).append(value.decode("latin-1"))
    return headers


@cache
def _environ_keys(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, "HTTP_" + name.upper().replace("-", "_")) for name in names)
