"""Pages of bots: the list, a bot's own page and its settings."""

from functools import partial
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from keyadmin.core.errors import ConflictError, InvalidInputError, NotFoundError
from keyadmin.forms.bots import BotForm, DescriptionForm, NewBotForm
from keyadmin.forms.searches import BotFilters
from keyadmin.models import AllowListEntry, Bot, Key, paging
from keyadmin.operations import policy
from keyadmin.operations.organisations import bots
from keyadmin.operations.policy import Permission
from keyadmin.web.allow_lists import editor
from keyadmin.web.common import capped_count, htmx, impact
from keyadmin.web.common.current_user import CurrentUser, get_current_user
from keyadmin.web.common.enable_disable import Switch, asked
from keyadmin.web.common.list_view import Listing
from keyadmin.web.keys import table

SIZE: Final = 20
#: Keys that a bot's page lists; the others are in the list of keys.
MOST_KEYS: Final = 50
_ORDER: Final = paging.Order("name", False, str, UUID)


@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    user = get_current_user(request)
    if not user.can_read_anything:
        return render(request, "nothing.html", status=403)
    listing = Listing(request, user, BotFilters, reverse("bots:list"))
    found = Bot.objects.visible_to(user.actor).select_related("organisation")
    if listing.organisation:
        found = found.filter(organisation=listing.organisation)
    if q := listing.chosen.get("q"):
        found = found.filter(name__icontains=q)
    context = listing.page(found, _ORDER, SIZE)
    _count(user, context["rows"])
    organisations = [listing.organisation] if listing.organisation else user.organisations
    context["may_create"] = any(Permission.MANAGE_BOTS in user.permissions(o.id) for o in organisations)
    context["section"] = "bots"
    return render(request, f"bots/list.html{'#rows' if htmx.is_htmx(request) else ''}", context)


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponseBase:
    user = get_current_user(request)
    offered = [o for o in user.organisations if Permission.MANAGE_BOTS in user.permissions(o.id) and o.is_active]
    if not offered:
        raise _may_not_create(user)
    initial = {"organisation": _preferred(request) or offered[0].slug, "is_conversational": True}
    form = NewBotForm(request.POST if request.method == "POST" else None, organisations=offered, initial=initial)
    if form.is_valid():
        try:
            made = bots.create(actor=user.actor, **form.values())
        except InvalidInputError as error:
            form.refuse(error)
        else:
            return htmx.gone_to(request, gettext("Bot created"), page_of(made))
    context = {"form": form, "asks_organisation": len(offered) > 1, "section": "bots"}
    return render(request, "bots/create.html", context, status=htmx.status_of(form))


@require_safe
def detail(request: HttpRequest, bot: UUID, tab: str = "basic") -> HttpResponse:
    """A conversational bot has two tabs; another shows its keys and allow-list at once."""
    user = get_current_user(request)
    row = bot_for(user, bot, Permission.READ_ORGANISATION)
    granted = user.permissions(row.organisation_id)
    context = {
        "bot": row,
        "tab": tab if row.is_conversational else "",
        "may_manage": Permission.MANAGE_BOTS in granted,
        "may_issue": Permission.ISSUE_KEYS in granted and row.is_active and row.organisation.is_active,
        "section": "bots",
    }
    if context["tab"] == "basic":
        return render(request, "bots/detail.html", context)
    context |= _keys(user, row)
    context["editor"] = editor.of_bot(request, user, row, keys=context["key_count"])
    return render(request, f"bots/detail.html{'#keys' if htmx.is_htmx(request) else ''}", context)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, bot: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = bot_for(user, bot, Permission.MANAGE_BOTS)
    initial = {field: getattr(row, field) for field in ("name", "description", "is_conversational")}
    form = BotForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        try:
            bots.edit(actor=user.actor, bot=row.id, **form.cleaned_data)
        except InvalidInputError as error:
            form.refuse(error)
        else:
            return htmx.gone_to(request, gettext("Bot saved"), page_of(row))
    context = {"form": form, "bot": row, "section": "bots"}
    return render(request, "bots/edit.html", context, status=htmx.status_of(form))


@require_http_methods(["GET", "HEAD", "POST"])
def description(request: HttpRequest, bot: UUID) -> HttpResponseBase:
    """The description edited in place: GET with `?edit=1` shows the field, without it the text."""
    user = get_current_user(request)
    row = bot_for(user, bot, Permission.MANAGE_BOTS)
    form = DescriptionForm(request.POST if request.method == "POST" else None, initial={"description": row.description})
    if form.is_valid() and form.cleaned_data["description"] != row.description:
        try:
            row = bots.edit(actor=user.actor, bot=row.id, description=form.cleaned_data["description"])
        except InvalidInputError as error:
            form.refuse(error)
    editing = bool(form.errors) or (request.method != "POST" and "edit" in request.GET)
    if not htmx.is_htmx(request) and not editing:
        return redirect(page_of(row))
    part = "bots/_description.html" if htmx.is_htmx(request) else "bots/description.html"
    context = {"bot": row, "form": form, "editing": editing, "may_manage": True, "section": "bots"}
    return render(request, part, context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def disable(request: HttpRequest, bot: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = bot_for(user, bot, Permission.MANAGE_BOTS)
    if not row.is_active:
        raise ConflictError(gettext("This bot is already disabled."))
    action = reverse("bots:disable", args=[row.id])
    switch = Switch(row.name, page_of(row), action, gettext("Disable bot"), gettext("Bot disabled"))
    act = partial(bots.disable, actor=user.actor, bot=row.id)
    stopping = impact.context(Key.objects.visible_to(user.actor).filter(bot=row))
    return asked(request, "_disable.html", switch, act, {"affected": stopping, "section": "bots"})


@require_http_methods(["GET", "HEAD", "POST"])
def enable(request: HttpRequest, bot: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = bot_for(user, bot, Permission.MANAGE_BOTS)
    if row.is_active:
        raise ConflictError(gettext("This bot is already enabled."))
    action = reverse("bots:enable", args=[row.id])
    switch = Switch(row.name, page_of(row), action, gettext("Enable bot"), gettext("Bot enabled"))
    act = partial(bots.enable, actor=user.actor, bot=row.id)
    return asked(request, "_enable.html", switch, act, {"section": "bots"})


def bot_for(user: CurrentUser, bot: UUID, permission: Permission) -> Any:
    """The bot, for who may know of it and has the permission; else NotFound or Forbidden."""
    row = Bot.objects.visible_to(user.actor).select_related("organisation").filter(id=bot).first()
    if row is None:
        raise NotFoundError
    if permission not in user.permissions(row.organisation_id):
        raise policy.forbidden(permission, permission, row.organisation)
    user.page_organisation = row.organisation
    return row


def page_of(bot: Bot) -> str:
    return reverse("bots:detail", args=[bot.id])


def keys_of(bot: Bot) -> str:
    """Where its keys and its allow-list are."""
    return reverse("bots:advanced", args=[bot.id]) if bot.is_conversational else page_of(bot)


def _keys(user: CurrentUser, bot: Bot) -> dict[str, Any]:
    found = Key.objects.visible_to(user.actor).filter(bot=bot)
    rows = list(table.listed(found).order_by("-created_at", "-id")[:MOST_KEYS])
    table.prepare(rows, user, table.usage_by_key([key.id for key in rows]))
    count = capped_count.capped({"all": found})[
        "all"
    ]  # asked of few as well: a page costs the same however many there are
    return {"keys": rows, "key_count": count, "key_words": capped_count.words(count)}


def _count(user: CurrentUser, rows: list[Any]) -> None:
    counts = capped_count.capped(
        {f"keys {bot.id}": Key.objects.visible_to(user.actor).filter(bot=bot) for bot in rows}
        | {f"ranges {bot.id}": AllowListEntry.objects.filter(bot=bot) for bot in rows}  # who sees a bot sees its list
    )
    for bot in rows:
        bot.key_count, bot.range_count = counts[f"keys {bot.id}"], counts[f"ranges {bot.id}"]
        bot.keys_url = keys_of(bot)


def _preferred(request: HttpRequest) -> str:
    """The organisation whose page the user came from."""
    behind = QueryDict(htmx.page_behind(request).partition("?")[2]) if htmx.is_htmx(request) else QueryDict()
    return request.GET.get("organisation") or behind.get("organisation", "")


def _may_not_create(user: CurrentUser) -> Exception:
    if not user.organisations:
        return NotFoundError()
    needed = Permission.MANAGE_BOTS
    able = [o for o in user.organisations if needed in user.permissions(o.id)]
    if able:
        return ConflictError(gettext("%(owner)s is disabled. Enable it first.") % {"owner": able[0].name})
    return policy.forbidden(needed, needed, user.organisations[0])
