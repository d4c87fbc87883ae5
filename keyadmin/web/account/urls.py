"""URLs of sign-in, sign-out, password reset and the profile."""

from allauth.account import views as allauth_views
from django.urls import path, re_path

from keyadmin.web.account import password_resets, profile
from keyadmin.web.people import invitations

#: Only the needed pages of django-allauth. There is no page to sign up.
urlpatterns = [
    path("account/login/", allauth_views.login, name="account_login"),
    path("account/logout/", allauth_views.logout, name="account_logout"),
    path("account/password/reset/", password_resets.request_reset, name="account_reset_password"),
    path("account/password/reset/done/", allauth_views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^account/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        password_resets.reset_password,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        allauth_views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("profile/", profile.profile, name="profile"),
    path("profile/theme/", profile.choose_theme, name="choose_theme"),
    path("profile/shortcuts/", profile.choose_shortcuts, name="choose_shortcuts"),
    path("profile/password/", profile.change_password, name="change_password"),
    path("profile/sign-out-everywhere/", profile.sign_out_everywhere, name="sign_out_everywhere"),
    path("welcome/<str:token>/", invitations.choose_password, name="choose_password"),
]
