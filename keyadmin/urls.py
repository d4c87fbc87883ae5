"""Where the doors are mounted."""

from django.urls import include, path

urlpatterns = [
    path("account/", include("allauth.urls")),
]
