"""The trivial view."""

from django.http import HttpRequest, JsonResponse


def chats(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})
