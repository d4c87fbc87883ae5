"""URLs of organisations."""

from django.urls import path

from keyadmin.web.organisations import views

app_name = "organisations"

urlpatterns = [
    path("", views.list_, name="list"),
    path("create/", views.create, name="create"),
    path("<slug:slug>/", views.detail, name="detail"),
    path("<slug:slug>/edit/", views.edit, name="edit"),
    path("<slug:slug>/disable/", views.disable, name="disable"),
    path("<slug:slug>/enable/", views.enable, name="enable"),
    path("<slug:slug>/public-key/", views.generate, name="generate"),
]
