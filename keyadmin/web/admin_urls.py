"""The pages of administration: people, permissions, channels, tiers, settings; and of everybody's own profile."""

from django.urls import include, path, re_path

from keyadmin.web import channels, invitations, organisation_settings, people, person_acts, profile, scopes, tiers

people_urls = [
    path("", people.list_, name="list"),
    path("invite/", invitations.invite, name="invite"),
    path("<uuid:person>/", people.detail, name="detail"),
    path("<uuid:person>/edit/", person_acts.edit, name="edit"),
    path("<uuid:person>/link/", invitations.link, name="link"),
    path("<uuid:person>/system-role/", person_acts.system_role, name="system_role"),
    path("<uuid:person>/roles/add/", person_acts.add_role, name="add_role"),
    path("<uuid:person>/roles/<uuid:organisation>/", person_acts.role, name="role"),
    path("<uuid:person>/roles/<uuid:organisation>/remove/", person_acts.remove_role, name="remove_role"),
    path("<uuid:person>/deactivate/", person_acts.deactivate, name="deactivate"),
    path("<uuid:person>/reactivate/", person_acts.reactivate, name="reactivate"),
]

permissions_urls = [
    path("", scopes.list_, name="list"),
    path("create/", scopes.create, name="create"),
    re_path(r"^(?P<name>[a-z:-]{1,60})/edit/$", scopes.edit, name="edit"),
    re_path(r"^(?P<name>[a-z:-]{1,60})/remove/$", scopes.remove, name="remove"),
]

channels_urls = [
    path("", channels.list_, name="list"),
    path("create/", channels.create, name="create"),
    path("<uuid:channel>/rename/", channels.rename, name="rename"),
    path("<uuid:channel>/remove/", channels.remove, name="remove"),
]

tiers_urls = [
    path("", tiers.list_, name="list"),
    path("create/", tiers.create, name="create"),
    path("<uuid:tier>/edit/", tiers.edit, name="edit"),
    path("<uuid:tier>/remove/", tiers.remove, name="remove"),
]

urlpatterns = [
    path("people/", include((people_urls, "people"))),
    path("permissions/", include((permissions_urls, "permissions"))),
    path("channels/", include((channels_urls, "channels"))),
    path("tiers/", include((tiers_urls, "tiers"))),
    path("settings/", organisation_settings.edit, name="settings"),
    path("profile/", profile.profile, name="profile"),
    path("profile/theme/", profile.theme, name="choose_theme"),
    path("profile/shortcuts/", profile.choose_shortcuts, name="choose_shortcuts"),
    path("profile/password/", profile.password, name="change_password"),
    path("profile/sign-out-everywhere/", profile.sign_out_everywhere, name="sign_out_everywhere"),
    path("welcome/<str:token>/", invitations.choose, name="choose_password"),
]
