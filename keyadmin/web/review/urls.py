"""URLs of the review report."""

from django.urls import path

from keyadmin.web.review import views

app_name = "review"

urlpatterns = [
    path("", views.report, name="report"),
    path("export/", views.export, name="export"),
]
