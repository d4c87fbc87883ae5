"""Where the doors are mounted, and who answers when none of their views does."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from keyadmin.api import errors as problems
from keyadmin.conf import conf
from keyadmin.web.common import errors

urlpatterns = [
    path(conf.api_prefix.lstrip("/"), include("keyadmin.api.urls")),
    path("", include("keyadmin.web.urls")),
]


def _by_door(
    for_api: Callable[..., HttpResponse], for_pages: Callable[..., HttpResponse]
) -> Callable[..., HttpResponse]:
    def handler(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
        is_api = request.path_info.startswith(conf.api_prefix)
        given = () if exception is None else (exception,)
        return for_api(request, *given) if is_api else for_pages(request, *given)

    return handler


handler400 = _by_door(problems.bad_request, errors.bad_request)
handler403 = _by_door(problems.forbidden, errors.forbidden)
handler404 = _by_door(problems.not_found, errors.not_found)
handler500 = _by_door(problems.server_error, errors.server_error)
#: Called by django-allauth.
handler429 = errors.too_many_attempts
