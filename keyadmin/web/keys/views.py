"""Pages of keys."""

import secrets
from functools import partial
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from keyadmin.core.errors import (
    ConflictError,
    DuplicateRequestError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
)
from keyadmin.forms.keys import PRESETS, DeleteForm, KeyForm, ReactivateForm, RevokeForm
from keyadmin.forms.offers import Offer
from keyadmin.models import Kind
from keyadmin.operations import idempotency, policy
from keyadmin.operations import keys as operations
from keyadmin.operations.policy import Permission
from keyadmin.web.common import htmx
from keyadmin.web.common.actors import client_ip
from keyadmin.web.common.current_user import CurrentUser, get_current_user
from keyadmin.web.keys import lookup, reveal, table
from keyadmin.web.keys.list import KeyList


@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    user = get_current_user(request)
    if not user.can_read_anything:
        return render(request, "nothing.html", status=403)
    context = KeyList.of(request, user).context() | {"list_url": request.get_full_path()}
    part = "#rows" if htmx.is_htmx(request) else ""
    return render(request, f"keys/list.html{part}", context)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("issued")
def create(request: HttpRequest) -> HttpResponse:
    user = get_current_user(request)
    offer = _offer(request, user)
    if request.method != "POST":
        return _creation(request, KeyForm(initial=KeyForm.initial_for(offer, secrets.token_urlsafe(24)), offer=offer))
    form = KeyForm(request.POST, offer=offer)
    if not form.is_valid():
        return _creation(request, form, status=422)
    try:
        act = partial(operations.issue, actor=user.actor, **form.values())
        issued = idempotency.run_once(
            actor=user.actor, idempotency_key=form.cleaned_data["idempotency_key"], operation=act
        )
    except DuplicateRequestError as error:
        return reveal.already_shown(request, user, error.result_id)
    except InvalidInputError as error:
        form.refuse(error)
        return _creation(request, form, status=422)
    return reveal.reveal(request, issued)


@require_POST
def limits(request: HttpRequest) -> HttpResponse:
    """The parts of the form that another owner changes. Nothing is saved."""
    offer = _offer(request, get_current_user(request))
    form = KeyForm(initial=KeyForm.kept_for(offer, request.POST), offer=offer)
    context = {
        "form": form,
        "channels": offer.channels,
        "tiers": offer.tiers,
        "bot_networks": offer.bot_networks,
        "earliest_date": timezone.now().date(),
        "oob": True,
    }
    return render(request, "keys/_rules.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, key: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = lookup.find(user, key, Permission.REVOKE_KEYS)
    form = RevokeForm(request.POST if request.method == "POST" else None)
    if row.revoked_at is not None:
        raise ConflictError(gettext("This key is already revoked."))
    if form.is_valid():
        try:
            operations.revoke(actor=user.actor, key=row.id, reason=form.cleaned_data["reason"])
        except InvalidInputError as error:
            form.refuse(error)
        else:
            return lookup.done(request, row, gettext("Key revoked"))
    context = {"key": row, "form": form, "traffic": table.traffic(row), "section": "keys"}
    return render(request, "keys/revoke.html", context, status=htmx.status_of(form))


@require_http_methods(["GET", "HEAD", "POST"])
def reactivate(request: HttpRequest, key: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = lookup.find(user, key, Permission.REACTIVATE_KEYS)
    is_expired = row.expires_at is not None and row.expires_at <= timezone.now()
    if row.revoked_at is None and not is_expired:
        raise ConflictError(gettext("This key is not revoked."))
    form = ReactivateForm(request.POST if request.method == "POST" else None, is_expired=is_expired)
    if form.is_valid():
        try:
            operations.reactivate(actor=user.actor, key=row.id, **form.values())
        except InvalidInputError as error:
            form.refuse(error)
        else:
            return lookup.done(request, row, gettext("Key reactivated"))
    context = {"key": row, "form": form, "is_expired": is_expired, "earliest_date": timezone.now().date()}
    return render(request, "keys/reactivate.html", context | {"section": "keys"}, status=htmx.status_of(form))


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, key: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = lookup.find(user, key, Permission.DELETE_KEYS)
    form = DeleteForm(request.POST if request.method == "POST" else None, key_name=row.name)
    if form.is_valid():
        operations.delete(actor=user.actor, key=row.id)
        return htmx.done(request, gettext("Key deleted"), to=reverse("keys:list"))
    may_revoke = table.may(row, user)["revoke"]
    context = {"key": row, "form": form, "traffic": table.traffic(row), "may_revoke": may_revoke}
    return render(request, "keys/delete.html", context | {"section": "keys"}, status=htmx.status_of(form))


def _offer(request: HttpRequest, user: CurrentUser) -> Offer:
    """What the user may choose from; the organisation of the page they came from stands first."""
    permissions = {o.id: user.permissions(o.id) for o in user.organisations}
    offered = [o for o in user.organisations if Permission.ISSUE_KEYS in permissions[o.id] and o.is_active]
    if not offered:
        raise _may_not_create(user)
    behind = QueryDict(htmx.page_behind(request).partition("?")[2]) if htmx.is_htmx(request) else QueryDict()
    slug = request.GET.get("organisation") or behind.get("organisation", "")
    offered.sort(key=lambda organisation: organisation.slug != slug)
    given = request.POST if request.method == "POST" else request.GET
    usual = f"{Kind.MASTER}:{offered[0].id}" if request.GET.get("kind") == Kind.MASTER else ""
    return Offer.to(
        user.actor,
        organisations=offered,
        permissions=permissions,
        system_role=user.person.system_role,
        roles={o.id: user.role_in(o.id) for o in offered},
        chosen=given.get("owner", usual),
    )


def _may_not_create(user: CurrentUser) -> ForbiddenError | NotFoundError:
    if not user.organisations:
        return NotFoundError()
    return policy.forbidden(Permission.ISSUE_KEYS, Permission.ISSUE_KEYS, user.organisations[0])


def _creation(request: HttpRequest, form: KeyForm, status: int = 200) -> HttpResponse:
    offer = form.offer
    context = {
        "form": form,
        "catalogue": offer.scopes_by_resource,
        "presets": PRESETS,
        "channels": offer.channels,
        "tiers": offer.tiers,
        "bot_networks": offer.bot_networks,
        "network_rows": form.network_rows,
        "network_draft": form.network_draft,
        "my_address": client_ip(request) or "",
        "may_inherit": True,
        "earliest_date": timezone.now().date(),
        "section": "keys",
    }
    return render(request, "keys/create.html", context, status=status)
