"""Dialogs that change existing keys: regenerate, end the old secret, revoke, reactivate and delete."""

import secrets
from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from keyadmin.core.errors import InvalidInputError
from keyadmin.forms.base import ReasonForm
from keyadmin.forms.keys import (
    DeleteForm,
    ReactivateForm,
    RegenerateForm,
    grace_choices,
)
from keyadmin.models import Key
from keyadmin.operations import keys as operations
from keyadmin.operations import policy
from keyadmin.operations.policy import Permission, permissions_for_key
from keyadmin.web.common import htmx, impact
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user
from keyadmin.web.keys import rows, secret_reveal
from keyadmin.web.keys.deleted import not_found_error


def get_key(user: CurrentUser, key: UUID, permission: Permission, *, with_lists: bool = False) -> Any:
    """The key, if the user may see it and has the permission. Raises NotFoundError or ForbiddenError.

    `with_lists` also loads scopes, channels and allow-lists, for the form.
    """
    keys = Key.objects.visible_to(user.actor).with_usage().with_grace().with_old_secret_use()
    keys = keys.with_lists() if with_lists else keys
    row = keys.select_related("organisation", "bot", "tier", "creator").filter(id=key).first()
    if row is None:
        raise not_found_error(user, key)
    if permission not in permissions_for_key(user.actor, row, known=user.permissions(row.organisation_id)):
        policy.require_for_key(user.actor, permission, row.organisation, row.kind)  # its error names who may
    return row


def key_changed(request: HttpRequest, key: Any, message: str, *, is_renamed: bool = False) -> HttpResponseBase:
    """The response after a change of a key: closes the dialog over the list or over the key's page."""
    return htmx.close_dialog(
        request,
        message,
        list_url=reverse("keys:list"),
        detail_url=reverse("keys:detail", args=[key.id]),
        is_renamed=is_renamed,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def regenerate(request: PageRequest, key: UUID) -> HttpResponse:
    user = get_current_user(request)
    row = get_key(user, key, Permission.REGENERATE_KEYS)
    if request.method != "POST":
        operations.require_regenerable(row, timezone.now())
        initial = {"grace": "0", "idempotency_key": secrets.token_urlsafe(24)}
        return _regenerate_form(request, row, RegenerateForm(initial=initial, expiry_problem=""))
    form = RegenerateForm(request.POST, expiry_problem=operations.expiry_problem(row, row.expires_at, timezone.now()))
    if form.is_valid():
        operation = partial(operations.regenerate, actor=user.actor, key=row.id, **form.values())
        if shown := secret_reveal.run_once(request, user, form, operation, regenerated=True):
            return shown
    return _regenerate_form(request, row, form)


@require_http_methods(["GET", "HEAD", "POST"])
def end_grace(request: PageRequest, key: UUID) -> HttpResponseBase:
    """End the old secret before its grace period is over."""
    user = get_current_user(request)
    row = get_key(user, key, Permission.REGENERATE_KEYS)
    if request.method == "POST":
        operations.end_grace(actor=user.actor, key=row.id)
        return key_changed(request, row, gettext("Old secret ended"))
    operations.require_grace(row, timezone.now())
    context = {"key": row, "back_url": reverse("keys:detail", args=[row.id]), "section": "keys"}
    return render(request, "keys/end_grace.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: PageRequest, key: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = get_key(user, key, Permission.REVOKE_KEYS)
    operations.require_revocable(row)
    form = ReasonForm(htmx.submitted(request))
    if form.is_valid():
        try:
            operations.revoke(actor=user.actor, key=row.id, reason=form.cleaned_data["reason"])
        except InvalidInputError as error:
            form.add_operation_errors(error)
        else:
            return key_changed(request, row, gettext("Key revoked"))
    context = {"key": row, "form": form, "traffic": rows.recent_traffic(row)}
    return _dialog(request, "keys/revoke.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def reactivate(request: PageRequest, key: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = get_key(user, key, Permission.REACTIVATE_KEYS)
    now = timezone.now()
    operations.require_ended(row, now)
    problem = _expiry_problem(row)
    form = ReactivateForm(htmx.submitted(request), expiry_problem=problem)
    if form.is_valid():
        try:
            operations.reactivate(actor=user.actor, key=row.id, **form.values())
        except InvalidInputError as error:
            form.add_operation_errors(error)
        else:
            return key_changed(request, row, gettext("Key reactivated"))
    context = {"key": row, "form": form, "expiry_problem": problem, "earliest_date": now.date()}
    return _dialog(request, "keys/reactivate.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: PageRequest, key: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = get_key(user, key, Permission.DELETE_KEYS)
    form = DeleteForm(htmx.submitted(request), key_name=row.name)
    if form.is_valid():
        operations.delete(actor=user.actor, key=row.id)
        return htmx.close_dialog(request, gettext("Key deleted"), list_url=reverse("keys:list"))
    context = {
        "key": row,
        "form": form,
        "traffic": rows.recent_traffic(row),
        "may_revoke": rows.allowed_actions(row, user)["revoke"],
    }
    return _dialog(request, "keys/delete.html", context)


def _expiry_problem(key: Any) -> str:
    """Why the key cannot keep its expiry: it has expired, or the organisation's rules do not allow it; "" if it can."""
    now = timezone.now()
    if key.is_expired_at(now):
        return gettext("Set a new expiry first.")
    return operations.expiry_problem(key, key.expires_at, now)


def _dialog(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    context |= {"back_url": get_current_user(request).list_url("keys:list"), "section": "keys"}
    return render(request, template, context, status=htmx.form_status(context["form"]))


def _regenerate_form(request: HttpRequest, key: Any, form: RegenerateForm) -> HttpResponse:
    context = {
        "key": key,
        "form": form,
        "graces": grace_choices(key),
        "expiry_problem": _expiry_problem(key),
        "earliest_date": timezone.now().date(),
        "requests_today": impact.allowed_today([key.id]).get(key.id, 0),
        "back_url": reverse("keys:detail", args=[key.id]),
        "section": "keys",
    }
    return render(request, "keys/regenerate.html", context, status=htmx.form_status(form))
