"""What the shell around every page shows. Values are read only when a template asks for them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from keyadmin.models import Bot, Key, Organisation
from keyadmin.web import counting, links, shortcuts
from keyadmin.web.theme import theme_of
from keyadmin.web.visitors import Visitor, visitor_of


def everybody(visitor: Visitor) -> bool:
    """Everybody who reads anything at all."""
    return True


def system(visitor: Visitor) -> bool:
    return bool(visitor.person.system_role)


def owners(visitor: Visitor) -> bool:
    """Who reads single organisations, which each have a page, instead of all."""
    return not visitor.person.system_role


def administrators(visitor: Visitor) -> bool:
    return visitor.is_administrator


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the sidebar, for those whom `may` lets in."""

    slug: str
    label: Promise
    icon: str
    url_name: str
    may: Callable[[Visitor], bool] = everybody
    query: dict[str, str] = field(default_factory=dict)
    #: Rows whose number stands beside it.
    counts: Any = None
    #: Its address names an organisation, the present one or the reader's first.
    is_of_one: bool = False

    def item(self, visitor: Visitor, organisation: Organisation | None, count: str) -> dict[str, Any]:
        if self.is_of_one:
            url = reverse(self.url_name, args=[(organisation or visitor.organisations[0]).slug])
        else:
            kept = {"organisation": organisation.slug} if organisation else {}
            url = links.link(reverse(self.url_name), self.query, **kept)
        return {"slug": self.slug, "label": str(self.label), "icon": self.icon, "url": url, "count": count}


#: The groups of the sidebar, in order.
NAVIGATION: Final[list[tuple[Promise | str, list[Place]]]] = [
    (
        "",
        [
            Place("keys", _("API keys"), "key-round", "keys:list", counts=Key.objects),
            Place("bots", _("Bots"), "bot", "bots:list", counts=Bot.objects),
        ],
    ),
    (
        _("Security"),
        [
            Place("public", _("Public API keys"), "shield-check", "security:public-keys"),
            Place("ip-lists", _("IP allow-lists"), "globe", "security:allow-lists"),
            Place("history", _("History"), "history", "history:list"),
        ],
    ),
    (
        _("Admin"),
        [
            Place(
                "master-keys", _("Master User API keys"), "key-square", "keys:list", administrators, {"kind": "master"}
            ),
            Place("organisations", _("Organisations"), "building-2", "organisations:list", system),
            Place("organisations", _("Organisation"), "building-2", "organisations:detail", owners, is_of_one=True),
            Place("people", _("People & roles"), "users", "people:list"),
            Place("permissions", _("Permissions"), "list-checks", "permissions:list", system),
            Place("channels", _("Channels"), "radio-tower", "channels:list"),
            Place("tiers", _("Tiers"), "gauge", "tiers:list", system),
            Place("settings", _("Settings"), "settings", "settings"),
        ],
    ),
]
#: The lists that the switcher leads to, if the reader is on one; else to the first.
BY_ORGANISATION: Final = [
    "keys:list", "history:list", "bots:list", "security:public-keys", "security:allow-lists",
    "people:list", "channels:list", "settings",
]  # fmt: skip


def shell(request: HttpRequest) -> dict[str, Any]:
    """theme, shortcuts_off; and for who has signed in: me, navigation, switcher."""
    lazy = {"me": _me, "navigation": _navigation, "switcher": _switcher}
    chosen = {"theme": theme_of(request), "shortcuts_off": shortcuts.are_off(request)}
    return chosen | {name: _later(request, make) for name, make in lazy.items()}


def _later(request: HttpRequest, make: Any) -> SimpleLazyObject:
    def value() -> Any:
        user = getattr(request, "user", None)
        return make(request, visitor_of(request)) if user is not None and user.is_authenticated else None

    return SimpleLazyObject(value)


def _me(request: HttpRequest, visitor: Visitor) -> dict[str, str]:
    person = visitor.person
    return {"name": str(person), "email": person.email, "role": visitor.role_words, "time_zone": person.time_zone}


def _navigation(request: HttpRequest, visitor: Visitor) -> list[dict[str, Any]]:
    """Only pages that exist, and only those the visitor may use."""
    if not visitor.reads:
        return []
    current = _current(request, visitor)
    counts = _counts(visitor, current)
    groups = []
    for title, places in NAVIGATION:
        items = [place.item(visitor, current, counts.get(place.slug, "")) for place in places if place.may(visitor)]
        if items:
            groups.append({"title": str(title), "items": items})
    return groups


def _counts(visitor: Visitor, organisation: Organisation | None) -> dict[str, str]:
    """By the place's slug, what of it the reader may see, in the present organisation if there is one."""
    wanted = {}
    for place in (place for _title, places in NAVIGATION for place in places if place.counts is not None):
        rows = place.counts.visible_to(visitor.actor)
        wanted[place.slug] = rows.filter(organisation=organisation) if organisation else rows
    return {slug: counting.words(count) for slug, count in counting.capped(wanted).items() if count}


def _switcher(request: HttpRequest, visitor: Visitor) -> dict[str, Any] | None:
    if not visitor.organisations:
        return None
    current = _current(request, visitor)
    only = visitor.organisations[0] if len(visitor.organisations) == 1 and not visitor.person.system_role else None
    lists = [reverse(name) for name in BY_ORGANISATION]
    base = request.path if request.path in lists else lists[0]
    choices = [] if only else [{"name": gettext("All organisations"), "url": base, "current": current is None}]
    of_one = request.resolver_match is not None and request.resolver_match.view_name == "organisations:detail"
    for organisation in visitor.organisations:
        url = f"{base}?{urlencode({'organisation': organisation.slug})}"
        if of_one:
            url = reverse("organisations:detail", args=[organisation.slug])
        choices.append({"name": organisation.name, "url": url, "current": organisation == (current or only)})
    shown = current or only
    return {"current": _organisation(shown, visitor) if shown else None, "choices": choices}


def _organisation(organisation: Organisation, visitor: Visitor) -> dict[str, str]:
    membership = visitor.memberships.get(organisation.id)
    return {"name": organisation.name, "caption": str(membership.get_role_display()) if membership else ""}


def _current(request: HttpRequest, visitor: Visitor) -> Organisation | None:
    """The one that the page is about, or that its address narrows a list to."""
    return visitor.shown or visitor.organisation(request.GET.get("organisation", ""))
