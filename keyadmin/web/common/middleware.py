"""Rules for all pages: sign-in is required by default, responses are not stored, and operation errors have a page."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from keyadmin.conf import conf
from keyadmin.core.errors import OperationError
from keyadmin.web.common import errors, htmx, pasted_keys, preferences, querystring
from keyadmin.web.common.current_user import is_switchable

type View = Callable[..., HttpResponseBase]


class PageMiddleware(LoginRequiredMiddleware):
    """Apply the rules. Requests under the API prefix pass unchanged."""

    def __call__(self, request: HttpRequest) -> Any:
        if is_api(request):
            return self.get_response(request)
        return super().__call__(request)

    def process_view(self, request: HttpRequest, view_func: View, args: Any, kwargs: Any) -> HttpResponseBase | None:
        """Remove secrets and empty parameters from the URL.

        For htmx: load the sign-in page, which leads back. A form stays, and the sign-in opens over it.
        """
        if not is_api(request) and (url := pasted_keys.url_without_secrets(request)):
            return HttpResponseClientRedirect(url) if htmx.is_htmx(request) else HttpResponseRedirect(url)
        if not is_api(request) and (url := _url_without_empty_parameters(request)):
            return HttpResponseRedirect(url)
        redirect = None if is_api(request) else super().process_view(request, view_func, args, kwargs)
        if redirect is None or not htmx.is_htmx(request):
            return redirect
        if request.method == "POST":
            return errors.session_ended(request)
        query = urlencode({self.redirect_field_name: htmx.current_page_url(request)})
        return HttpResponseClientRedirect(f"{resolve_url(self.get_login_url(view_func))}?{query}")

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if is_api(request) or not isinstance(exception, OperationError):
            return None
        return errors.operation_error_response(request, exception)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if "no-store" not in response.get("Cache-Control", ""):
            response["Cache-Control"] = "no-store"
        patch_vary_headers(response, ["HX-Request", "Cookie"])
        if request.method == "GET" and response.status_code == 200 and is_switchable(request):
            preferences.remember_organisation(request, response)
        return response


def _url_without_empty_parameters(request: HttpRequest) -> str:
    """The URL of a visited page without empty parameters; "" if it has none."""
    query = request.META.get("QUERY_STRING", "")
    kept = querystring.without_empty(query)
    if request.method != "GET" or htmx.is_htmx(request) or kept == query:
        return ""
    return f"{request.path}?{kept}" if kept else request.path


def is_api(request: HttpRequest) -> bool:
    """Whether the request is one of the API, not of a page."""
    return request.path_info.startswith(conf.api_prefix)
