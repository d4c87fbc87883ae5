"""Pages of organisations: the list, an organisation's own page, its public API key."""

import secrets
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from keyadmin.core.errors import ConflictError, DuplicateRequestError, InvalidInputError, NotFoundError
from keyadmin.forms.organisations import GenerateForm, OrganisationForm, RenameForm
from keyadmin.forms.searches import OrganisationFilters
from keyadmin.models import Bot, Key, Kind, Organisation, Person, Role, paging
from keyadmin.operations import idempotency, keys, organisations, policy
from keyadmin.operations.policy import Permission
from keyadmin.web.common import capped_count, htmx, impact
from keyadmin.web.common.current_user import CurrentUser, get_current_user
from keyadmin.web.common.enable_disable import EnableDisableDialog, enable_disable_dialog
from keyadmin.web.common.list_view import Listing
from keyadmin.web.keys import rows, secret_reveal

SIZE: Final = 20
#: Owners that an organisation's page names.
MOST_OWNERS: Final = 20
_ORDER: Final = paging.Order("name", False, str, UUID)


@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    """For who works in all organisations; others have a page of their own."""
    user = get_current_user(request)
    if not user.person.system_role:
        raise NotFoundError
    listing = Listing(request, user, OrganisationFilters, reverse("organisations:list"))
    found = Organisation.objects.visible_to(user.actor)
    if q := listing.filters.get("q"):
        found = found.filter(name__icontains=q)
    context = listing.page(found, _ORDER, SIZE)
    rows = context["rows"]
    counts = capped_count.capped_counts(
        {f"bots {row.id}": Bot.objects.visible_to(user.actor).filter(organisation=row) for row in rows}
        | {f"keys {row.id}": Key.objects.visible_to(user.actor).filter(organisation=row) for row in rows}
    )
    for row in rows:
        row.bot_count, row.key_count = (
            capped_count.format_count(counts[f"{what} {row.id}"]) for what in ("bots", "keys")
        )
    context |= {"may_create": user.is_administrator, "section": "organisations"}
    return render(request, f"organisations/list.html{'#rows' if htmx.is_htmx(request) else ''}", context)


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponseBase:
    user = get_current_user(request)
    policy.require(user.actor, Permission.MANAGE_ORGANISATIONS, None)
    form = OrganisationForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            made = organisations.create(actor=user.actor, **form.cleaned_data)
        except InvalidInputError as error:
            form.refuse(error)
        else:
            return htmx.redirect_to(request, gettext("Organisation created"), page_of(made))
    context = {"form": form, "section": "organisations"}
    return render(request, "organisations/create.html", context, status=htmx.form_status(form))


@require_safe
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    user = get_current_user(request)
    organisation = organisation_for(user, slug, Permission.READ_ORGANISATION)
    granted = user.permissions(organisation.id)
    bots = Bot.objects.visible_to(user.actor).filter(organisation=organisation)
    all_keys = Key.objects.visible_to(user.actor).filter(organisation=organisation)
    counts = capped_count.capped_counts({"bots": bots, "keys": all_keys})
    owners = Person.objects.visible_to(user.actor).active()
    context = {
        "organisation": organisation,
        "bot_count": capped_count.format_count(counts["bots"]),
        "key_count": capped_count.format_count(counts["keys"]),
        "counts": counts,
        "owners": owners.filter(memberships__organisation=organisation, memberships__role=Role.OWNER)[:MOST_OWNERS],
        "public_key": _public_key(user, organisation),
        "may_list": bool(user.person.system_role),
        "may_edit": Permission.EDIT_ORGANISATION in granted,
        "may_switch": Permission.MANAGE_ORGANISATIONS in granted,
        "may_generate": {Permission.ISSUE_KEYS, Permission.PUBLIC_KEY} <= granted and organisation.is_active,
        "section": "organisations",
    }
    return render(request, f"organisations/detail.html{'#public' if htmx.is_htmx(request) else ''}", context)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, slug: str) -> HttpResponseBase:
    user = get_current_user(request)
    organisation = organisation_for(user, slug, Permission.EDIT_ORGANISATION)
    form = RenameForm(request.POST if request.method == "POST" else None, initial={"name": organisation.name})
    if form.is_valid():
        try:
            organisations.edit(actor=user.actor, organisation=organisation.id, name=form.cleaned_data["name"])
        except InvalidInputError as error:
            form.refuse(error)
        else:
            return _done(request, organisation, gettext("Organisation renamed"))
    context = {"form": form, "organisation": organisation, "section": "organisations"}
    return render(request, "organisations/edit.html", context, status=htmx.form_status(form))


@require_http_methods(["GET", "HEAD", "POST"])
def disable(request: HttpRequest, slug: str) -> HttpResponseBase:
    user = get_current_user(request)
    organisation = organisation_for(user, slug, Permission.MANAGE_ORGANISATIONS)
    if not organisation.is_active:
        raise ConflictError(gettext("This organisation is already disabled."))
    action = reverse("organisations:disable", args=[slug])
    done = gettext("Organisation disabled")
    dialog = EnableDisableDialog(
        organisation.name, page_of(organisation), action, gettext("Disable organisation"), done
    )
    act = partial(organisations.disable, actor=user.actor, organisation=organisation.id)
    stopping = impact.of_disabling(Key.objects.visible_to(user.actor).filter(organisation=organisation))
    return enable_disable_dialog(
        request, "_disable.html", dialog, act, {"impact": stopping, "section": "organisations"}
    )


@require_http_methods(["GET", "HEAD", "POST"])
def enable(request: HttpRequest, slug: str) -> HttpResponseBase:
    user = get_current_user(request)
    organisation = organisation_for(user, slug, Permission.MANAGE_ORGANISATIONS)
    if organisation.is_active:
        raise ConflictError(gettext("This organisation is already enabled."))
    action = reverse("organisations:enable", args=[slug])
    done = gettext("Organisation enabled")
    dialog = EnableDisableDialog(organisation.name, page_of(organisation), action, gettext("Enable organisation"), done)
    act = partial(organisations.enable, actor=user.actor, organisation=organisation.id)
    return enable_disable_dialog(request, "_enable.html", dialog, act, {"section": "organisations"})


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("issued")
def generate(request: HttpRequest, slug: str) -> HttpResponse:
    """The organisation's one public key: asked first, then made and shown once."""
    user = get_current_user(request)
    organisation = organisation_for(user, slug, Permission.ISSUE_KEYS)
    policy.require_for_key(user.actor, Permission.ISSUE_KEYS, organisation, Kind.PUBLIC)
    form = GenerateForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            name = gettext("Public API key")
            act = partial(keys.issue, actor=user.actor, organisation=organisation.id, kind=Kind.PUBLIC, name=name)
            issued = idempotency.run_once(
                actor=user.actor, idempotency_key=form.cleaned_data["idempotency_key"], operation=act
            )
        except DuplicateRequestError as error:
            return secret_reveal.already_shown(request, user, error.result_id)
        back = {"section": "organisations", "back_url": page_of(organisation)}
        return secret_reveal.reveal(request, issued, **back)
    bots = capped_count.capped_counts({"all": Bot.objects.visible_to(user.actor).filter(organisation=organisation)})[
        "all"
    ]
    asked = GenerateForm(initial={"idempotency_key": secrets.token_urlsafe(24)})
    context = {"form": asked, "organisation": organisation, "bots": bots, "section": "organisations"}
    return render(request, "organisations/generate.html", context, status=htmx.form_status(form))


def organisation_for(user: CurrentUser, slug: str, permission: Permission) -> Organisation:
    """The organisation, for who may know of it and has the permission; else NotFound or Forbidden."""
    organisation = Organisation.objects.visible_to(user.actor).select_related("default_tier").filter(slug=slug).first()
    if organisation is None:
        raise NotFoundError
    if permission not in user.permissions(organisation.id):
        raise policy.forbidden(permission, permission, organisation)
    user.page_organisation = organisation
    found: Organisation = organisation
    return found


def page_of(organisation: Organisation) -> str:
    return reverse("organisations:detail", args=[organisation.slug])


def _public_key(user: CurrentUser, organisation: Organisation) -> Any:
    key = rows.readable(user).filter(organisation=organisation, kind=Kind.PUBLIC).first()
    if key is not None:
        rows.annotate([key], user)
    return key


def _done(request: HttpRequest, organisation: Organisation, message: str) -> HttpResponseBase:
    return htmx.redirect_to(request, message, page_of(organisation))
