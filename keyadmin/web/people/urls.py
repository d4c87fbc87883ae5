"""URLs of people and roles."""

from django.urls import path

from keyadmin.web.people import actions, invitations, views

app_name = "people"

urlpatterns = [
    path("", views.list_, name="list"),
    path("invite/", invitations.invite, name="invite"),
    path("<uuid:person_id>/", views.detail, name="detail"),
    path("<uuid:person_id>/edit/", actions.edit, name="edit"),
    path("<uuid:person_id>/link/", invitations.create_link, name="link"),
    path("<uuid:person_id>/system-role/", actions.set_system_role, name="system_role"),
    path("<uuid:person_id>/roles/add/", actions.add_role, name="add_role"),
    path("<uuid:person_id>/roles/<uuid:organisation_id>/", actions.change_role, name="role"),
    path("<uuid:person_id>/roles/<uuid:organisation_id>/remove/", actions.remove_role, name="remove_role"),
    path("<uuid:person_id>/deactivate/", actions.deactivate, name="deactivate"),
    path("<uuid:person_id>/reactivate/", actions.reactivate, name="reactivate"),
]
