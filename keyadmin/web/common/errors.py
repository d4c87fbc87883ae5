"""The error pages, and the responses to exceptions of operations."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.utils.translation import gettext
from django.views.decorators.csrf import requires_csrf_token

from keyadmin.core.errors import (
    BusyError,
    ConflictError,
    ForbiddenError,
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
        case OrganisationDisabledError():
            return htmx.error_response(request, 409, "organisation_disabled.html", error.message)
        case BusyError():
            return busy(request, error.message, error.retry_after)
        case ConflictError():
            return htmx.error_response(request, 409, "409.html", error.message)
        case _:
            return None


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
