"""What is done about a person: edit, give and take roles, deactivate, reactivate."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from keyadmin.core.errors import ConflictError, InvalidInputError, NotFoundError
from keyadmin.forms.base import OperationForm
from keyadmin.forms.people import AddRoleForm, PersonForm, RoleForm, SystemRoleForm
from keyadmin.models import Key, Person, Role
from keyadmin.operations import people as operations
from keyadmin.operations import policy
from keyadmin.operations.people import rows as rules
from keyadmin.operations.policy import Permission
from keyadmin.web.common import capped_count, htmx
from keyadmin.web.common.current_user import CurrentUser, get_current_user
from keyadmin.web.people import table
from keyadmin.web.people.views import visible

_FORM = require_http_methods(["GET", "HEAD", "POST"])


@_FORM
def edit(request: HttpRequest, person: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = managed(user, person)
    form = PersonForm(_sent(request), initial={"name": row.name, "email": row.email})
    if form.is_valid():
        try:
            operations.edit(actor=user.actor, person=row.id, **form.cleaned_data)
        except InvalidInputError as error:
            form.refuse(error)
        else:
            return done(request, row, gettext("Person changed"))
    return _dialog(request, "people/edit.html", row, form, action="edit")


@_FORM
def add_role(request: HttpRequest, person: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = visible(user, person)
    taken = {membership.organisation_id for membership in row.visible_memberships}
    offered = [o for o in table.managed(user) if o.id not in taken]
    if not offered:
        raise policy.forbidden(Permission.MANAGE_PEOPLE, Permission.MANAGE_PEOPLE, None)
    form = AddRoleForm(_sent(request), organisations=offered, initial={"role": Role.MEMBER})
    if form.is_valid():
        try:
            operations.set_role(actor=user.actor, person=row.id, **form.cleaned_data)
        except InvalidInputError as error:
            form.refuse(error)
        else:
            return done(request, row, gettext("Role given"))
    return _dialog(request, "people/add_role.html", row, form, action="add_role")


@_FORM
def role(request: HttpRequest, person: UUID, organisation: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row, membership = _membership(user, person, organisation)
    form = RoleForm(_sent(request), initial={"role": membership.role})
    if form.is_valid():
        try:
            operations.set_role(
                actor=user.actor, person=row.id, organisation=organisation, role=form.cleaned_data["role"]
            )
        except InvalidInputError as error:
            form.refuse(error)
        else:
            return done(request, row, gettext("Role changed"))
    return _dialog(request, "people/role.html", row, form, action="role", membership=membership)


@_FORM
def remove_role(request: HttpRequest, person: UUID, organisation: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row, membership = _membership(user, person, organisation)
    if request.method == "POST":
        operations.remove_role(actor=user.actor, person=row.id, organisation=organisation)
        words = gettext("%(person)s removed from %(organisation)s")
        message = words % {"person": row, "organisation": membership.organisation}
        is_still_seen = Person.objects.visible_to(user.actor).filter(id=row.id).exists()
        return done(request, row, message) if is_still_seen else htmx.redirect_to(request, message, _list())
    form = OperationForm(None)
    return _dialog(
        request,
        "people/remove_role.html",
        row,
        form,
        action="remove_role",
        membership=membership,
        keys=_keys_of(user, row, organisation),
    )


@_FORM
def system_role(request: HttpRequest, person: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = visible(user, person)
    policy.require(user.actor, Permission.MANAGE_SYSTEM_ROLES, None)
    form = SystemRoleForm(_sent(request), initial={"system_role": row.system_role})
    if form.is_valid():
        try:
            operations.set_system_role(actor=user.actor, person=row.id, **form.cleaned_data)
        except InvalidInputError as error:
            form.refuse(error)
        except ConflictError as error:
            form.add_error("system_role", error.message)
        else:
            return done(request, row, gettext("System role changed"))
    return _dialog(request, "people/system_role.html", row, form, action="system_role")


@_FORM
def deactivate(request: HttpRequest, person: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = managed(user, person)
    if not row.is_active:
        raise ConflictError(gettext("This person is already deactivated."))
    form = OperationForm(_sent(request))
    if form.is_valid():
        try:
            operations.deactivate(actor=user.actor, person=row.id)
        except ConflictError as error:
            form.add_error(None, error.message)
        else:
            return done(request, row, gettext("%(person)s deactivated") % {"person": row})
    return _dialog(
        request,
        "people/deactivate.html",
        row,
        form,
        action="deactivate",
        keys=_keys_of(user, row),
        is_last=rules.is_last_administrator(row),
    )


@_FORM
def reactivate(request: HttpRequest, person: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = managed(user, person)
    if row.is_active:
        raise ConflictError(gettext("This person is already active."))
    if request.method == "POST":
        operations.reactivate(actor=user.actor, person=row.id)
        return done(request, row, gettext("%(person)s reactivated") % {"person": row})
    return _dialog(request, "people/reactivate.html", row, OperationForm(None), action="reactivate")


def managed(user: CurrentUser, person: UUID) -> Any:
    """The person, for who may edit, deactivate and make links for them; else NotFound or Forbidden."""
    row = visible(user, person)
    if not row.may["edit"]:
        raise policy.forbidden(Permission.MANAGE_ALL_PEOPLE, Permission.MANAGE_ALL_PEOPLE, None)
    return row


def done(request: HttpRequest, person: Any, message: str) -> HttpResponseBase:
    """Back to the list, or to the person's page, wherever the dialog was opened; both show something else now."""
    on_list = htmx.is_htmx(request) and htmx.current_page_url(request).partition("?")[0] == _list()
    return htmx.redirect_to(request, message, _list() if on_list else page_of(person))


def page_of(person: Any) -> str:
    return reverse("people:detail", args=[person.id])


def _list() -> str:
    return reverse("people:list")


def _sent(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _membership(user: CurrentUser, person: UUID, organisation: UUID) -> tuple[Any, Any]:
    """The person and their role there, for who may change it; else NotFound or Forbidden."""
    row = visible(user, person)
    membership = next((m for m in row.visible_memberships if m.organisation_id == organisation), None)
    if membership is None:
        raise NotFoundError
    policy.require(user.actor, Permission.MANAGE_PEOPLE, membership.organisation)
    return row, membership


def _keys_of(user: CurrentUser, person: Any, organisation: UUID | None = None) -> dict[str, Any]:
    """The person's keys that still work, by what becomes of them: those of their own list, and those that inherit."""
    keys = Key.objects.visible_to(user.actor).usable().filter(creator=person.id)
    if organisation is not None:
        keys = keys.filter(organisation=organisation)
    counts = capped_count.capped_counts({"keep": keys.filter(inherits=False), "lose": keys.filter(inherits=True)})
    return {name: {"count": count, "words": capped_count.format_count(count)} for name, count in counts.items()}


def _dialog(
    request: HttpRequest, template: str, person: Any, form: OperationForm, *, action: str, **context: Any
) -> HttpResponse:
    membership = context.get("membership")
    ids = [person.id, *([membership.organisation_id] if membership else [])]
    values = {
        "person": person,
        "form": form,
        "action": reverse(f"people:{action}", args=ids),
        "back_url": page_of(person),
        "section": "people",
    }
    return render(request, template, values | context, status=htmx.form_status(form))
