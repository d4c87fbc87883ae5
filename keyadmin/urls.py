"""URLs of the API and of the pages, and the handlers of errors outside their views."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from keyadmin.api import errors as problems
from keyadmin.conf import conf
from keyadmin.web.api_docs import views as api_docs
from keyadmin.web.common import errors

urlpatterns = [
    path(f"{conf.api_prefix.lstrip('/')}docs", api_docs.page, name="api-docs"),
    path(conf.api_prefix.lstrip("/"), include("keyadmin.api.urls")),
    path("", include("keyadmin.web.urls")),
]


def _api_or_page(
    for_api: Callable[..., HttpResponse], for_pages: Callable[..., HttpResponse]
) -> Callable[..., HttpResponse]:
    """A handler that responds to requests under the API prefix with `for_api`, and to all others with `for_pages`."""

    def handler(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
        is_api = request.path_info.startswith(conf.api_prefix)
        arguments = () if exception is None else (exception,)
        return for_api(request, *arguments) if is_api else for_pages(request, *arguments)

    return handler


handler400 = _api_or_page(problems.bad_request, errors.bad_request)
handler403 = _api_or_page(problems.forbidden, errors.forbidden)
handler404 = _api_or_page(problems.not_found, errors.not_found)
handler500 = _api_or_page(problems.server_error, errors.server_error)
#: Called by django-allauth.
handler429 = errors.too_many_attempts
