"""Pages of bots."""

from django.urls import path

from keyadmin.web.bots import views

app_name = "bots"

urlpatterns = [
    path("", views.list_, name="list"),
    path("create/", views.create, name="create"),
    path("<uuid:bot>/", views.detail, name="detail"),
    path("<uuid:bot>/advanced/", views.detail, {"tab": "advanced"}, name="advanced"),
    path("<uuid:bot>/edit/", views.edit, name="edit"),
    path("<uuid:bot>/description/", views.description, name="description"),
    path("<uuid:bot>/disable/", views.disable, name="disable"),
    path("<uuid:bot>/enable/", views.enable, name="enable"),
    path("<uuid:bot>/keys/create/", views.create_key, name="create-key"),
]
