"""The security pages: the keys of bots with the ranges that apply to them, and all allow-lists."""

from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from keyadmin.core import cidr
from keyadmin.forms.filters import AddressFilters, SearchFilters, without_networks
from keyadmin.models import AllowListEntry, Key, KeyKind, paging
from keyadmin.models.network import usable_from_address
from keyadmin.web.bots import views as bots
from keyadmin.web.common import capped_count, htmx, querystring
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user, requires_read_access
from keyadmin.web.common.list_view import Listing
from keyadmin.web.keys import rows

PAGE_SIZE: Final = 20
ENTRIES_PAGE_SIZE: Final = 50
#: Organisation-wide keys that the page lists. The list of keys has all.
MAX_PUBLIC_KEYS: Final = 50
_BY_OWNER: Final = paging.Order("sort_key", False, str, UUID)
_BY_OWNER_ID: Final = paging.Order("owner_id", False, UUID, UUID)


@require_safe
@requires_read_access
def public_keys(request: PageRequest) -> HttpResponse:
    user = get_current_user(request)
    listing = Listing(request, user, SearchFilters, reverse("security:public-keys"))
    found: Any = rows.readable(user).filter(kind__in=(KeyKind.BOT, KeyKind.PUBLIC))
    if listing.organisation:
        found = found.filter(organisation=listing.organisation)
    if q := listing.filters.get("q"):
        found = found.search(q)
    context = listing.page(found.filter(kind=KeyKind.BOT), paging.NEWEST_FIRST, PAGE_SIZE) | {"section": "public"}
    of_organisations = list(
        found.filter(kind=KeyKind.PUBLIC).order_by("organisation__name", "id")[: MAX_PUBLIC_KEYS + 1]
    )
    context["public_keys"] = of_organisations[:MAX_PUBLIC_KEYS]
    context["has_more_public_keys"] = len(of_organisations) > MAX_PUBLIC_KEYS
    rows.annotate([*context["rows"], *context["public_keys"]], user)
    for key in (*context["rows"], *context["public_keys"]):
        key.own_ranges = [str(entry) for entry in key.allow_list.all()]
    for key in context["rows"]:
        key.whitelist = [str(entry) for entry in key.bot.allow_list.all()]
        key.bot_url = bots.bot_keys_url(key.bot)
    return render(request, f"security/public_keys.html{'#rows' if htmx.is_htmx(request) else ''}", context)


@require_safe
@requires_read_access
def allow_lists(request: PageRequest) -> HttpResponse:
    """All ranges by owner; with `address` in the query, the keys that work from it."""
    user = get_current_user(request)
    listing = Listing(request, user, AddressFilters, reverse("security:allow-lists"), shown_in_form="address")
    context: dict[str, Any] = {"section": "ip-lists", "form": listing.form, "typed": request.GET.get("address", "")}
    address = listing.filters.get("address", "")
    context |= _keys_of_address(user, listing, address) if address else _ranges_by_owner(user, listing)
    part = "#rows" if htmx.is_htmx(request) else ""
    return render(request, f"security/allow_lists.html{part}", context)


def _ranges_by_owner(user: CurrentUser, listing: Listing) -> dict[str, Any]:
    entries = AllowListEntry.objects.visible_to(user.actor).with_sort_key().with_owner()
    if listing.organisation:
        entries = entries.of_organisation(listing.organisation)
    wanted = entries.select_related("bot__organisation", "key__organisation", "key__bot")
    context = listing.page(wanted, _BY_OWNER, ENTRIES_PAGE_SIZE, order_of_many=_BY_OWNER_ID)
    context["owners"] = _by_owner(context["rows"])
    context["is_by_name"] = context["page"].count <= capped_count.COUNT_LIMIT
    return context


def _by_owner(entries: list[Any]) -> list[dict[str, Any]]:
    """Groups of consecutive entries with the same owner."""
    owners: list[dict[str, Any]] = []
    for entry in entries:
        owner = entry.bot or entry.key
        if not owners or owners[-1]["owner"] != owner:
            url = bots.bot_keys_url(owner) if entry.bot_id else reverse("keys:detail", args=[owner.id])
            owners.append({"owner": owner, "is_bot": bool(entry.bot_id), "url": url, "entries": []})
        owners[-1]["entries"].append(entry)
    return owners


def _keys_of_address(user: CurrentUser, listing: Listing, address: str) -> dict[str, Any]:
    keys: Any = rows.readable(user)
    if listing.organisation:
        keys = keys.filter(organisation=listing.organisation)
    context = listing.page(usable_from_address(keys.valid(), address), paging.NEWEST_FIRST, PAGE_SIZE)
    rows.annotate(context["rows"], user)
    at = cidr.address_of(address)
    for key in context["rows"]:
        key.allowed_by = [text for text in _lists(key) if at and cidr.contains(cidr.compile_networks([text]), at)]
    slug = listing.filters.get("organisation", "")
    return context | {
        "address": address,
        "open_count": capped_count.capped_counts({"open": without_networks(keys)})["open"],
        "open_url": querystring.link(reverse("keys:list"), {"open": "any", "organisation": slug}),
        "back_url": querystring.link(listing.url, {"organisation": slug}),
    }


def _lists(key: Key) -> list[cidr.Network]:
    """The networks of the key's own list and of its bot's list."""
    entries = [*key.allow_list.all(), *(key.bot.allow_list.all() if key.bot else ())]
    return [entry.network for entry in entries]
