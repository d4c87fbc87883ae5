"""URLs of permissions, channels and tiers."""

from django.urls import include, path, re_path

from keyadmin.web.catalogue import channels, scopes, tiers

permissions_urls = [
    path("", scopes.list_, name="list"),
    path("create/", scopes.create, name="create"),
    re_path(r"^(?P<name>[a-z:-]{1,60})/edit/$", scopes.edit, name="edit"),
    re_path(r"^(?P<name>[a-z:-]{1,60})/remove/$", scopes.remove, name="remove"),
]

channels_urls = [
    path("", channels.list_, name="list"),
    path("create/", channels.create, name="create"),
    path("<uuid:channel_id>/rename/", channels.rename, name="rename"),
    path("<uuid:channel_id>/remove/", channels.remove, name="remove"),
]

tiers_urls = [
    path("", tiers.list_, name="list"),
    path("create/", tiers.create, name="create"),
    path("<uuid:tier_id>/edit/", tiers.edit, name="edit"),
    path("<uuid:tier_id>/remove/", tiers.remove, name="remove"),
]

urlpatterns = [
    path("permissions/", include((permissions_urls, "permissions"))),
    path("channels/", include((channels_urls, "channels"))),
    path("tiers/", include((tiers_urls, "tiers"))),
]
