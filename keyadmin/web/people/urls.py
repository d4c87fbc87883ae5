"""URLs of people and roles."""

from django.urls import path

from keyadmin.web.people import actions, invitations, views

app_name = "people"

urlpatterns = [
    path("", views.list_, name="list"),
    path("invite/", invitations.invite, name="invite"),
    path("invitations/<uuid:invitation_id>/link/", invitations.renew_invitation, name="renew_invitation"),
    path("invitations/<uuid:invitation_id>/withdraw/", invitations.withdraw_invitation, name="withdraw_invitation"),
    path("<uuid:person_id>/", views.detail, name="detail"),
    path("<uuid:person_id>/edit/", actions.edit, name="edit"),
    path("<uuid:person_id>/link/", invitations.create_link, name="link"),
    path("<uuid:person_id>/links/<uuid:link_id>/end/", invitations.end_link, name="end_link"),
    path("<uuid:person_id>/verify-email/", invitations.verify_email, name="verify_email"),
    path("<uuid:person_id>/system-role/", actions.set_system_role, name="system_role"),
    path("<uuid:person_id>/roles/add/", actions.add_role, name="add_role"),
    path("<uuid:person_id>/roles/<uuid:organisation_id>/", actions.change_role, name="role"),
    path("<uuid:person_id>/roles/<uuid:organisation_id>/remove/", actions.remove_role, name="remove_role"),
    path("<uuid:person_id>/deactivate/", actions.deactivate, name="deactivate"),
    path("<uuid:person_id>/reactivate/", actions.reactivate, name="reactivate"),
]
