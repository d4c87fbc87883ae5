"""Organisations: the list, an organisation's page, and the dialogs that change it or generate its public API key."""

import secrets
from functools import partial
from typing import Any, Final

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.core.text import normalise
from keyadmin.forms.filters import OrganisationFilters
from keyadmin.forms.organisations import OrganisationForm, OrganisationNameForm, PublicKeyForm
from keyadmin.models import Bot, Key, KeyKind, Organisation, Person, Role, Scope, paging
from keyadmin.operations import keys, organisations, policy, privileges
from keyadmin.operations.policy import Permission
from keyadmin.web.common import capped_count, htmx, impact
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user
from keyadmin.web.common.enable_disable import EnableDisableDialog, enable_disable_dialog
from keyadmin.web.common.list_view import Listing
from keyadmin.web.common.navigation import Shell
from keyadmin.web.keys import rows as key_rows
from keyadmin.web.keys import secret_reveal

PAGE_SIZE: Final = 20
#: The number of owners that an organisation's page names.
MAX_OWNERS: Final = 20
_MAX_SEARCH_LENGTH: Final = 120


@require_safe
def list_(request: PageRequest) -> HttpResponse:
    """All organisations, for people with a system role. Other people have links to their organisations' pages."""
    user = get_current_user(request)
    if not user.person.system_role:
        raise NotFoundError
    listing = Listing(request, user, OrganisationFilters, reverse("organisations:list"))
    rows = Organisation.objects.visible_to(user.actor)
    if q := listing.filters.get("q"):
        rows = rows.search(q)
    context = listing.page(rows, paging.BY_NAME, PAGE_SIZE)
    _set_counts(context["rows"], user)
    context |= {"may_create": user.is_administrator, "section": "organisations"}
    return render(request, f"organisations/list.html{'#rows' if htmx.is_htmx(request) else ''}", context)


@require_safe
def switcher(request: PageRequest) -> HttpResponse:
    """The choices of the organisation switcher that its search finds; a page of their own without htmx."""
    shell = Shell(request, get_current_user(request))
    choices = shell.find_choices(normalise(request.GET.get("find", ""))[:_MAX_SEARCH_LENGTH])
    if htmx.is_htmx(request):
        return render(request, "_switcher.html#choices", {"switcher": {"choices": choices}})
    return render(request, "switcher.html", {"choices": choices})


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: PageRequest) -> HttpResponseBase:
    user = get_current_user(request)
    policy.require(user.actor, Permission.MANAGE_ORGANISATIONS, None)
    form = OrganisationForm(htmx.submitted(request))
    if form.is_valid():
        try:
            organisation = organisations.create(actor=user.actor, **form.cleaned_data)
        except InvalidInputError as error:
            form.add_operation_errors(error)
        else:
            return htmx.redirect_to(request, gettext("Organisation created"), organisation_url(organisation))
    context = {"form": form, "back_url": reverse("organisations:list"), "section": "organisations"}
    return render(request, "organisations/create.html", context, status=htmx.form_status(form))


@require_safe
def detail(request: PageRequest, slug: str) -> HttpResponse:
    user = get_current_user(request)
    organisation = _get_organisation(user, slug, Permission.READ_ORGANISATION)
    permissions = user.permissions(organisation.id)
    counts = capped_count.capped_counts(
        {
            "bots": Bot.objects.visible_to(user.actor).filter(organisation=organisation),
            "keys": Key.objects.visible_to(user.actor).filter(organisation=organisation),
        }
    )
    owners = Person.objects.visible_to(user.actor).active()
    context = {
        "organisation": organisation,
        "bot_count": capped_count.format_count(counts["bots"]),
        "key_count": capped_count.format_count(counts["keys"]),
        "counts": counts,
        "owners": owners.filter(memberships__organisation=organisation, memberships__role=Role.OWNER)[:MAX_OWNERS],
        "public_key": _public_key(user, organisation),
        "may_list": bool(user.person.system_role),
        "may_edit": Permission.EDIT_ORGANISATION in permissions,
        "may_enable_disable": Permission.MANAGE_ORGANISATIONS in permissions,
        "may_generate": {Permission.ISSUE_KEYS, Permission.PUBLIC_KEY} <= permissions and organisation.is_active,
        "section": "organisations",
    }
    return render(request, f"organisations/detail.html{'#public' if htmx.is_htmx(request) else ''}", context)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: PageRequest, slug: str) -> HttpResponseBase:
    user = get_current_user(request)
    organisation = _get_organisation(user, slug, Permission.EDIT_ORGANISATION)
    form = OrganisationNameForm(htmx.submitted(request), initial={"name": organisation.name})
    if form.is_valid():
        try:
            organisations.edit(actor=user.actor, organisation=organisation.id, name=form.cleaned_data["name"])
        except InvalidInputError as error:
            form.add_operation_errors(error)
        else:
            return htmx.redirect_to(request, gettext("Organisation renamed"), organisation_url(organisation))
    context = {
        "form": form,
        "organisation": organisation,
        "back_url": organisation_url(organisation),
        "section": "organisations",
    }
    return render(request, "organisations/edit.html", context, status=htmx.form_status(form))


@require_http_methods(["GET", "HEAD", "POST"])
def disable(request: PageRequest, slug: str) -> HttpResponseBase:
    user = get_current_user(request)
    organisation = _get_organisation(user, slug, Permission.MANAGE_ORGANISATIONS)
    organisations.require_state_change(organisation, active=False)
    dialog = EnableDisableDialog(
        owner_name=organisation.name,
        owner_url=organisation_url(organisation),
        action_url=reverse("organisations:disable", args=[slug]),
        submit_label=gettext("Disable organisation"),
        success_message=gettext("Organisation disabled"),
    )
    operation = partial(organisations.disable, actor=user.actor, organisation=organisation.id)
    stopping = impact.of_disabling(Key.objects.visible_to(user.actor).filter(organisation=organisation))
    return enable_disable_dialog(
        request, "_disable.html", dialog, operation, {"impact": stopping, "section": "organisations"}
    )


@require_http_methods(["GET", "HEAD", "POST"])
def enable(request: PageRequest, slug: str) -> HttpResponseBase:
    user = get_current_user(request)
    organisation = _get_organisation(user, slug, Permission.MANAGE_ORGANISATIONS)
    organisations.require_state_change(organisation, active=True)
    dialog = EnableDisableDialog(
        owner_name=organisation.name,
        owner_url=organisation_url(organisation),
        action_url=reverse("organisations:enable", args=[slug]),
        submit_label=gettext("Enable organisation"),
        success_message=gettext("Organisation enabled"),
    )
    operation = partial(organisations.enable, actor=user.actor, organisation=organisation.id)
    return enable_disable_dialog(request, "_enable.html", dialog, operation, {"section": "organisations"})


@require_http_methods(["GET", "HEAD", "POST"])
def generate(request: PageRequest, slug: str) -> HttpResponse:
    """Confirm, then create the organisation's only public API key and show its secret once."""
    user = get_current_user(request)
    organisation = _get_organisation(user, slug, Permission.ISSUE_KEYS)
    policy.require_for_key(user.actor, Permission.ISSUE_KEYS, organisation, KeyKind.PUBLIC)
    scopes = list(Scope.objects.filter(name__in=privileges.scopes_of_owner()).prefetch_related("routes"))
    initial = {"idempotency_key": secrets.token_urlsafe(24)}
    form = PublicKeyForm(htmx.submitted(request), grantable=scopes, initial=initial)
    expires_at = keys.default_expires_at(organisation, KeyKind.PUBLIC)
    if form.is_valid():
        issue = partial(
            keys.issue,
            actor=user.actor,
            organisation=organisation.id,
            kind=KeyKind.PUBLIC,
            name=gettext("Public API key"),
            scopes=form.cleaned_data["scopes"],
            expires_at=expires_at,
        )
        if shown := secret_reveal.run_once(
            request, user, form, issue, section="organisations", back_url=organisation_url(organisation)
        ):
            return shown
    bots = Bot.objects.visible_to(user.actor).filter(organisation=organisation)
    context = {
        "form": form,
        "organisation": organisation,
        "expires_at": expires_at,
        "scopes": scopes,
        "bots": capped_count.capped_counts({"all": bots})["all"],
        "back_url": organisation_url(organisation),
        "section": "organisations",
    }
    return render(request, "organisations/generate.html", context, status=htmx.form_status(form))


def organisation_url(organisation: Organisation) -> str:
    """The URL of the organisation's page."""
    return reverse("organisations:detail", args=[organisation.slug])


def _get_organisation(user: CurrentUser, slug: str, permission: Permission) -> Organisation:
    """The organisation, which becomes the organisation of the page.

    Raises NotFoundError if the user may not see it, and ForbiddenError if they do not have the permission there.
    """
    rows = Organisation.objects.visible_to(user.actor).select_related("default_tier")
    organisation: Organisation | None = rows.filter(slug=slug).first()
    if organisation is None:
        raise NotFoundError
    if permission not in user.permissions(organisation.id):
        raise policy.forbidden(permission, permission, organisation)
    user.page_organisation = organisation
    return organisation


def _set_counts(rows: list[Any], user: CurrentUser) -> None:
    """Set bot_count and key_count, as text, on the organisations, in one statement."""
    bots, keys_ = Bot.objects.visible_to(user.actor), Key.objects.visible_to(user.actor)
    counts = capped_count.capped_counts(
        {f"bots {row.id}": bots.filter(organisation=row) for row in rows}
        | {f"keys {row.id}": keys_.filter(organisation=row) for row in rows}
    )
    for row in rows:
        row.bot_count = capped_count.format_count(counts[f"bots {row.id}"])
        row.key_count = capped_count.format_count(counts[f"keys {row.id}"])


def _public_key(user: CurrentUser, organisation: Organisation) -> Any:
    """The public API key with what its row shows, or None.

    `missing_scopes` is the names of the permissions that an owner could grant it in addition.
    """
    key = key_rows.readable(user).filter(organisation=organisation, kind=KeyKind.PUBLIC).first()
    if key is not None:
        key_rows.annotate([key], user)
        key.missing_scopes = privileges.scopes_of_owner() - {scope.name for scope in key.scopes.all()}
    return key
