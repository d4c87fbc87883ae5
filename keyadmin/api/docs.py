"""`/api/openapi.json`: the OpenAPI document with code samples. It needs no credential. `/api/docs` shows it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI

from keyadmin.api import errors, openapi, samples
from keyadmin.api.auth import site_url


def document_view(api: NinjaAPI) -> Callable[[HttpRequest], HttpResponse]:
    """The view of the document of this API."""

    def view(request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return errors.method_not_allowed(request, "GET, HEAD")
        document = samples.add_to(openapi.document(api), site_url(request))
        return JsonResponse(document, json_dumps_params={"ensure_ascii": False})

    return view
