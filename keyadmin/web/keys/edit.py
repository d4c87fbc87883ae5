"""Changing a key: all of it in a dialog, its description in place."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods
from django_htmx.http import trigger_client_event

from keyadmin.core.errors import ConflictError, InvalidInputError
from keyadmin.forms.key_edits import DescriptionForm, EditForm
from keyadmin.forms.keys import PRESETS
from keyadmin.forms.offers import Offer
from keyadmin.operations import keys as operations
from keyadmin.operations.keys.values import when_emptied
from keyadmin.operations.policy import Permission
from keyadmin.operations.validation import WHOLE_REQUEST
from keyadmin.web.allow_lists import lockout
from keyadmin.web.common import htmx
from keyadmin.web.common.actors import client_ip
from keyadmin.web.common.current_user import CurrentUser, get_current_user
from keyadmin.web.keys import lookup, scope_usage


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, key: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = lookup.find(user, key, Permission.EDIT_KEYS, with_lists=True)
    offer = _offer(user, row)
    if request.method != "POST":
        return _form(request, row, EditForm(initial=EditForm.initial_for(row), offer=offer, key=row))
    form = EditForm(request.POST, offer=offer, key=row)
    if not form.is_valid():
        return _form(request, row, form, status=422)
    if question := _question(request, user, row, form):
        return _form(request, row, form, status=422, question=question)
    try:
        operations.edit(actor=user.actor, key=row.id, allow_any=True, **form.values())  # it was asked
    except InvalidInputError as error:
        form.refuse(error)
        return _form(request, row, form, status=422)
    except ConflictError as error:
        return _changed_meanwhile(request, user, form, error, row.id)
    is_renamed = form.cleaned_data["name"] != row.name
    return lookup.done(request, row, gettext("Key changed"), is_renamed=is_renamed)


@require_http_methods(["GET", "HEAD", "POST"])
def description(request: HttpRequest, key: UUID) -> HttpResponseBase:
    """In place for htmx: the form, or with `?shown` what it replaced. Without it a page with the form."""
    user = get_current_user(request)
    row = lookup.find(user, key, Permission.EDIT_KEYS)
    if request.method != "POST":
        if htmx.is_htmx(request) and "shown" in request.GET:
            return _shown(request, row)
        initial = {"description": row.description, "was": row.description}
        return _in_place(request, row, DescriptionForm(initial=initial))
    form = DescriptionForm(request.POST)
    if not form.is_valid():
        return _in_place(request, row, form, status=422)
    if form.cleaned_data["was"] != row.description:
        return _written_meanwhile(request, row, form)
    try:
        values = {"revision": row.revision, "description": form.cleaned_data["description"]}
        row = operations.edit(actor=user.actor, key=row.id, **values)
    except InvalidInputError as error:
        if WHOLE_REQUEST not in error.errors:
            form.refuse(error)
            return _in_place(request, row, form, status=422)
        return _shown(request, row)
    return _shown(request, row, gettext("Description saved"))


def _offer(user: CurrentUser, key: Any) -> Offer:
    organisation = key.organisation_id
    return Offer.for_key(
        key,
        system_role=user.person.system_role,
        role=user.role_in(organisation),
        may_choose_tier=Permission.CHOOSE_TIERS in user.permissions(organisation),
    )


def _question(request: HttpRequest, user: CurrentUser, key: Any, form: EditForm) -> dict[str, str] | None:
    """{words, about}: what the new allow-list brings that one may not have meant, unless exactly it was insisted on."""
    before, after = key.own_networks, form.cleaned_data["networks"]
    about = " ".join(sorted(map(str, after)))
    if set(before) == set(after) or request.POST.get("anyway") == about:
        return None
    if not after:
        return {"words": when_emptied(key), "about": about}
    blocked = lockout.busiest(user.actor, key, before, after)
    return {"words": blocked.warning, "about": about} if blocked else None


def _form(request: HttpRequest, key: Any, form: EditForm, status: int = 200, **more: Any) -> HttpResponse:
    offer = form.offer
    held = set(key.scope_names)
    context = {
        "key": key,
        "form": form,
        "catalogue": offer.scopes_by_resource,
        "presets": PRESETS,
        "channels": offer.channels,
        "tiers": offer.tiers,
        "bot_networks": key.bot_networks,
        "network_rows": form.network_rows,
        "network_draft": form.network_draft,
        "my_address": client_ip(request) or "",
        "may_inherit": key.creator is not None,
        "earliest_date": timezone.now().date(),
        "held": held,
        "is_used": scope_usage.with_calls_this_week(key, offer.catalogue, held),
        "section": "keys",
    }
    return render(request, "keys/edit.html", context | more, status=status)


def _changed_meanwhile(
    request: HttpRequest, user: CurrentUser, form: EditForm, error: ConflictError, key: UUID
) -> HttpResponse:
    """What was typed stays, on top of what the other changed, for who still wants to save it."""
    row = lookup.find(user, key, Permission.EDIT_KEYS, with_lists=True)
    initial = form.on_top_of(EditForm.initial_for(row))
    again = EditForm(initial=initial, offer=_offer(user, row), key=row)
    return _form(request, row, again, status=409, conflict=error.message, event=error.event)


def _shown(request: HttpRequest, key: Any, message: str = "") -> HttpResponseBase:
    if not htmx.is_htmx(request):
        if message:
            messages.success(request, message)
        return redirect("keys:detail", key.id)
    response = render(request, "keys/_description.html", {"key": key, "may_edit": True, "just_edited": True})
    return trigger_client_event(response, "toast", {"message": message}) if message else response


def _in_place(request: HttpRequest, key: Any, form: DescriptionForm, status: int = 200) -> HttpResponse:
    part = "#form" if htmx.is_htmx(request) else ""
    context = {"key": key, "form": form, "section": "keys"}
    return render(request, f"keys/description.html{part}", context, status=status)


def _written_meanwhile(request: HttpRequest, key: Any, form: DescriptionForm) -> HttpResponse:
    """The other's words are shown, and a second Enter replaces them."""
    values = {"description": form.cleaned_data["description"], "was": key.description}
    again = DescriptionForm(values)
    words = gettext("Someone else changed it to “%(text)s”. Enter replaces that.")
    again.add_error("description", words % {"text": key.description})
    return _in_place(request, key, again, status=409)
