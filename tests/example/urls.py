"""An API of the project's own, and keyadmin's pages and API behind it."""

from django.urls import include, path, re_path

from keyadmin.urls import handler400, handler403, handler404, handler429, handler500
from tests.example.marked import reads
from tests.example.views import echo

__all__ = ["handler400", "handler403", "handler404", "handler429", "handler500", "urlpatterns"]

urlpatterns = [
    path("api/chats", echo),
    path("api/chats/<chat>", echo),
    path("api/chats/<chat>/messages", echo),
    path("api/channels/<slug:channel>/messages", echo),
    path("api/contacts", echo),
    path("api/contacts/<contact>", echo),
    path("api/export", echo),
    path("api/export/<path:what>", echo),
    path("api/templates", echo),
    path("api/marked/", include("tests.example.marked")),
    path("outside/marked", reads),
    # Every other path: if keyadmin wrongly allows such a call, it gets a response with status 200.
    re_path(r"^/*api/(?!whoami|verify)", echo),
    path("", include("keyadmin.urls")),
]
