"""People and their roles."""

from django.urls import path

from keyadmin.web.people import actions, invitations, views

app_name = "people"

urlpatterns = [
    path("", views.list_, name="list"),
    path("invite/", invitations.invite, name="invite"),
    path("<uuid:person>/", views.detail, name="detail"),
    path("<uuid:person>/edit/", actions.edit, name="edit"),
    path("<uuid:person>/link/", invitations.link, name="link"),
    path("<uuid:person>/system-role/", actions.system_role, name="system_role"),
    path("<uuid:person>/roles/add/", actions.add_role, name="add_role"),
    path("<uuid:person>/roles/<uuid:organisation>/", actions.role, name="role"),
    path("<uuid:person>/roles/<uuid:organisation>/remove/", actions.remove_role, name="remove_role"),
    path("<uuid:person>/deactivate/", actions.deactivate, name="deactivate"),
    path("<uuid:person>/reactivate/", actions.reactivate, name="reactivate"),
]
