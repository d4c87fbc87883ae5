"""Pages of bots: the list, a bot's page, its settings, and a new API key for it."""

import secrets
from functools import partial
from typing import Any, Final, Never
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from keyadmin.core.errors import InvalidInputError, NotFoundError, StaleRevisionError
from keyadmin.forms.bots import DEFAULT_SCOPES, BotKeyForm, EditBotForm, NewBotForm, bot_owner_value
from keyadmin.forms.filters import SearchFilters
from keyadmin.models import AllowListEntry, Bot, Key, KeyKind, Scope, paging
from keyadmin.operations import keys, policy
from keyadmin.operations.organisations import bots, key_owners
from keyadmin.operations.policy import Permission
from keyadmin.web.allow_lists import editor
from keyadmin.web.common import capped_count, htmx, impact, querystring
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user, requires_read_access
from keyadmin.web.common.enable_disable import EnableDisableDialog, enable_disable_dialog
from keyadmin.web.common.inline_edit import InlineDescription
from keyadmin.web.common.list_view import Listing
from keyadmin.web.keys import rows, secret_reveal

PAGE_SIZE: Final = 20
#: The number of keys that a bot's page lists. The list of public API keys has all of them.
MAX_LISTED_KEYS: Final = 50


@require_safe
@requires_read_access
def list_(request: PageRequest) -> HttpResponse:
    user = get_current_user(request)
    listing = Listing(request, user, SearchFilters, reverse("bots:list"))
    found = Bot.objects.visible_to(user.actor).select_related("organisation")
    if listing.organisation:
        found = found.filter(organisation=listing.organisation)
    if q := listing.filters.get("q"):
        found = found.search(q)
    context = listing.page(found, paging.BY_NAME, PAGE_SIZE)
    _annotate_counts(user, context["rows"])
    context["may_create"] = user.may_in_any(Permission.MANAGE_BOTS, listing.organisation)
    context["section"] = "bots"
    return render(request, f"bots/list.html{'#rows' if htmx.is_htmx(request) else ''}", context)


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: PageRequest) -> HttpResponseBase:
    user = get_current_user(request)
    organisations = [
        organisation
        for organisation in user.organisations
        if organisation.is_active and Permission.MANAGE_BOTS in user.permissions(organisation.id)
    ]
    if not organisations:
        _raise_create_error(user)
    initial = {"organisation": htmx.current_organisation_slug(request)}
    form = NewBotForm(htmx.submitted(request), organisations=organisations, initial=initial)
    if form.is_valid():
        try:
            bot = bots.create(actor=user.actor, **form.values())
        except InvalidInputError as error:
            form.add_operation_errors(error)
        else:
            return htmx.redirect_to(request, gettext("Bot created"), bot_url(bot))
    context = {
        "form": form,
        "shows_organisation": len(organisations) > 1,
        "back_url": user.list_url("bots:list"),
        "section": "bots",
    }
    return render(request, "bots/create.html", context, status=htmx.form_status(form))


@require_safe
def detail(request: PageRequest, bot: UUID, tab: str = "basic") -> HttpResponse:
    """A bot's page. It has two tabs for a conversational bot, and no tabs for any other bot."""
    user = get_current_user(request)
    row = get_bot(user, bot, Permission.READ_ORGANISATION)
    permissions = user.permissions(row.organisation_id)
    context: dict[str, Any] = {
        "bot": row,
        "tab": tab if row.is_conversational else "",
        "may_manage": Permission.MANAGE_BOTS in permissions,
        "may_issue": Permission.ISSUE_KEYS in permissions and row.is_active and row.organisation.is_active,
        "section": "bots",
    }
    if context["tab"] == "basic":
        return render(request, "bots/detail.html", context)
    context |= _keys_context(user, row)
    context["editor"] = editor.of_bot(request, user, row, keys=context["key_count"])
    return render(request, f"bots/detail.html{'#keys' if htmx.is_htmx(request) else ''}", context)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: PageRequest, bot: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = get_bot(user, bot, Permission.MANAGE_BOTS)
    context = {"bot": row, "back_url": bot_url(row), "section": "bots"}
    form = EditBotForm(htmx.submitted(request), initial=EditBotForm.initial_for(row))
    if form.is_valid():
        try:
            bots.edit(actor=user.actor, bot=row.id, **form.values())
        except InvalidInputError as error:
            form.add_operation_errors(error)
        except StaleRevisionError as error:
            present = get_bot(user, bot, Permission.MANAGE_BOTS)
            context |= {"form": EditBotForm(initial=form.merged_with(present)), "bot": present}
            context |= {"conflict": error.message, "event": error.event}
            return render(request, "bots/edit.html", context, status=409)
        else:
            return htmx.redirect_to(request, gettext("Bot saved"), bot_url(row))
    context["form"] = form
    return render(request, "bots/edit.html", context, status=htmx.form_status(form))


@require_http_methods(["GET", "HEAD", "POST"])
def description(request: PageRequest, bot: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = get_bot(user, bot, Permission.MANAGE_BOTS)
    inline = InlineDescription(
        row=row,
        edit_url=reverse("bots:description", args=[row.id]),
        page_url=bot_url(row),
        list_url=reverse("bots:list"),
        list_label=gettext("Bots"),
        section="bots",
    )
    return inline.edit(request, partial(bots.edit, actor=user.actor, bot=row.id))


@require_http_methods(["GET", "HEAD", "POST"])
def disable(request: PageRequest, bot: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = get_bot(user, bot, Permission.MANAGE_BOTS)
    bots.require_state_change(row, active=False)
    dialog = EnableDisableDialog(
        owner_name=row.name,
        owner_url=bot_url(row),
        action_url=reverse("bots:disable", args=[row.id]),
        submit_label=gettext("Disable bot"),
        success_message=gettext("Bot disabled"),
    )
    context = {"impact": impact.of_disabling(Key.objects.visible_to(user.actor).filter(bot=row)), "section": "bots"}
    operation = partial(bots.disable, actor=user.actor, bot=row.id)
    return enable_disable_dialog(request, "_disable.html", dialog, operation, context)


@require_http_methods(["GET", "HEAD", "POST"])
def enable(request: PageRequest, bot: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = get_bot(user, bot, Permission.MANAGE_BOTS)
    bots.require_state_change(row, active=True)
    dialog = EnableDisableDialog(
        owner_name=row.name,
        owner_url=bot_url(row),
        action_url=reverse("bots:enable", args=[row.id]),
        submit_label=gettext("Enable bot"),
        success_message=gettext("Bot enabled"),
    )
    operation = partial(bots.enable, actor=user.actor, bot=row.id)
    return enable_disable_dialog(request, "_enable.html", dialog, operation, {"section": "bots"})


@require_http_methods(["GET", "HEAD", "POST"])
def create_key(request: PageRequest, bot: UUID) -> HttpResponse:
    """Create a key with DEFAULT_SCOPES and the organisation's default expiry. The user only enters a description."""
    user = get_current_user(request)
    row = get_bot(user, bot, Permission.ISSUE_KEYS)
    key_owners.require_active(row.organisation, row)
    scopes = list(Scope.objects.filter(name__in=DEFAULT_SCOPES))
    full_form_url = querystring.link(reverse("keys:create"), {"owner": bot_owner_value(row.id)})
    if not scopes:  # the catalogue has none of them, so the permissions must be chosen
        return redirect(full_form_url)
    form = BotKeyForm(htmx.submitted(request), initial={"idempotency_key": secrets.token_urlsafe(24)})
    if form.is_valid():
        values = form.values(row, [scope.name for scope in scopes])
        operation = partial(keys.issue, actor=user.actor, **values)
        if shown := secret_reveal.run_once(request, user, form, operation, section="bots", back_url=bot_keys_url(row)):
            return shown
    context = {
        "form": form,
        "bot": row,
        "scopes": scopes,
        "expires_at": keys.default_expires_at(row.organisation, KeyKind.BOT),
        "has_ranges": row.allow_list.exists(),
        "back_url": bot_keys_url(row),
        "full_form_url": full_form_url,
        "sensitive": [scope for scope in scopes if scope.is_sensitive],
        "section": "bots",
    }
    return render(request, "bots/new_key.html", context, status=htmx.form_status(form))


def get_bot(user: CurrentUser, bot: UUID, permission: Permission) -> Bot:
    """The bot, if the user may see it and has the permission. Raises NotFoundError or ForbiddenError."""
    row: Bot | None = Bot.objects.visible_to(user.actor).select_related("organisation").filter(id=bot).first()
    if row is None:
        raise NotFoundError
    if permission not in user.permissions(row.organisation_id):
        raise policy.forbidden(permission, permission, row.organisation)
    return row


def bot_url(bot: Bot) -> str:
    """The URL of the bot's page."""
    return reverse("bots:detail", args=[bot.id])


def bot_keys_url(bot: Bot) -> str:
    """The URL of the page with the bot's keys and allow-list."""
    return reverse("bots:advanced", args=[bot.id]) if bot.is_conversational else bot_url(bot)


def _keys_context(user: CurrentUser, bot: Bot) -> dict[str, Any]:
    """The newest keys of the bot and the number of all, with the same number of statements for any number of keys."""
    bot_keys = Key.objects.visible_to(user.actor).filter(bot=bot)
    listed = list(rows.listed(bot_keys).order_by("-created_at", "-id")[:MAX_LISTED_KEYS])
    rows.annotate(listed, user, rows.usage_by_key([key.id for key in listed]))
    count = capped_count.capped_counts({"all": bot_keys})["all"]
    return {"keys": listed, "key_count": count, "formatted_key_count": capped_count.format_count(count)}


def _annotate_counts(user: CurrentUser, listed: list[Any]) -> None:
    """Set key_count, range_count and keys_url on each bot."""
    visible_keys = Key.objects.visible_to(user.actor)
    counts = capped_count.capped_counts(
        {f"keys {bot.id}": visible_keys.filter(bot=bot) for bot in listed}
        | {f"ranges {bot.id}": AllowListEntry.objects.filter(bot=bot) for bot in listed}
    )
    for bot in listed:
        bot.key_count, bot.range_count = counts[f"keys {bot.id}"], counts[f"ranges {bot.id}"]
        bot.keys_url = bot_keys_url(bot)


def _raise_create_error(user: CurrentUser) -> Never:
    """Raise the error that says why the user cannot create a bot in any organisation."""
    if not user.organisations:
        raise NotFoundError
    permission = Permission.MANAGE_BOTS
    for organisation in user.organisations:
        if permission in user.permissions(organisation.id):
            key_owners.require_active(organisation)
    raise policy.forbidden(permission, permission, user.organisations[0])
