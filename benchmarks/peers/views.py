"""The trivial view behind each peer."""

import hashlib
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from knox.auth import TokenAuthentication as KnoxAuthentication
from rest_framework.authentication import TokenAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_api_key.models import APIKey
from rest_framework_api_key.permissions import HasAPIKey


class _Chats(APIView):
    def get(self, request: HttpRequest) -> Response:
        return Response({"status": "ok"})


def _view(*, authentication: Any = None, permission: Any) -> Callable[..., HttpResponse]:
    attributes = {
        "authentication_classes": [authentication] if authentication else [],
        "permission_classes": [permission],
    }
    return type("Chats", (_Chats,), attributes).as_view()


def handwritten(request: HttpRequest) -> HttpResponse:
    """A SHA-256 look-up with the ORM in a column of a peer's table, and nothing else."""
    digest = hashlib.sha256(request.headers["X-Api-Key"].encode()).hexdigest()
    if not APIKey.objects.filter(name=digest[:50], revoked=False).exists():
        return HttpResponse(status=401)
    return JsonResponse({"status": "ok"})


VIEWS = {
    "djangorestframework-api-key": _view(permission=HasAPIKey),
    "DRF TokenAuthentication": _view(authentication=TokenAuthentication, permission=IsAuthenticated),
    "django-rest-knox": _view(authentication=KnoxAuthentication, permission=IsAuthenticated),
    "SHA-256 look-up by the ORM, hand-written": handwritten,
}
