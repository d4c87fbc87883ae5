"""Dialogs that change a person: edit, roles, deactivate, reactivate."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from keyadmin.core.errors import ConflictError, InvalidInputError, NotFoundError
from keyadmin.forms.base import OperationForm
from keyadmin.forms.people import AddRoleForm, PersonForm, RoleForm, SystemRoleForm
from keyadmin.models import Key, Person, Role
from keyadmin.operations import people, policy
from keyadmin.operations.people import invitations
from keyadmin.operations.people import rows as people_rows
from keyadmin.operations.policy import Permission
from keyadmin.web.common import actors, capped_count, htmx
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user
from keyadmin.web.people.views import get_person_or_404, managed_organisations

_require_form_methods = require_http_methods(["GET", "HEAD", "POST"])


@_require_form_methods
def edit(request: PageRequest, person_id: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    person = get_manageable_person(user, person_id)
    initial = {"name": person.name, "email": person.email}
    form = PersonForm(htmx.submitted(request), initial=initial, may_change_email=person.may["email"])
    if form.is_valid():
        try:
            people.edit(actor=user.actor, person=person.id, base_url=actors.site_url(request), **form.cleaned_data)
        except InvalidInputError as error:
            form.add_operation_errors(error)
        except ConflictError as error:
            form.add_error(None, error.message)
        else:
            is_requested = not user.is_administrator and form.cleaned_data.get("email", person.email) != person.email
            saved, requested = gettext("Person changed"), gettext("We sent a link to the new address.")
            return _close(request, person, requested if is_requested else saved)
    return _dialog(request, "people/edit.html", person, form, reverse("people:edit", args=[person.id]))


@_require_form_methods
def add_role(request: PageRequest, person_id: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    person = get_person_or_404(user, person_id)
    taken = {membership.organisation_id for membership in person.visible_memberships}
    organisations = [organisation for organisation in managed_organisations(user) if organisation.id not in taken]
    if not organisations:
        raise policy.forbidden(Permission.MANAGE_PEOPLE, Permission.MANAGE_PEOPLE, None)
    form = AddRoleForm(htmx.submitted(request), organisations=organisations, initial={"role": Role.MEMBER})
    if form.is_valid():
        try:
            invitations.invite(
                actor=user.actor,
                email=person.email,
                name=person.name,
                base_url=actors.site_url(request),
                **form.cleaned_data,
            )
        except InvalidInputError as error:
            form.add_operation_errors(error)
        except ConflictError as error:
            form.add_error(None, error.message)
        else:
            return _close(request, person, gettext("Invited. The role counts when they accept."))
    return _dialog(request, "people/add_role.html", person, form, reverse("people:add_role", args=[person.id]))


@_require_form_methods
def change_role(request: PageRequest, person_id: UUID, organisation_id: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    person, membership = _get_managed_membership(user, person_id, organisation_id)
    form = RoleForm(htmx.submitted(request), initial={"role": membership.role})
    if form.is_valid():
        role = form.cleaned_data["role"]
        try:
            people.set_role(actor=user.actor, person=person.id, organisation=organisation_id, role=role)
        except InvalidInputError as error:
            form.add_operation_errors(error)
        else:
            return _close(request, person, gettext("Role changed"))
    action = reverse("people:role", args=[person.id, organisation_id])
    return _dialog(request, "people/role.html", person, form, action, membership=membership)


@_require_form_methods
def remove_role(request: PageRequest, person_id: UUID, organisation_id: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    person, membership = _get_managed_membership(user, person_id, organisation_id)
    if request.method == "POST":
        people.remove_role(actor=user.actor, person=person.id, organisation=organisation_id)
        message = gettext("%(person)s removed from %(organisation)s")
        message %= {"person": person, "organisation": membership.organisation}
        if Person.objects.visible_to(user.actor).filter(id=person.id).exists():
            return _close(request, person, message)
        return htmx.redirect_to(request, message, reverse("people:list"))
    action = reverse("people:remove_role", args=[person.id, organisation_id])
    keys = _count_working_keys(user, person, organisation_id)
    template = "people/remove_role.html"
    return _dialog(request, template, person, OperationForm(None), action, membership=membership, keys=keys)


@_require_form_methods
def set_system_role(request: PageRequest, person_id: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    person = get_person_or_404(user, person_id)
    policy.require(user.actor, Permission.MANAGE_SYSTEM_ROLES, None)
    form = SystemRoleForm(htmx.submitted(request), initial={"system_role": person.system_role})
    if form.is_valid():
        try:
            people.set_system_role(actor=user.actor, person=person.id, **form.cleaned_data)
        except InvalidInputError as error:
            form.add_operation_errors(error)
        except ConflictError as error:
            form.add_error("system_role", error.message)
        else:
            return _close(request, person, gettext("System role changed"))
    return _dialog(request, "people/system_role.html", person, form, reverse("people:system_role", args=[person.id]))


@_require_form_methods
def deactivate(request: PageRequest, person_id: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    person = get_manageable_person(user, person_id)
    people.require_state_change(person, active=False)
    form = OperationForm(htmx.submitted(request))
    if form.is_valid():
        try:
            people.deactivate(actor=user.actor, person=person.id)
        except ConflictError as error:
            form.add_error(None, error.message)
        else:
            return _close(request, person, gettext("%(person)s deactivated") % {"person": person})
    return _dialog(
        request,
        "people/deactivate.html",
        person,
        form,
        reverse("people:deactivate", args=[person.id]),
        keys=_count_working_keys(user, person),
        is_last=people_rows.is_last_administrator(person),
    )


@_require_form_methods
def reactivate(request: PageRequest, person_id: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    person = get_manageable_person(user, person_id)
    people.require_state_change(person, active=True)
    if request.method == "POST":
        people.reactivate(actor=user.actor, person=person.id)
        return _close(request, person, gettext("%(person)s reactivated") % {"person": person})
    action = reverse("people:reactivate", args=[person.id])
    return _dialog(request, "people/reactivate.html", person, OperationForm(None), action)


def get_manageable_person(user: CurrentUser, person_id: UUID) -> Any:
    """The person, as from `get_person_or_404`. Raises ForbiddenError if the user may see but not manage them."""
    person = get_person_or_404(user, person_id)
    if not person.may["edit"]:
        people_rows.require_authority_over(user.actor, person)
    return person


def person_url(person: Person) -> str:
    """The URL of the person's page."""
    return reverse("people:detail", args=[person.id])


def _get_managed_membership(user: CurrentUser, person_id: UUID, organisation_id: UUID) -> tuple[Any, Any]:
    """The person and their membership of the organisation.

    Raises NotFoundError if the user may not see either, and ForbiddenError if they may not change the role.
    """
    person = get_person_or_404(user, person_id)
    membership = next((m for m in person.visible_memberships if m.organisation_id == organisation_id), None)
    if membership is None:
        raise NotFoundError
    policy.require(user.actor, Permission.MANAGE_PEOPLE, membership.organisation)
    return person, membership


def _count_working_keys(user: CurrentUser, person: Person, organisation_id: UUID | None = None) -> dict[str, Any]:
    """The usable keys that the person created: {"keep", "lose"}, each {"count": int, "words": formatted count}.

    Keys with permissions of their own keep them. Keys with full access lose what the person loses.
    """
    keys = Key.objects.visible_to(user.actor).usable().filter(creator=person.id)
    if organisation_id is not None:
        keys = keys.filter(organisation=organisation_id)
    counts = capped_count.capped_counts({"keep": keys.filter(inherits=False), "lose": keys.filter(inherits=True)})
    return {name: {"count": count, "words": capped_count.format_count(count)} for name, count in counts.items()}


def _close(request: PageRequest, person: Person, message: str) -> HttpResponseBase:
    """Reload the page that the dialog was opened from: the list of people or the person's page."""
    list_url = reverse("people:list")
    is_on_list = htmx.is_htmx(request) and htmx.current_page_url(request).partition("?")[0] == list_url
    return htmx.redirect_to(request, message, list_url if is_on_list else person_url(person))


def _dialog(
    request: PageRequest, template: str, person: Person, form: OperationForm, action: str, **context: Any
) -> HttpResponse:
    values = {"person": person, "form": form, "action": action, "back_url": person_url(person), "section": "people"}
    return render(request, template, values | context, status=htmx.form_status(form))
