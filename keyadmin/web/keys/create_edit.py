"""The forms that create and edit a key."""

import secrets
from collections.abc import Collection, Sequence
from datetime import UTC, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from keyadmin.core import cidr
from keyadmin.core.errors import ConflictError, InvalidInputError, NotFoundError, OperationError, StaleRevisionError
from keyadmin.forms.key_choices import KeyFormChoices, KeyOwner
from keyadmin.forms.keys import PRESETS, EditForm, KeyForm, KeyValuesForm
from keyadmin.models import Bot, KeyKind, ScopeDay
from keyadmin.operations import keys as operations
from keyadmin.operations import policy, revisions
from keyadmin.operations.allow_list_rules import effect_of_emptying
from keyadmin.operations.policy import Permission
from keyadmin.web.allow_lists import editor, lockout
from keyadmin.web.common import htmx
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user
from keyadmin.web.keys import secret_reveal
from keyadmin.web.keys.dialogs import get_key, key_changed
from keyadmin.web.keys.preview import KeyPreview


class AllowListWarning(NamedTuple):
    """An effect of the new allow-list that the person may not intend. `networks` is the list as text.

    Submitting the form again with `anyway` set to `networks` confirms it.
    """

    message: str
    networks: str


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: PageRequest) -> HttpResponse:
    user = get_current_user(request)
    choices = _create_choices(request, user)
    if request.method != "POST":
        initial = KeyForm.initial_for(choices, secrets.token_urlsafe(24))
        return _create_form(request, KeyForm(initial=initial, choices=choices))
    if "choose_owner" in request.POST:  # without JavaScript; see `limits`
        return _create_form(request, KeyForm(initial=KeyForm.carry_over(choices, request.POST), choices=choices))
    form = KeyForm(request.POST, choices=choices)
    if form.is_valid():
        if warning := _unusable_warning(request, choices.owner.bot, form, choices.bot_networks):
            return _create_form(request, form, status=422, warning=warning)
        operation = partial(operations.issue, actor=user.actor, **form.values())
        if shown := secret_reveal.run_once(request, user, form, operation):
            return shown
    return _create_form(request, form)


@require_POST
def limits(request: PageRequest) -> HttpResponse:
    """The parts of the form that depend on the owner, after another owner was chosen. Saves nothing."""
    choices = _create_choices(request, get_current_user(request))
    form = KeyForm(initial=KeyForm.carry_over(choices, request.POST), choices=choices)
    response = render(request, "keys/_rules.html", _form_context(request, form) | {"oob": True})
    return trigger_client_event(response, "keyform:changed", after="settle")


@require_POST
def preview(request: PageRequest) -> HttpResponse:
    """What the form says about the key that it would create. Saves nothing."""
    form = KeyForm(request.POST, choices=_create_choices(request, get_current_user(request)))
    return render(request, "keys/preview.html", {"preview": _preview(request, form)})


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: PageRequest, key: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = get_key(user, key, Permission.EDIT_KEYS, with_lists=True)
    choices = _edit_choices(user, row)
    if request.method != "POST":
        return _edit_form(request, row, EditForm(initial=EditForm.initial_for(row), choices=choices, key=row))
    form = EditForm(request.POST, choices=choices, key=row)
    try:
        # The form's choices depend on the key as it was: a stale form may have values that are not offered any more.
        revisions.require(row, form.submitted_revision())
    except StaleRevisionError as error:
        return _conflict_form(request, user, form, error, row.id)
    if not form.is_valid():
        return _edit_form(request, row, form, status=422)
    if warning := _allow_list_warning(request, user, row, form):
        return _edit_form(request, row, form, status=422, warning=warning)
    try:
        operations.edit(actor=user.actor, key=row.id, allow_any=True, **form.values())
    except InvalidInputError as error:
        form.add_operation_errors(error)
        return _edit_form(request, row, form, status=htmx.form_status(form))
    except ConflictError as error:
        return _conflict_form(request, user, form, error, row.id)
    is_renamed = form.cleaned_data["name"] != row.name
    return key_changed(request, row, gettext("Key changed"), is_renamed=is_renamed)


@require_POST
def preview_edit(request: PageRequest, key: UUID) -> HttpResponse:
    """What the form says about the key as it would be after the edit. Saves nothing."""
    user = get_current_user(request)
    row = get_key(user, key, Permission.EDIT_KEYS, with_lists=True)
    form = EditForm(request.POST, choices=_edit_choices(user, row), key=row)
    annotate_calls_this_week(row, form.choices.catalogue, set(row.scope_names))
    return render(request, "keys/preview.html", {"preview": _preview(request, form, row)})


def _create_choices(request: HttpRequest, user: CurrentUser) -> KeyFormChoices:
    """What the user may choose for a new key. Preselects the organisation that the current page is filtered by."""
    permissions = {organisation.id: user.permissions(organisation.id) for organisation in user.organisations}
    organisations = [o for o in user.organisations if o.is_active and Permission.ISSUE_KEYS in permissions[o.id]]
    if not organisations:
        raise _create_error(user)
    slug = htmx.current_organisation_slug(request)
    selected = next((organisation for organisation in organisations if organisation.slug == slug), None)
    if selected is None and len(organisations) == 1:
        selected = organisations[0]
    data = request.POST if request.method == "POST" else request.GET
    kind = KeyKind.MASTER if request.GET.get("kind") == KeyKind.MASTER else KeyKind.STANDARD
    default_owner = KeyOwner(selected, kind=kind).value if selected else ""
    return KeyFormChoices.for_actor(
        user.actor,
        organisations=organisations,
        permissions=permissions,
        system_role=user.person.system_role,
        roles={organisation.id: user.role_in(organisation.id) for organisation in organisations},
        selected_owner=data.get("owner", default_owner),
    )


def _create_error(user: CurrentUser) -> OperationError:
    """Why the user cannot create a key in any organisation."""
    if not user.organisations:
        return NotFoundError()
    return policy.forbidden(Permission.ISSUE_KEYS, Permission.ISSUE_KEYS, user.organisations[0])


def _edit_choices(user: CurrentUser, key: Any) -> KeyFormChoices:
    return KeyFormChoices.for_key(
        key,
        system_role=user.person.system_role,
        role=user.role_in(key.organisation_id),
        may_choose_tier=Permission.CHOOSE_TIERS in user.permissions(key.organisation_id),
    )


def _allow_list_warning(request: HttpRequest, user: CurrentUser, key: Any, form: EditForm) -> AllowListWarning | None:
    """The warning about a changed allow-list, unless exactly this list was confirmed."""
    before, after = key.own_networks, form.chosen_networks
    networks = _as_text(after)
    if set(before) == set(after) or request.POST.get("anyway") == networks:
        return None
    if not after:
        return AllowListWarning(effect_of_emptying(key, removed=len(before)), networks)
    blocked = lockout.find_lockout(user.actor, key, before, after)
    return AllowListWarning(blocked.warning, networks) if blocked else None


def _unusable_warning(
    request: HttpRequest, bot: Bot | None, form: KeyForm, bot_networks: Sequence[cidr.Network]
) -> AllowListWarning | None:
    """The warning that no address could use the new key, unless exactly this list was confirmed."""
    networks = form.chosen_networks
    message = lockout.outside_bot(networks, bot, bot_networks)
    text = _as_text(networks)
    return AllowListWarning(message, text) if message and request.POST.get("anyway") != text else None


def _as_text(networks: Collection[cidr.Network]) -> str:
    return " ".join(sorted(map(str, networks)))


def _create_form(
    request: HttpRequest, form: KeyForm, *, status: int = 0, warning: AllowListWarning | None = None
) -> HttpResponse:
    context = _form_context(request, form) | {
        "may_inherit": True,
        "preview_url": reverse("keys:preview"),
        "back_url": get_current_user(request).list_url("keys:list"),
        "warning": warning,
    }
    return render(request, "keys/create.html", context, status=status or htmx.form_status(form))


def _edit_form(request: HttpRequest, key: Any, form: EditForm, status: int = 200, **extra: Any) -> HttpResponse:
    annotate_calls_this_week(key, form.choices.catalogue, set(key.scope_names))
    context = _form_context(request, form, key) | {
        "key": key,
        "may_inherit": key.creator is not None,
        "preview_url": reverse("keys:preview-edit", args=[key.id]),
        "back_url": reverse("keys:detail", args=[key.id]),
    }
    return render(request, "keys/edit.html", context | extra, status=status)


def _conflict_form(
    request: HttpRequest, user: CurrentUser, form: EditForm, error: ConflictError, key: UUID
) -> HttpResponse:
    """The form with the values that another person saved, changed by this user's edits. Nothing is saved."""
    row = get_key(user, key, Permission.EDIT_KEYS, with_lists=True)
    initial = form.merged_with(EditForm.initial_for(row))
    merged = EditForm(initial=initial, choices=_edit_choices(user, row), key=row)
    return _edit_form(request, row, merged, status=409, conflict=error.message, event=error.event)


def _form_context(request: HttpRequest, form: KeyValuesForm, key: Any = None) -> dict[str, Any]:
    """What both forms show. `key` is the one that is edited."""
    choices = form.choices
    return {
        "form": form,
        "catalogue": choices.scopes_by_resource,
        "presets": PRESETS,
        "channels": choices.channels,
        "tiers": choices.tiers,
        "editor": editor.of_form(request, form),
        "preview": _preview(request, form, key),
        "earliest_date": timezone.now().date(),
        "section": "keys",
    }


def _preview(request: HttpRequest, form: KeyValuesForm, key: Any = None) -> KeyPreview:
    networks = form.choices.bot_networks if key is None else key.bot_networks
    return KeyPreview.of(form, person=get_current_user(request).person, bot_networks=networks, key=key)


def annotate_calls_this_week(key: Any, scopes: Collection[Any], held: Collection[str]) -> None:
    """Set `calls` on each scope: how often the key used it in the last 7 days.

    A key with full access holds no scopes of its own, and each of its uses counts. Other scopes count only if the key
    holds them.
    """
    first_day = timezone.now().astimezone(UTC).date() - timedelta(days=6)
    calls = ScopeDay.objects.calls_since(key.id, first_day)
    for scope in scopes:
        scope.calls = calls.get(scope.name, 0) if key.inherits or scope.name in held else 0
