"""Requests that make something, which a client may send again: an Idempotency-Key makes it once."""

import hashlib
import json
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from ninja import Status

from keyadmin.api import headers
from keyadmin.api.callers import actor_of
from keyadmin.core.errors import ConflictError, DuplicateRequestError, InvalidInputError, NotFoundError
from keyadmin.operations import idempotency

type Tell[Result, Shape] = Callable[[str, Result | None], Shape]
"""From the id of what was made, and from what the operation returned, to what is answered. None: it was made before,
and whatever secret there was has been told.
"""


def created[Result, Shape](
    request: HttpRequest, response: HttpResponse, act: Callable[[], Result], tell: Tell[Result, Shape]
) -> Status[Shape]:
    """201 with what was made and where it is, or 200 with what the same Idempotency-Key made before."""
    identity, told, is_new = _do(request, act, tell)
    response["Location"] = f"{request.path}/{identity}"
    return Status(201 if is_new else 200, told)


def done[Result, Shape](request: HttpRequest, act: Callable[[], Result], tell: Tell[Result, Shape]) -> Shape:
    """The same for a secret that is made of something that was there."""
    return _do(request, act, tell)[1]


def _do[Result, Shape](
    request: HttpRequest, act: Callable[[], Result], tell: Tell[Result, Shape]
) -> tuple[str, Shape, bool]:
    nonce, asked = headers.idempotency_key(request), _digest(request)
    try:
        result = idempotency.run_once(
            actor=actor_of(request), idempotency_key=nonce, operation=act, request_digest=asked
        )
    except DuplicateRequestError as already:
        if already.request_digest != asked:
            words = "It was sent with another request before. Choose another one."
            raise InvalidInputError({"Idempotency-Key": [words]}) from None
        try:
            return already.result_id, tell(already.result_id, None), False
        except NotFoundError:
            raise ConflictError("What this Idempotency-Key made is gone.") from None
    identity = idempotency.id_of(result)
    return identity, tell(identity, result), True


def _digest(request: HttpRequest) -> str:
    """Of method, address and body, however the body's JSON is spelt."""
    body = json.dumps(json.loads(request.body or "null"), sort_keys=True)
    return hashlib.sha256(f"{request.method} {request.get_full_path()}\n{body}".encode()).hexdigest()
