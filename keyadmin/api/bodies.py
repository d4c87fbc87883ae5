"""Bodies of requests and responses. Each reason why a request's body cannot be read has its own response."""

import json
import re
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest
from ninja.parser import Parser
from ninja.renderers import JSONRenderer
from ninja.responses import NinjaJSONEncoder

from keyadmin.core.time import rfc3339

_is_json: Final = re.compile(r"application/(?:json|[a-z0-9.-]+\+json)", re.IGNORECASE | re.ASCII).fullmatch


#: Fields of one object in a body. Pydantic builds one error for each unknown field before any can be left out.
MAX_FIELDS: Final = 200


class UnreadableBodyError(Exception):
    """The body cannot be read. `status`, `slug` and `detail` are those of the problem to answer with."""

    def __init__(self, status: int, slug: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.slug, self.detail = status, slug, detail


class JsonParser(Parser):
    """django-ninja's parser, with the body read by `read_json`. Ninja makes the error the cause of an HttpError."""

    def parse_body(self, request: HttpRequest) -> Any:
        return read_json(request)


class JsonEncoder(NinjaJSONEncoder):
    """Writes times with all their digits: Django's encoder drops the microseconds below a millisecond."""

    def default(self, o: Any) -> Any:
        return rfc3339(o) if isinstance(o, datetime) else super().default(o)


class JsonRenderer(JSONRenderer):
    encoder_class = JsonEncoder


def read_json(request: HttpRequest) -> Any:
    """The value in the body; None without a body. Raises UnreadableBodyError.

    Rejects what programs read differently: another encoding than UTF-8, a repeated field name, NaN and Infinity.
    """
    if not request.body:
        return None
    if request.content_type and not _is_json(request.content_type):
        raise UnreadableBodyError(
            415, "unsupported-media-type", "Send the body as JSON, with Content-Type: application/json."
        )
    try:
        text = request.body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _malformed("The body is not UTF-8. Encode it as UTF-8.") from None
    try:
        return json.loads(text, object_pairs_hook=_unique_fields, parse_constant=_reject_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _malformed(f"The body is not valid JSON. The error is at {where}.") from None
    except RecursionError:
        raise _malformed("The body has too many levels of objects and lists.") from None
    except ValueError:  # more digits than Python converts
        raise _malformed("The body has a number with too many digits.") from None


def _malformed(detail: str) -> UnreadableBodyError:
    return UnreadableBodyError(400, "bad-request", detail)


def _unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_FIELDS:
        raise _malformed(f"An object of the body has more than {MAX_FIELDS} fields. Send fewer.")
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _malformed("An object of the body has two fields with the same name. Send each field once.")
    return fields


def _reject_constant(constant: str) -> Any:
    raise _malformed(f"The body contains {constant}, which is not JSON. Send a number or null.")
