"""URLs of history."""

from django.urls import path

from keyadmin.web.history import views

app_name = "history"

urlpatterns = [
    path("", views.list_, name="list"),
    path("new/", views.new, name="new"),
    path("export/", views.export, name="export"),
    path("verify/", views.verify, name="verify"),
    path("<int:number>/", views.event, name="event"),
]
