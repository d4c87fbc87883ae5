"""Error responses of the API. Each is an RFC 9457 problem."""

import sys
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from keyadmin.api.bodies import UnreadableBodyError
from keyadmin.api.retry import LockTimeoutResponse
from keyadmin.core import errors, problems
from keyadmin.core.denials import Denial

log = structlog.get_logger("keyadmin.api")

#: Messages in one response.
MAX_ERRORS: Final = 20
#: Characters of the name of a field that a response repeats.
MAX_NAME_LENGTH: Final = 100
#: Tags of the two shapes of a body in resources/verify.py. Pydantic puts them into the location of an error.
ONE_CALL: Final = "one call"
MANY_CALLS: Final = "many calls"


class CallDeniedError(Exception):
    """The request has no credential that is allowed this call."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.reason.label)
        self.denial = denial


def denied(request: HttpRequest, error: CallDeniedError) -> HttpResponse:
    """Return the same response to a denied call as `/verify` and KeyMiddleware do."""
    answer = problems.denial_response(error.denial, request.META.get("keyadmin.request_id", ""))
    return HttpResponse(answer.body, status=answer.status, headers=answer.headers)


def problem(
    request: HttpRequest, status: int, slug: str, detail: str, errors: Mapping[str, Sequence[str]] | None = None
) -> HttpResponse:
    """Return a problem of type `urn:keyadmin:problem:<slug>`, with messages by field in `errors`."""
    answer = problems.problem_response(status, slug, detail, request.META.get("keyadmin.request_id", ""), errors)
    return HttpResponse(answer.body, status=answer.status, headers=answer.headers)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return problem(request, 400, "bad-request", "The request cannot be read. Send it again.")


def too_large(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return problem(request, 413, "content-too-large", "The body is too large. Send less data in one request.")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return problem(request, 403, "forbidden", "You don’t have permission for this request.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return problem(request, 404, "not-found", "Not found. It does not exist, or you do not have access to it.")


def method_not_allowed(request: HttpRequest, allowed: str) -> HttpResponse:
    response = problem(
        request,
        405,
        "method-not-allowed",
        f"This path does not support the method of this request. Use one of: {allowed}.",
    )
    response["Allow"] = allowed
    return response


def server_error(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if isinstance(exception or sys.exception(), OperationalError | InterfaceError):
        response = problem(request, 503, "unavailable", "The database does not answer. Try again.")
        response["Retry-After"] = "2"
        return response
    if exception is not None:
        log.error("unhandled exception", exc_info=exception)
    return problem(request, 500, "internal-error", "The error has been logged. Try again in a moment.")


def invalid(request: HttpRequest, errors: Mapping[str, Sequence[str]]) -> HttpResponse:
    """Answer 422 with at most MAX_ERRORS messages by field; `calls.3.path` is a field of the fourth item of `calls`."""
    first: dict[str, list[str]] = {}
    all_messages = ((name, text) for name, texts in errors.items() for text in texts)
    for name, text in islice(all_messages, MAX_ERRORS):
        first.setdefault(name[:MAX_NAME_LENGTH], []).append(text)
    return problem(request, 422, "invalid", "Some fields are invalid. `errors` has a message for each.", first)


def not_signed_in(request: HttpRequest, detail: str) -> HttpResponse:
    """Return 401 with the same headers for every reason."""
    response = problem(request, 401, "unauthenticated", detail)
    response["WWW-Authenticate"] = 'Bearer realm="api", error="invalid_token"'
    return response


def too_many_attempts(request: HttpRequest, seconds: int) -> HttpResponse:
    """Return 429 for too many attempts to sign in. The rate limits of keys have their own response."""
    response = problem(request, 429, "too-many-attempts", f"Too many attempts. Try again in {seconds} seconds.")
    response["Retry-After"] = str(seconds)
    return response


def busy(request: HttpRequest, detail: str, seconds: int) -> HttpResponse:
    """Answer 503 to what this process has no room for now."""
    response = problem(request, 503, "overloaded", detail)
    response["Retry-After"] = str(seconds)
    return response


def install(api: NinjaAPI) -> None:
    """Register the handlers, so that every exception inside the API gets a problem as its response."""
    handlers: dict[Any, Any] = {
        CallDeniedError: denied,
        Http404: not_found,
        HttpError: _http_error,
        ValidationError: _validation_error,
        errors.NotFoundError: not_found,
        errors.ForbiddenError: lambda request, error: problem(request, 403, "forbidden", error.message),
        errors.BusyError: lambda request, error: busy(request, error.message, error.retry_after),
        errors.LockTimeoutError: _lock_timeout,
        errors.StaleRevisionError: lambda request, error: problem(request, 412, "precondition-failed", error.message),
        errors.ConflictError: lambda request, error: problem(request, 409, "conflict", error.message),
        errors.InvalidInputError: _invalid_input,
        RequestDataTooBig: too_large,
        SuspiciousOperation: bad_request,
        UnreadableBodyError: _unreadable_body,
        UnreadablePostError: bad_request,
        Exception: server_error,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


def _unreadable_body(request: HttpRequest, error: UnreadableBodyError) -> HttpResponse:
    return problem(request, error.status, error.slug, error.detail)


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    if isinstance(error.__cause__, UnreadableBodyError):
        return _unreadable_body(request, error.__cause__)
    return {403: forbidden, 404: not_found}.get(error.status_code, bad_request)(request, error)


def _lock_timeout(request: HttpRequest, error: errors.LockTimeoutError) -> HttpResponse:
    answer = problems.problem_response(409, "busy", error.message, request.META.get("keyadmin.request_id", ""))
    return LockTimeoutResponse(answer.body, status=answer.status, headers={**answer.headers, "Retry-After": "1"})


def _invalid_input(request: HttpRequest, error: errors.InvalidInputError) -> HttpResponse:
    """Messages about the input as a whole belong to the field `body`."""
    return invalid(request, {"body" if name == "__all__" else name: texts for name, texts in error.errors.items()})


def _validation_error(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """One message for each field. The response repeats no value, which may be a secret."""
    errors: dict[str, list[str]] = {}
    for item in error.errors:
        start = 2 if item["loc"][0] == "body" else 1  # the second step of a body is the name of our parameter
        steps = [str(step) for step in item["loc"][start:] if step not in (ONE_CALL, MANY_CALLS)]
        errors.setdefault(".".join(steps) or "body", [_message(item)])
    return invalid(request, errors)


#: By Pydantic's type of error, the message. Names in braces are of the error's context.
_MESSAGES: Final = {
    "missing": "This field is required.",
    "extra_forbidden": "There is no field of this name.",
    "value_error": "{error}",
    "literal_error": "Use {expected}.",
    "enum": "Use {expected}.",
    "string_type": "Send a string.",
    "string_unicode": "Send a string of valid Unicode characters.",
    "string_too_short": "Use at least {min_length} characters.",
    "string_too_long": "Use at most {max_length} characters.",
    "bool_type": "Send true or false.",
    "bool_parsing": "Send true or false.",
    "int_type": "Send a whole number.",
    "int_parsing": "Send a whole number.",
    "int_parsing_size": "Send a whole number with fewer digits.",
    "int_from_float": "Send a whole number.",
    "greater_than_equal": "Use {ge} or more.",
    "less_than_equal": "Use {le} or less.",
    "list_type": "Send a list.",
    "too_short": "Send at least {min_length} item.",
    "too_long": "Send at most {max_length} items.",
    "dict_type": "Send an object.",
    "model_type": "Send an object.",
    "model_attributes_type": "Send an object.",
    "uuid_type": "Send a UUID.",
    "uuid_parsing": "Send a UUID.",
    "timezone_aware": "Add the time zone, as in 2027-03-01T12:00:00Z.",
    **dict.fromkeys(
        ("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "datetime_object_invalid"),
        "Send a time that exists, in RFC 3339, such as 2026-12-31T23:59:59Z.",
    ),
    **dict.fromkeys(
        ("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"),
        "Send a day that exists, such as 2026-11-22.",
    ),
}


def _message(item: Mapping[str, Any]) -> str:
    """The message for an error of Pydantic, whose own texts name its types."""
    return _MESSAGES.get(item["type"], "This value is not valid.").format(**item.get("ctx", {}))
