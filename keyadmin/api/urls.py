"""URLs of the API. Every operation but those of `/api/token` needs a credential."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI

from keyadmin.api import errors, openapi
from keyadmin.api.auth import ApiRequest, Authenticator
from keyadmin.api.bodies import JsonParser, JsonRenderer
from keyadmin.api.docs import document_view
from keyadmin.api.resources import (
    allow_lists,
    api_keys,
    bots,
    channels,
    explain,
    history,
    invitations,
    keys,
    organisations,
    people,
    scopes,
    tiers,
    token,
    verify,
    whoami,
)
from keyadmin.api.retry import LockTimeoutRetry
from keyadmin.conf import conf

_authenticate = Authenticator()
_retry = LockTimeoutRetry(max_concurrent=max(1, conf.threads // 4))

api = NinjaAPI(
    title="keyadmin",
    version="1",
    description=openapi.DESCRIPTION,
    servers=[{"url": "/"}],
    docs_url=None,
    openapi_url=None,
    urls_namespace="api",
    auth=_authenticate,
    parser=JsonParser(),
    renderer=JsonRenderer(),
)
errors.install(api)

#: In the order of the documentation.
_RESOURCES = (
    token,
    whoami,
    verify,
    api_keys,
    keys,
    allow_lists,
    bots,
    channels,
    organisations,
    people,
    invitations,
    tiers,
    scopes,
    history,
    explain,
)
for resource in _RESOURCES:
    api.add_router("", resource.router)


def _deny_without_caller(request: ApiRequest) -> HttpResponse | None:
    """Authenticate a request for which there is no operation. Return the response if it is denied, else None."""
    try:
        _authenticate(request)
    except Exception as error:
        return api.on_exception(request, error)
    return None


def _path_view(view: Callable[..., HttpResponse], *, is_public: bool) -> Callable[..., HttpResponse]:
    """Wrap django-ninja's view of a path. Without it, HEAD is unknown and a wrong method gets plain text."""

    @csrf_exempt
    @wraps(view)
    def respond(request: ApiRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        method, request.method = request.method, "GET" if request.method == "HEAD" else request.method
        try:
            response = _retry.run(lambda: view(request, *args, **kwargs))
        finally:
            request.method = method  # the server sends no body to HEAD
        if response.status_code != 405:
            return response
        denied = None if is_public else _deny_without_caller(request)
        allowed = ", ".join(sorted(response["Allow"].split(", "))).replace("GET", "GET, HEAD")
        return denied or errors.method_not_allowed(request, allowed)

    return respond


@csrf_exempt
def _not_found(request: ApiRequest) -> HttpResponse:
    """404 for an unknown path; without a credential 401, as for any other path."""
    return _deny_without_caller(request) or errors.not_found(request)


_public_url_names = {
    operation.url_name
    for resource in _RESOURCES
    for path_operations in resource.router.path_operations.values()
    for operation in path_operations.operations
    if operation.auth_param is None
}
_ninja_patterns, _app_name, _namespace = api.urls
_patterns: list[Any] = [pattern for pattern in _ninja_patterns if getattr(pattern, "name", "") != "api-root"]
for pattern in _patterns:
    pattern.callback = _path_view(pattern.callback, is_public=pattern.name in _public_url_names)

urlpatterns = [
    path("", (_patterns, _app_name, _namespace)),
    path("openapi.json", csrf_exempt(document_view(api))),
    re_path(r"^.*$", _not_found),
]
