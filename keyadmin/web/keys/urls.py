"""Pages of API keys."""

from django.urls import path

from keyadmin.web.keys import bulk, denials, detail, edit, secrets, views

app_name = "keys"

urlpatterns = [
    path("", views.list_, name="list"),
    path("create/", views.create, name="create"),
    path("create/limits/", views.limits, name="limits"),
    path("revoke/", bulk.revoke, name="revoke-many"),
    path("<uuid:key>/", detail.detail, name="detail"),
    path("<uuid:key>/refused/", denials.page, name="refused"),
    path("<uuid:key>/edit/", edit.edit, name="edit"),
    path("<uuid:key>/description/", edit.description, name="description"),
    path("<uuid:key>/regenerate/", secrets.regenerate, name="regenerate"),
    path("<uuid:key>/end-grace/", secrets.end_grace, name="end-grace"),
    path("<uuid:key>/revoke/", views.revoke, name="revoke"),
    path("<uuid:key>/reactivate/", views.reactivate, name="reactivate"),
    path("<uuid:key>/delete/", views.delete, name="delete"),
]
