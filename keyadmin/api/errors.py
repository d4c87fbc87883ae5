"""Errors of the API: RFC 9457 problems, whatever went wrong."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from keyadmin.core import errors
from keyadmin.core.problems import problem_response

log = structlog.get_logger("keyadmin.api")

#: What pydantic puts into a place to say which shape of several it judged by.
TAGS = frozenset({"one call", "many calls"})


def answer(request: HttpRequest, status: int, slug: str, detail: str) -> HttpResponse:
    made = problem_response(status, slug, detail, request.META.get("keyadmin.request_id", ""))
    return HttpResponse(made.body, status=made.status, headers=made.headers)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer(request, 400, "bad-request", "The request cannot be read.")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer(request, 403, "forbidden", "This is not allowed.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer(request, 404, "not-found", "There is nothing at this path.")


def not_allowed(request: HttpRequest, allowed: str) -> HttpResponse:
    response = answer(request, 405, "method-not-allowed", f"This path answers {allowed}.")
    response["Allow"] = allowed
    return response


def broken(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if isinstance(exception or sys.exception(), OperationalError | InterfaceError):
        response = answer(request, 503, "unavailable", "The database does not answer now. Try again.")
        response["Retry-After"] = "2"
        return response
    if exception is not None:
        log.error("broken", exc_info=exception)
    return answer(request, 500, "internal-error", "It has been noted. Try again in a moment.")


def invalid(request: HttpRequest, errors: Mapping[str, Sequence[str]]) -> HttpResponse:
    """What is wrong with each field: `calls.3.path` is a field of a list's fourth."""
    made = problem_response(
        422, "invalid", "Some fields are not right.", request.META.get("keyadmin.request_id", ""), errors
    )
    return HttpResponse(made.body, status=made.status, headers=made.headers)


def not_signed_in(request: HttpRequest, detail: str) -> HttpResponse:
    """One answer, whatever was wrong with what was to prove who it is."""
    response = answer(request, 401, "unauthenticated", detail)
    response["WWW-Authenticate"] = 'Bearer realm="api", error="invalid_token"'
    return response


def too_many(request: HttpRequest, seconds: int) -> HttpResponse:
    """Of attempts, not of a key's calls."""
    response = answer(request, 429, "too-many-attempts", f"Too many attempts. Try again in {seconds} seconds.")
    response["Retry-After"] = str(seconds)
    return response


def install(api: NinjaAPI) -> None:
    """Make every error inside the API a problem."""
    handlers: dict[Any, Any] = {
        Http404: not_found,
        HttpError: _of_http_error,
        ValidationError: _of_validation,
        errors.NotFoundError: not_found,
        errors.ForbiddenError: lambda request, error: answer(request, 403, "forbidden", error.message),
        errors.LockTimeoutError: _held_up,
        errors.StaleRevisionError: lambda request, error: answer(request, 412, "precondition-failed", error.message),
        errors.ConflictError: lambda request, error: answer(request, 409, "conflict", error.message),
        errors.InvalidInputError: _of_invalid,
        SuspiciousOperation: bad_request,  # such as a body that is too large
        UnreadablePostError: bad_request,
        Exception: broken,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


def _of_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return {403: forbidden, 404: not_found}.get(error.status_code, bad_request)(request, error)


def _held_up(request: HttpRequest, error: errors.LockTimeoutError) -> HttpResponse:
    """Nothing was changed; `patience.py` may try again."""
    response = answer(request, 409, "busy", error.message)
    response["Retry-After"] = "1"
    response.is_held_up = True  # type: ignore[attr-defined]
    return response


def _of_invalid(request: HttpRequest, error: errors.InvalidInputError) -> HttpResponse:
    """What an operation says of the whole is said of the body."""
    return invalid(request, {"body" if name == "__all__" else name: texts for name, texts in error.errors.items()})


def _of_validation(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Never with what was sent, which may be a secret."""
    errors: dict[str, list[str]] = {}
    for one in error.errors:
        where = 2 if one["loc"][0] == "body" else 1  # a body has a name in our code
        steps = [str(step) for step in one["loc"][where:] if step not in TAGS]
        errors.setdefault(".".join(steps) or "body", []).append(one["msg"])
    return invalid(request, errors)
