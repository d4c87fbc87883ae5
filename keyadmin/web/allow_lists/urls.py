"""IP allow-lists of bots and keys."""

from django.urls import path

from keyadmin.web.allow_lists import views

app_name = "networks"

urlpatterns = [
    path("bots/<uuid:bot>/networks/", views.of_bot, name="of-bot"),
    path("bots/<uuid:bot>/networks/check/", views.check_bot, name="check-bot"),
    path("keys/<uuid:key>/networks/", views.of_key, name="of-key"),
    path("keys/<uuid:key>/networks/check/", views.check_key, name="check-key"),
    path("networks/draft/", views.draft, name="draft"),
    path("networks/draft/check/", views.check_draft, name="check-draft"),
    path("networks/<uuid:entry>/", views.entry, name="entry"),
    path("networks/<uuid:entry>/remove/", views.remove, name="remove"),
]
