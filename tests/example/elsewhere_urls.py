"""URLs of the project whose settings are in `elsewhere`."""

from django.urls import include, path

from tests.example.marked import reads, who

urlpatterns = [
    path("v1/", include("tests.example.marked")),
    path("outside/marked", reads),
    path("outside/who", who),
]
