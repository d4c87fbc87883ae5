"""Tiers: the list, and the dialogs to create, edit and remove one.

A tier limits the requests of a key in any hour.
"""

from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.forms.base import OperationForm
from keyadmin.forms.catalogue import TierForm
from keyadmin.models import Tier
from keyadmin.operations.catalogue import tiers
from keyadmin.operations.policy import Permission
from keyadmin.web.common import htmx
from keyadmin.web.common.current_user import (
    CurrentUser,
    PageRequest,
    get_current_user,
    get_installation_manager_or_404,
)


@require_safe
def list_(request: PageRequest) -> HttpResponse:
    user = get_current_user(request)
    if not user.person.system_role:
        raise NotFoundError
    rows = Tier.objects.visible_to(user.actor).with_key_count()
    return render(request, "tiers/list.html", {"rows": rows, "may_manage": user.is_administrator, "section": "tiers"})


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: PageRequest) -> HttpResponseBase:
    user = get_installation_manager_or_404(request, Permission.MANAGE_TIERS)
    form = TierForm(htmx.submitted(request))
    if form.is_valid():
        try:
            tiers.create(actor=user.actor, **form.cleaned_data)
        except InvalidInputError as error:
            form.add_operation_errors(error)
        else:
            return htmx.redirect_to(request, gettext("Tier created"), _list_url())
    return _dialog(request, "tiers/form.html", form, reverse("tiers:create"))


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: PageRequest, tier_id: UUID) -> HttpResponseBase:
    user = get_installation_manager_or_404(request, Permission.MANAGE_TIERS)
    tier = _get_tier_or_404(user, tier_id)
    initial = {"name": tier.name, "hourly_limit": tier.hourly_limit}
    form = TierForm(htmx.submitted(request), initial=initial)
    if form.is_valid():
        try:
            tiers.edit(actor=user.actor, tier=tier.id, **form.cleaned_data)
        except InvalidInputError as error:
            form.add_operation_errors(error)
        else:
            return htmx.redirect_to(request, gettext("Tier changed"), _list_url())
    return _dialog(request, "tiers/form.html", form, reverse("tiers:edit", args=[tier.id]), tier=tier)


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: PageRequest, tier_id: UUID) -> HttpResponseBase:
    user = get_installation_manager_or_404(request, Permission.MANAGE_TIERS)
    tier = _get_tier_or_404(user, tier_id)
    if request.method == "POST":
        tiers.remove(actor=user.actor, tier=tier.id)
        return htmx.redirect_to(request, gettext("Tier removed"), _list_url())
    form = OperationForm(None)
    return _dialog(request, "tiers/remove.html", form, reverse("tiers:remove", args=[tier.id]), tier=tier)


def _get_tier_or_404(user: CurrentUser, tier_id: UUID) -> Any:
    """The tier, annotated by `with_key_count`."""
    tier = Tier.objects.visible_to(user.actor).with_key_count().filter(id=tier_id).first()
    if tier is None:
        raise NotFoundError
    return tier


def _dialog(request: PageRequest, template: str, form: Any, action: str, **context: Any) -> HttpResponse:
    values = {"form": form, "action": action, "back_url": _list_url(), "section": "tiers"} | context
    return render(request, template, values, status=htmx.form_status(form))


def _list_url() -> str:
    return reverse("tiers:list")
