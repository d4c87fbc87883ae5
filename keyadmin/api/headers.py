"""Headers that say how a change is to be made."""

import re
from typing import Final

from django.http import HttpRequest

from keyadmin.core.errors import InvalidInputError

_ETAG: Final = re.compile(r'"([0-9]{1,9})"')
_IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")


def idempotency_key(request: HttpRequest) -> str:
    """The value of Idempotency-Key, "" for none; raises Invalid for one that cannot be kept."""
    value: str | None = request.headers.get("Idempotency-Key")
    if value is None:
        return ""
    if not _IDEMPOTENCY_KEY.fullmatch(value):
        raise InvalidInputError({"Idempotency-Key": ["Use 1 to 255 visible ASCII characters."]})
    return value


def revision(request: HttpRequest) -> int | None:
    """The revision that If-Match names; None for any. Raises Invalid for an ETag that is not one of ours."""
    value: str = request.headers.get("If-Match", "*")
    if value == "*":
        return None
    match = _ETAG.fullmatch(value)
    if match is None:
        raise InvalidInputError({"If-Match": ["Send the ETag that it was read with."]})
    return int(match[1])


def etag(revision: int) -> str:
    return f'"{revision}"'
