"""The API. Its paths are closed by the call path's middleware before anything here is reached."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI

from keyadmin.api import errors
from keyadmin.api.bodies import StrictParser
from keyadmin.api.docs import Docs
from keyadmin.api.resources import (
    allow_lists,
    api_keys,
    bots,
    channels,
    explain,
    history,
    key_usage,
    keys,
    organisations,
    people,
    scopes,
    tiers,
    token,
    verify,
    whoami,
)
from keyadmin.api.retry import patiently

api = NinjaAPI(
    title="keyadmin", version="1", docs_url=None, openapi_url=None, urls_namespace="api", parser=StrictParser()
)
errors.install(api)
for noun in (
    token,
    whoami,
    verify,
    api_keys,
    keys,
    key_usage,
    allow_lists,
    bots,
    channels,
    organisations,
    people,
    tiers,
    scopes,
    history,
    explain,
):
    api.add_router("", noun.router)


def _answering(view: Any) -> Callable[..., HttpResponse]:
    """ninja knows no HEAD, and answers a wrong method in plain text."""

    @csrf_exempt
    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        method, request.method = request.method, "GET" if request.method == "HEAD" else request.method
        try:
            response = patiently(lambda: view(request, *args, **kwargs))  # to HEAD the server sends no body
        finally:
            request.method = method
        if response.status_code != 405:
            return response
        return errors.not_allowed(request, response["Allow"].replace("GET", "GET, HEAD"))

    return answered


def _marked(view: Any, *, is_open: bool) -> Any:
    """Says to `people_tokens.py` that the view is keyadmin's, and whether it asks for no credential."""
    view.is_keyadmins, view.is_open = True, is_open
    return view


#: Endpoints that ask for no credential, by name.
_OPEN = {"token", "token-refresh", "token-revoke"}

found, app_name, namespace = api.urls
patterns: list[Any] = [one for one in found if getattr(one, "name", "") != "api-root"]
for pattern in patterns:
    pattern.callback = _marked(_answering(pattern.callback), is_open=pattern.name in _OPEN)

docs = Docs(api)

urlpatterns = [
    path("", (patterns, app_name, namespace)),
    path("openapi.json", _marked(csrf_exempt(docs.document), is_open=True)),
    path("docs", _marked(csrf_exempt(docs.page), is_open=True)),
    re_path(r"^.*$", _marked(csrf_exempt(errors.not_found), is_open=False)),
]
