"""The pages."""

from allauth.account import views as account
from django.urls import include, path, re_path

from keyadmin.web import (
    history,
    home,
    keys,
    sign_ins,  # noqa: F401 - receives the library's signals
)

keys_urls = [
    path("", keys.list_, name="list"),
    path("create/", keys.create, name="create"),
    path("<uuid:key>/", keys.detail, name="detail"),
    path("<uuid:key>/revoke/", keys.revoke, name="revoke"),
    path("<uuid:key>/reactivate/", keys.reactivate, name="reactivate"),
    path("<uuid:key>/delete/", keys.delete, name="delete"),
]

history_urls = [
    path("", history.list_, name="list"),
    path("<int:number>/", history.event, name="event"),
]

#: What of django-allauth has a page here. Nobody signs up by themselves.
account_urls = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("password/reset/", account.password_reset, name="account_reset_password"),
    path("password/reset/done/", account.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
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
    path("keys/", include((keys_urls, "keys"))),
    path("history/", include((history_urls, "history"))),
    path("account/", include(account_urls)),
]
