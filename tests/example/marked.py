"""Views with `requires()`; none of them is in the catalogue."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from keyadmin.integrations.django import KeyRequest, requires
from tests.example.views import echo


@csrf_exempt
@requires("chats:read")
def reads(request: KeyRequest, **arguments: Any) -> HttpResponse:
    return echo(request, **arguments)


@requires("chats:read", "contacts:manage")
@csrf_exempt
async def reads_async(request: KeyRequest, **arguments: Any) -> HttpResponse:
    return echo(request, **arguments)


@method_decorator([csrf_exempt, requires("chats:read")], name="dispatch")
class Reads(View):
    def get(self, request: KeyRequest, **arguments: Any) -> HttpResponse:
        return echo(request)


@method_decorator(requires("chats:read"), name="dispatch")
class ReadsAsync(View):
    async def get(self, request: KeyRequest, **arguments: Any) -> HttpResponse:
        return echo(request)


@method_decorator(csrf_exempt, name="dispatch")
class ByMethod(View):
    @method_decorator(requires("chats:read"))
    def get(self, request: KeyRequest, **arguments: Any) -> HttpResponse:
        return echo(request)

    @method_decorator(requires("contacts:manage"))
    def post(self, request: KeyRequest, **arguments: Any) -> HttpResponse:
        return echo(request)


class Wrongly(View):
    @requires("chats:read")  # a method is not a view: without method_decorator the request is not the first argument
    def get(self, request: KeyRequest, **arguments: Any) -> HttpResponse:
        return echo(request)


def hides_requirement(request: KeyRequest) -> HttpResponse:
    response: HttpResponse = reads(request)
    return response


def unmarked(request: KeyRequest, **arguments: Any) -> HttpResponse:
    return echo(request, **arguments)


@requires()
def explodes(request: KeyRequest) -> HttpResponse:
    """Raise an error whose message contains the secret."""
    secret = request.headers["X-API-Key"]
    raise ValueError(f"cannot read {secret}", {"key": secret, "query": request.GET.dict()}, request.body)


def who(request: KeyRequest) -> JsonResponse:
    """Needs no key: not under a closed prefix, not decorated."""
    return JsonResponse({"caller": hasattr(request, "caller")})


inner = [path("deep", unmarked), path("own", reads), path("by-method", ByMethod.as_view())]
shop = [
    path("list", unmarked),
    path("async", reads_async),
    path("class", Wrongly.as_view()),
    path("<slug:aisle>/", include(inner)),
]

urlpatterns = [
    path("sync", reads),
    path("async", reads_async),
    path("class", Reads.as_view()),
    path("class-async", ReadsAsync.as_view()),
    path("by-method", ByMethod.as_view()),
    path("any", requires()(unmarked)),
    path("header", requires("chats:read", channel_header=True)(unmarked)),
    path("channels/<slug:which>/x", requires("chats:read", channel_kwarg="which")(unmarked)),
    path("wrongly", Wrongly.as_view()),
    path("hidden", hides_requirement),
    path("explodes", csrf_exempt(explodes)),
    path("shop/", requires("templates:read")(include((shop, "shop"), namespace="shop"))),
    path("list/", include(requires("templates:read")(shop))),
]
