"""URLs of sign-in, sign-out, password reset and the profile."""

from allauth.account import views as allauth_views
from django.urls import path

from keyadmin.web.account import own_invitations, password_resets, profile
from keyadmin.web.people import invitations

#: Only the needed pages of django-allauth. There is no page to sign up.
urlpatterns = [
    path("account/login/", allauth_views.login, name="account_login"),
    path("account/logout/", allauth_views.logout, name="account_logout"),
    path("account/session/", profile.resume_session, name="resume_session"),
    path("account/password/reset/", password_resets.request_reset, name="account_reset_password"),
    path("account/password/reset/done/", password_resets.reset_requested, name="account_reset_password_done"),
    path("profile/", profile.profile, name="profile"),
    path("profile/theme/", profile.choose_theme, name="choose_theme"),
    path("profile/shortcuts/", profile.choose_shortcuts, name="choose_shortcuts"),
    path("profile/password/", profile.change_password, name="change_password"),
    path("profile/sign-out-everywhere/", profile.sign_out_everywhere, name="sign_out_everywhere"),
    path("profile/confirm-email/", own_invitations.confirm_email, name="confirm_email"),
    path("profile/organisations/<uuid:organisation_id>/leave/", own_invitations.leave, name="leave"),
    path("invitations/", own_invitations.list_, name="invitations"),
    path("invitations/<uuid:invitation_id>/accept/", own_invitations.accept, name="accept_invitation"),
    path("invitations/<uuid:invitation_id>/decline/", own_invitations.decline, name="decline_invitation"),
    path("welcome/<str:token>/", invitations.choose_password, name="choose_password"),
]
