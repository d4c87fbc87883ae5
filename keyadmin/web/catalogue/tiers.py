"""Tiers: how many requests a key may make in any hour."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.forms.base import OperationForm
from keyadmin.forms.catalogue import TierForm
from keyadmin.models import Tier
from keyadmin.operations import policy
from keyadmin.operations.catalogue import tiers
from keyadmin.operations.policy import Permission
from keyadmin.web.common import htmx
from keyadmin.web.common.current_user import CurrentUser, get_current_user


@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    user = get_current_user(request)
    if not user.person.system_role:
        raise NotFoundError
    rows = Tier.objects.visible_to(user.actor).with_key_count()
    return render(request, "tiers/list.html", {"rows": rows, "may_manage": user.is_administrator, "section": "tiers"})


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponseBase:
    user = _manager(request)
    form = TierForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            tiers.create(actor=user.actor, **form.cleaned_data)
        except InvalidInputError as error:
            form.refuse(error)
        else:
            return htmx.redirect_to(request, gettext("Tier created"), _list())
    return _dialog(request, "tiers/form.html", form, reverse("tiers:create"))


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, tier: UUID) -> HttpResponseBase:
    user = _manager(request)
    row = _tier(user, tier)
    initial = {"name": row.name, "hourly_limit": row.hourly_limit}
    form = TierForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        try:
            tiers.edit(actor=user.actor, tier=row.id, **form.cleaned_data)
        except InvalidInputError as error:
            form.refuse(error)
        else:
            return htmx.redirect_to(request, gettext("Tier changed"), _list())
    return _dialog(request, "tiers/form.html", form, reverse("tiers:edit", args=[row.id]), tier=row)


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: HttpRequest, tier: UUID) -> HttpResponseBase:
    user = _manager(request)
    row = _tier(user, tier)
    if request.method == "POST":
        tiers.remove(actor=user.actor, tier=row.id)
        return htmx.redirect_to(request, gettext("Tier removed"), _list())
    form = OperationForm(None)
    return _dialog(request, "tiers/remove.html", form, reverse("tiers:remove", args=[row.id]), tier=row)


def _manager(request: HttpRequest) -> CurrentUser:
    """The user, if they manage tiers; NotFound for who does not even see them."""
    user = get_current_user(request)
    if not user.person.system_role:
        raise NotFoundError
    policy.require(user.actor, Permission.MANAGE_TIERS, None)
    return user


def _tier(user: CurrentUser, tier: UUID) -> Any:
    row = Tier.objects.visible_to(user.actor).with_key_count().filter(id=tier).first()
    if row is None:
        raise NotFoundError
    return row


def _dialog(request: HttpRequest, template: str, form: Any, action: str, **context: Any) -> HttpResponse:
    values = {"form": form, "action": action, "back_url": _list(), "section": "tiers"} | context
    return render(request, template, values, status=htmx.form_status(form))


def _list() -> str:
    return reverse("tiers:list")
