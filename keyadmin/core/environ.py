"""Read the path and the headers of a call from a WSGI environ or an ASGI scope."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote, unquote


def sent_path(environ: Mapping[str, Any], scope: Mapping[str, Any] | None, path_info: str) -> str:
    """Return the path as the client sent it, without the query and without SCRIPT_NAME.

    `environ` is the WSGI environ; `scope` is the ASGI scope, None under WSGI. `path_info` is the decoded path by which
    the framework chooses the view.

    If the sent path is not UTF-8, or not the same path as `path_info`, the result is "", which is never canonical: the
    call must not be decided by one path and answered by another. If the server does not report the sent path,
    the result is `path_info`, percent-encoded.
    """
    raw = (scope or {}).get("raw_path") or environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if not raw:
        return quote(path_info, safe="/~:@!$&'()*+,;=")
    try:
        sent = (raw if isinstance(raw, bytes) else raw.encode("latin-1")).decode().partition("?")[0]
    except UnicodeError:
        return ""
    if unquote(sent) == path_info:
        return sent
    mount = environ.get("SCRIPT_NAME", "").rstrip("/")
    below = sent.removeprefix(mount) or "/"
    return below if mount and sent.startswith(mount) and unquote(below) == path_info else ""


def sent_headers(
    names: tuple[str, ...], environ: Mapping[str, Any], scope: Mapping[str, Any] | None
) -> dict[str, list[str]]:
    """Return the values by name of the headers `names` (lower case). Absent headers are left out.

    `scope` is the ASGI scope, None under WSGI. ASGI reports each value of a repeated header. A WSGI server joins the
    values by commas, or drops all but one.
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
