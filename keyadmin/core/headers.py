"""HTTP headers: characters that are not allowed, request ids, and rate limits."""

import os
import re
from datetime import datetime
from random import Random
from typing import Final

from keyadmin.core.denials import Quota
from keyadmin.core.time import rfc3339

has_unsendable_characters = re.compile("[\x00-\x1f\x7f\ud800-\udfff]").search
"""Finds a character that no header of a call can contain. PostgreSQL rejects some of them as well."""

_is_request_id = re.compile(r"[A-Za-z0-9._-]{8,64}").fullmatch
# Not the operating system's generator: an id need not be unpredictable, and a system call releases the GIL, which the
# thread may then have to wait for.
_random: Final = Random()  # noqa: S311
os.register_at_fork(after_in_child=_random.seed)


def request_id(received: str = "") -> str:
    """`received` if it is a well-formed request id, else a new one. Pass only ids from trusted proxies."""
    return received if _is_request_id(received) else f"{_random.getrandbits(128):032x}"


def key_headers(quota: Quota, expires_at: datetime | None, retry_after: int | None = None) -> dict[str, str]:
    """The headers that tell a program about its key: its limit, and when it expires if it does."""
    expires = {"Keyadmin-Key-Expires": rfc3339(expires_at)} if expires_at else {}
    return _rate_limit(quota, retry_after) | expires


def _rate_limit(quota: Quota, retry_after: int | None) -> dict[str, str]:
    """The headers `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers).

    `retry_after` is in seconds; None if the limit is not used up.
    """
    reset = f";t={retry_after}" if retry_after is not None else ""
    return {
        "RateLimit-Policy": f'"hour";q={quota.limit};w=3600',
        "RateLimit": f'"hour";r={quota.remaining}{reset}',
    }
