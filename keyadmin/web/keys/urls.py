"""Pages of API keys."""

from django.urls import path

from keyadmin.web.keys import bulk_revocation, create_edit, csv_file, detail, dialogs, key_list, revoke_many

app_name = "keys"

urlpatterns = [
    path("", key_list.list_, name="list"),
    path("export/", csv_file.export, name="export"),
    path("create/", create_edit.create, name="create"),
    path("create/limits/", create_edit.limits, name="limits"),
    path("create/preview/", create_edit.preview, name="preview"),
    path("revoke/", revoke_many.dialog, name="revoke-many"),
    path("revoke/<uuid:revocation>/", bulk_revocation.page, name="bulk-revocation"),
    path("revoke/<uuid:revocation>/stop/", bulk_revocation.stop, name="stop-bulk-revocation"),
    path("revoke/<uuid:revocation>/csv/", bulk_revocation.csv, name="bulk-revocation-csv"),
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
