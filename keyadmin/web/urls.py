"""The pages."""

from allauth.account import views as account
from django.urls import include, path, re_path

from keyadmin.web import (
    admin_urls,
    bot_keys,
    bots,
    explain,
    history,
    history_exports,
    home,
    key_bulk,
    key_edits,
    key_page,
    key_secrets,
    keys,
    networks,
    organisations,
    password_resets,
    refusals,
    review,
    review_export,
    security,
    sign_ins,  # noqa: F401 - receives the library's signals
    usage,
)

keys_urls = [
    path("", keys.list_, name="list"),
    path("create/", keys.create, name="create"),
    path("create/limits/", keys.limits, name="limits"),
    path("revoke/", key_bulk.revoke, name="revoke-many"),
    path("<uuid:key>/", key_page.detail, name="detail"),
    path("<uuid:key>/refused/", refusals.page, name="refused"),
    path("<uuid:key>/edit/", key_edits.edit, name="edit"),
    path("<uuid:key>/description/", key_edits.description, name="description"),
    path("<uuid:key>/regenerate/", key_secrets.regenerate, name="regenerate"),
    path("<uuid:key>/end-grace/", key_secrets.end_grace, name="end-grace"),
    path("<uuid:key>/revoke/", keys.revoke, name="revoke"),
    path("<uuid:key>/reactivate/", keys.reactivate, name="reactivate"),
    path("<uuid:key>/delete/", keys.delete, name="delete"),
]

bots_urls = [
    path("", bots.list_, name="list"),
    path("create/", bots.create, name="create"),
    path("<uuid:bot>/", bots.detail, name="detail"),
    path("<uuid:bot>/advanced/", bots.detail, {"tab": "advanced"}, name="advanced"),
    path("<uuid:bot>/edit/", bots.edit, name="edit"),
    path("<uuid:bot>/description/", bots.description, name="description"),
    path("<uuid:bot>/disable/", bots.disable, name="disable"),
    path("<uuid:bot>/enable/", bots.enable, name="enable"),
    path("<uuid:bot>/keys/create/", bot_keys.create, name="create-key"),
]

networks_urls = [
    path("bots/<uuid:bot>/networks/", networks.of_bot, name="of-bot"),
    path("bots/<uuid:bot>/networks/check/", networks.check_bot, name="check-bot"),
    path("keys/<uuid:key>/networks/", networks.of_key, name="of-key"),
    path("keys/<uuid:key>/networks/check/", networks.check_key, name="check-key"),
    path("networks/<uuid:entry>/", networks.entry, name="entry"),
    path("networks/<uuid:entry>/remove/", networks.remove, name="remove"),
]

security_urls = [
    path("public-keys/", security.public_keys, name="public-keys"),
    path("allow-lists/", security.allow_lists, name="allow-lists"),
]

organisations_urls = [
    path("", organisations.list_, name="list"),
    path("create/", organisations.create, name="create"),
    path("<slug:slug>/", organisations.detail, name="detail"),
    path("<slug:slug>/edit/", organisations.edit, name="edit"),
    path("<slug:slug>/disable/", organisations.disable, name="disable"),
    path("<slug:slug>/enable/", organisations.enable, name="enable"),
    path("<slug:slug>/public-key/", organisations.generate, name="generate"),
]

history_urls = [
    path("", history.list_, name="list"),
    path("new/", history.new, name="new"),
    path("export/", history_exports.export, name="export"),
    path("<int:number>/", history.event, name="event"),
]

review_urls = [
    path("", review.report, name="report"),
    path("export/", review_export.export, name="export"),
]

#: What of django-allauth has a page here. Nobody signs up by themselves.
account_urls = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("password/reset/", password_resets.ask, name="account_reset_password"),
    path("password/reset/done/", account.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        password_resets.choose,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]

urlpatterns = [
    path("", home.home, name="home"),
    path("usage/", usage.page, name="usage"),
    path("explain/", explain.page, name="explain"),
    path("keys/", include((keys_urls, "keys"))),
    path("bots/", include((bots_urls, "bots"))),
    path("organisations/", include((organisations_urls, "organisations"))),
    path("security/", include((security_urls, "security"))),
    path("", include((networks_urls, "networks"))),
    path("history/", include((history_urls, "history"))),
    path("review/", include((review_urls, "review"))),
    *admin_urls.urlpatterns,
    path("account/", include(account_urls)),
]
