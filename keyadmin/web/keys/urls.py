"""Pages of API keys."""

from django.urls import path

from keyadmin.web.keys import create_edit, detail, dialogs, key_list

app_name = "keys"

urlpatterns = [
    path("", key_list.list_, name="list"),
    path("create/", create_edit.create, name="create"),
    path("create/limits/", create_edit.limits, name="limits"),
    path("create/preview/", create_edit.preview, name="preview"),
    path("revoke/", dialogs.revoke_many, name="revoke-many"),
    path("<uuid:key>/", detail.detail, name="detail"),
    path("<uuid:key>/denied/", detail.denied_requests, name="denied-requests"),
    path("<uuid:key>/edit/", create_edit.edit, name="edit"),
    path("<uuid:key>/edit/preview/", create_edit.preview_edit, name="preview-edit"),
    path("<uuid:key>/description/", detail.description, name="description"),
    path("<uuid:key>/regenerate/", dialogs.regenerate, name="regenerate"),
    path("<uuid:key>/end-grace/", dialogs.end_grace, name="end-grace"),
    path("<uuid:key>/revoke/", dialogs.revoke, name="revoke"),
    path("<uuid:key>/reactivate/", dialogs.reactivate, name="reactivate"),
    path("<uuid:key>/delete/", dialogs.delete, name="delete"),
]
