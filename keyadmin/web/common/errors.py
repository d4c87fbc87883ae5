"""What pages answer when something is wrong."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.utils.translation import gettext
from django.views.decorators.csrf import requires_csrf_token

from keyadmin.core.errors import ConflictError, ForbiddenError, NotFoundError, OperationError
from keyadmin.operations.people.sign_in import seconds_left
from keyadmin.web.common import htmx
from keyadmin.web.common.preferences import theme_of
from keyadmin.web.keys.deleted import DeletedKeyError


def _away(request: HttpRequest) -> HttpResponse:
    """The database is away, or takes too long. Whether what was asked for has happened is not known."""
    page = "" if htmx.is_htmx(request) else loader.get_template("503.html").render({"theme": theme_of(request)})
    return HttpResponse(page, status=503, headers={"Retry-After": "2", "Cache-Control": "no-store"})


def of_operation(request: HttpRequest, error: OperationError) -> HttpResponse | None:
    """The answer to an operation's refusal; None for one that the view should have put on its form."""
    match error:
        case DeletedKeyError():
            return htmx.refuse(request, 404, "404.html", str(error))
        case NotFoundError():
            return htmx.refuse(request, 404, "404.html")
        case ForbiddenError():
            return htmx.refuse(request, 403, "403.html", str(error))
        case ConflictError():
            return htmx.refuse(request, 409, "409.html", str(error))
        case _:
            return None


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Short: what cannot be read, such as an unknown host, is no request of a page's reader."""
    return HttpResponse(gettext("Bad request."), status=400, content_type="text/plain; charset=utf-8")


@requires_csrf_token
def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return htmx.refuse(request, 403, "403.html")


@requires_csrf_token
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return htmx.refuse(request, 404, "404.html")


def too_many(request: HttpRequest) -> HttpResponse:
    """A limit of sign-in or password reset is reached."""
    seconds = seconds_left(request)
    message = htmx.too_many_words(seconds)
    response = htmx.refuse(request, 429, "429.html", message, retry_after=seconds)
    response["Retry-After"] = str(seconds)
    return response


def broken(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Rendered without context processors: the database may be what is broken."""
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        return _away(request)
    if htmx.is_htmx(request):
        return HttpResponse(status=500)
    page = loader.get_template("500.html").render({"theme": theme_of(request)})
    return HttpResponse(page, status=500)
