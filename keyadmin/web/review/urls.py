"""The review report."""

from django.urls import path

from keyadmin.web.review import export, views

app_name = "review"

urlpatterns = [
    path("", views.report, name="report"),
    path("export/", export.export, name="export"),
]
