"""Permissions: the list, and the dialogs to create, edit and remove one.

Pages say "permission" for what the code and the API call a scope.
"""

from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.forms.base import OperationForm
from keyadmin.forms.catalogue import ScopeForm
from keyadmin.models import ChannelSource, Scope
from keyadmin.operations.catalogue import scopes
from keyadmin.operations.catalogue.scopes import METHODS
from keyadmin.operations.policy import Permission
from keyadmin.web.common import htmx
from keyadmin.web.common.current_user import (
    CurrentUser,
    PageRequest,
    get_current_user,
    get_installation_manager_or_404,
)

_FIELDS = ("resource", "label", "caption", "explanation", "ability", "is_sensitive")


@require_safe
def list_(request: PageRequest) -> HttpResponse:
    user = get_current_user(request)
    if not user.person.system_role:
        raise NotFoundError
    rows = Scope.objects.visible_to(user.actor).with_key_count().prefetch_related("routes")
    resources: dict[str, list[Any]] = {}
    for row in rows:
        resources.setdefault(row.resource, []).append(row)
    context = {"resources": resources.items(), "may_manage": user.is_administrator, "section": "permissions"}
    return render(request, "permissions/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: PageRequest) -> HttpResponseBase:
    user = get_installation_manager_or_404(request, Permission.MANAGE_SCOPES)
    form = ScopeForm(htmx.submitted(request), is_new=True)
    if form.is_valid():
        try:
            scope = scopes.create(actor=user.actor, **form.values())
        except InvalidInputError as error:
            form.add_operation_errors(error)
        else:
            return htmx.redirect_to(request, gettext("Permission %(name)s created") % {"name": scope.name}, _list_url())
    return _form_dialog(request, form, reverse("permissions:create"))


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: PageRequest, name: str) -> HttpResponseBase:
    user = get_installation_manager_or_404(request, Permission.MANAGE_SCOPES)
    scope = _get_editable_scope(user, name)
    initial = {field: getattr(scope, field) for field in _FIELDS}
    form = ScopeForm(htmx.submitted(request), is_new=False, routes=scope.routes.all(), initial=initial)
    if form.is_valid():
        try:
            scopes.edit(actor=user.actor, scope=scope.name, **form.values())
        except InvalidInputError as error:
            form.add_operation_errors(error)
        else:
            return htmx.redirect_to(request, gettext("Permission %(name)s changed") % {"name": scope.name}, _list_url())
    return _form_dialog(request, form, reverse("permissions:edit", args=[scope.name]), scope)


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: PageRequest, name: str) -> HttpResponseBase:
    """Remove a permission that no key has. For other permissions the dialog says that it is not possible."""
    user = get_installation_manager_or_404(request, Permission.MANAGE_SCOPES)
    scope = _get_editable_scope(user, name)
    if request.method == "POST":
        scopes.remove(actor=user.actor, scope=scope.name)
        return htmx.redirect_to(request, gettext("Permission %(name)s removed") % {"name": scope.name}, _list_url())
    context = {
        "scope": scope,
        "form": OperationForm(None),
        "action": reverse("permissions:remove", args=[scope.name]),
        "back_url": _list_url(),
        "section": "permissions",
    }
    return render(request, "permissions/remove.html", context)


def _get_editable_scope(user: CurrentUser, name: str) -> Any:
    """The scope, with its key count. Raises NotFoundError, and ConflictError for scopes of keyadmin's own API."""
    scope: Any = Scope.objects.visible_to(user.actor).with_key_count().filter(name=name).first()
    if scope is None:
        raise NotFoundError
    scopes.require_changeable(scope)
    return scope


def _form_dialog(request: PageRequest, form: ScopeForm, action: str, scope: Any = None) -> HttpResponse:
    context = {
        "form": form,
        "scope": scope,
        "action": action,
        "back_url": _list_url(),
        "methods": METHODS,
        "sources": ChannelSource.choices,
        "section": "permissions",
    }
    return render(request, "permissions/form.html", context, status=htmx.form_status(form))


def _list_url() -> str:
    return reverse("permissions:list")
