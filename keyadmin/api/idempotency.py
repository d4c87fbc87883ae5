"""Idempotency-Key: a client may repeat a request that creates something. It is carried out once."""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Final

from django.http import HttpResponse
from ninja import Status

from keyadmin.api.auth import ApiRequest, actor_of
from keyadmin.api.bodies import read_json
from keyadmin.core.errors import ConflictError, DuplicateRequestError, InvalidInputError, NotFoundError
from keyadmin.operations import idempotency

_IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")

type Render[Result, Shape] = Callable[[str, Result | None], Shape]
"""Makes the response body from the id of the row and the result of the operation. For a repeated request the result is
None: only the first response shows the secret.
"""


def run_creation[Result, Shape](
    request: ApiRequest,
    response: HttpResponse,
    operation: Callable[[], Result],
    render: Render[Result, Shape],
    collection: str = "",
) -> Status[Shape]:
    """Run the operation and answer 201 with Location; a repeated request is answered 200 with what exists.

    `collection` is the path of the new object's list, by default that of the request.
    """
    row_id, body, is_new = _run(request, operation, render)
    response["Location"] = f"{collection or request.path}/{row_id}"
    return Status(201 if is_new else 200, body)


def run[Result, Shape](request: ApiRequest, operation: Callable[[], Result], render: Render[Result, Shape]) -> Shape:
    """Run an operation that replaces the secret of a row. A repeated request gets the row without the secret."""
    return _run(request, operation, render)[1]


def _run[Result, Shape](
    request: ApiRequest, operation: Callable[[], Result], render: Render[Result, Shape]
) -> tuple[str, Shape, bool]:
    """(id of the row, response body, whether the request is new)."""
    digest = _request_digest(request)
    try:
        result = idempotency.run_once(
            actor=actor_of(request),
            idempotency_key=_idempotency_key(request),
            operation=operation,
            request_digest=digest,
        )
    except DuplicateRequestError as duplicate:
        if duplicate.request_digest != digest:
            message = "This value was sent with a different request before. Use a new value."
            raise InvalidInputError({"Idempotency-Key": [message]}) from None
        try:
            return duplicate.result_id, render(duplicate.result_id, None), False
        except NotFoundError:
            raise ConflictError(
                "The object that was created with this Idempotency-Key was deleted. Use a new value to create another."
            ) from None
    row_id = idempotency.id_of(result)
    return row_id, render(row_id, result), True


def _idempotency_key(request: ApiRequest) -> str:
    """Return the header's value, "" without one. Raises InvalidInputError for a value that cannot be stored."""
    value: str | None = request.headers.get("Idempotency-Key")
    if value is None:
        return ""
    if not _IDEMPOTENCY_KEY.fullmatch(value):
        raise InvalidInputError({"Idempotency-Key": ["Use 1 to 255 visible ASCII characters."]})
    return value


def _request_digest(request: ApiRequest) -> str:
    """Return SHA-256 of method, URL and body. White space and the order of fields in the JSON do not matter."""
    body = json.dumps(read_json(request), sort_keys=True)
    return hashlib.sha256(f"{request.method} {request.get_full_path()}\n{body}".encode()).hexdigest()
