"""The error pages, and the responses to exceptions of operations."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.template import loader
from django.utils.translation import gettext
from django.views.decorators.csrf import requires_csrf_token
from django_htmx.http import reswap

from keyadmin.core.errors import (
    BusyError,
    ConflictError,
    ForbiddenError,
    InvalidFilterError,
    NotFoundError,
    OperationError,
    OrganisationDisabledError,
)
from keyadmin.operations.people.sign_in import seconds_left
from keyadmin.web.common import htmx
from keyadmin.web.common.preferences import get_theme


class DeletedKeyError(NotFoundError):
    """The key was deleted. The message says by whom and when. Only people who may read its history get it."""


def operation_error_response(request: HttpRequest, error: OperationError) -> HttpResponse | None:
    """The response to an error that an operation raised. None for one that the view must show on its form."""
    match error:
        case DeletedKeyError():
            return htmx.error_response(request, 404, "404.html", error.message)
        case NotFoundError():
            return htmx.error_response(request, 404, "404.html")
        case ForbiddenError():
            return htmx.error_response(request, 403, "403.html", error.message)
        case InvalidFilterError():
            return _invalid_filter(request, error)
        case OrganisationDisabledError():
            return htmx.error_response(request, 409, "organisation_disabled.html", error.message)
        case BusyError():
            return busy(request, error.message, error.retry_after)
        case ConflictError():
            return htmx.error_response(request, 409, "409.html", error.message)
        case _:
            return None


def _invalid_filter(request: HttpRequest, error: InvalidFilterError) -> HttpResponse:
    """422, with a link to the list without the parameters that are not valid."""
    query = request.GET.copy()
    for name in {"cursor", *error.errors}:
        query.pop(name, None)
    valid_url = f"{request.path}?{query.urlencode()}" if query else request.path
    return htmx.error_response(request, 422, "422.html", error.message, valid_url=valid_url)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Plain text, because such a request, for example with an unknown host name, does not come from a page."""
    return HttpResponse(
        gettext("Bad request. Check the address of the page and try again."),
        status=400,
        content_type="text/plain; charset=utf-8",
    )


@requires_csrf_token
def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return htmx.error_response(request, 403, "403.html")


def session_ended(request: HttpRequest) -> HttpResponse:
    """401 to a form of htmx whose session has ended: feedback.js asks to sign in, and sends the form again."""
    return reswap(HttpResponse(status=401, headers={"Keyadmin-Session": "ended"}), "none")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's response to a form from another origin, or without the CSRF token of the present session.

    htmx gets the present token, and feedback.js sends the form again. Only pages of this origin can read it.
    """
    if origin := _foreign_origin(request, reason):
        message = gettext(
            "Nothing was saved, because the browser sent this form from “%(origin)s”. Open keyadmin at %(own)s and try "
            "again. If that is the address you use, a system administrator can add it to KEYADMIN_TRUSTED_ORIGINS."
        )
        own = f"{request.scheme}://{request.get_host()}"
        return htmx.error_response(request, 403, "403.html", message % {"origin": origin, "own": own})
    user = getattr(request, "user", None)
    is_signed_in = user is not None and user.is_authenticated
    if not htmx.is_htmx(request):
        return render(request, "403_csrf.html", {"is_signed_in": is_signed_in}, status=403)
    if not is_signed_in:
        return session_ended(request)
    return reswap(HttpResponse(status=403, headers={"Keyadmin-CSRF-Token": get_token(request)}), "none")


def _foreign_origin(request: HttpRequest, reason: str) -> str:
    """The origin that the browser named, if Django rejected the request because of it; else ""."""
    if not reason.startswith(("Origin checking failed", "Referer checking failed")):
        return ""
    return request.headers.get("Origin") or request.headers.get("Referer") or gettext("an unknown address")


@requires_csrf_token
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return htmx.error_response(request, 404, "404.html")


def busy(request: HttpRequest, message: str, seconds: int) -> HttpResponse:
    """The response to what this process has no room for now."""
    response = htmx.error_response(request, 503, "503.html", message)
    response["Retry-After"] = str(seconds)
    return response


def too_many_attempts(request: HttpRequest) -> HttpResponse:
    """The response when a limit on sign-in or password reset is reached."""
    return too_many_attempts_response(request, seconds_left(request))


def too_many_attempts_response(request: HttpRequest, seconds: int, *, may_reset: bool = False) -> HttpResponse:
    """429, with the seconds after which the next attempt is possible.

    `may_reset`: a link to reset the password lets the person in at once.
    """
    message = gettext("Too many attempts. Try again in %(seconds)s seconds.") % {"seconds": seconds}
    response = htmx.error_response(request, 429, "429.html", message, retry_after=seconds, may_reset=may_reset)
    response["Retry-After"] = str(seconds)
    return response


def server_error(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """503 if the database is unavailable, else 500. Rendered without context processors: they read the database."""
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        return _database_unavailable(request)
    if htmx.is_htmx(request):
        return HttpResponse(status=500)
    page = loader.get_template("500.html").render({"theme": get_theme(request)})
    return HttpResponse(page, status=500)


def _database_unavailable(request: HttpRequest) -> HttpResponse:
    """503. The connection may have failed at the commit, so it is unknown whether the request changed anything."""
    page = "" if htmx.is_htmx(request) else loader.get_template("503.html").render({"theme": get_theme(request)})
    return HttpResponse(page, status=503, headers={"Retry-After": "2", "Cache-Control": "no-store"})
