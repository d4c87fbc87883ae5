"""What the shell around every page shows. Values are read only when a template asks for them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise, SimpleLazyObject, cached_property
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from keyadmin.models import Bot, Key, Organisation
from keyadmin.web.common import capped_count, querystring, shortcuts
from keyadmin.web.common.current_user import CurrentUser, get_current_user
from keyadmin.web.common.preferences import theme_of


def everybody(user: CurrentUser) -> bool:
    """Everybody who reads anything at all."""
    return True


def system(user: CurrentUser) -> bool:
    return bool(user.person.system_role)


def owners(user: CurrentUser) -> bool:
    """Who reads single organisations, which each have a page, instead of all."""
    return not user.person.system_role


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the sidebar, for those whom `may` lets in."""

    slug: str
    label: Promise
    icon: str
    url_name: str
    may: Callable[[CurrentUser], bool] = everybody
    query: dict[str, str] = field(default_factory=dict)
    #: Rows whose number stands beside it.
    counts: Any = None
    #: Its address names an organisation, the present one or the reader's first.
    is_of_one: bool = False

    def item(self, user: CurrentUser, organisation: Organisation | None, count: str) -> dict[str, Any]:
        if self.is_of_one:
            url = reverse(self.url_name, args=[(organisation or user.organisations[0]).slug])
        else:
            kept = {"organisation": organisation.slug} if organisation else {}
            url = querystring.link(reverse(self.url_name), self.query, **kept)
        is_counted = self.counts is not None
        return {
            "slug": self.slug,
            "label": str(self.label),
            "icon": self.icon,
            "url": url,
            "count": count,
            "is_counted": is_counted,
        }


#: The groups of the sidebar, in order.
NAVIGATION: Final[list[tuple[Promise | str, list[Place]]]] = [
    (
        "",
        [
            Place("overview", _("Overview"), "layout-dashboard", "home"),
            Place("keys", _("API keys"), "key-round", "keys:list", counts=Key.objects),
            Place("bots", _("Bots"), "bot", "bots:list", counts=Bot.objects),
            Place("usage", _("Usage"), "chart-column", "usage"),
        ],
    ),
    (
        _("Security"),
        [
            Place("public", _("Public API keys"), "shield-check", "security:public-keys"),
            Place("ip-lists", _("IP allow-lists"), "globe", "security:allow-lists"),
            Place("history", _("History"), "history", "history:list"),
            Place("review", _("Review report"), "clipboard-check", "review:report"),
        ],
    ),
    (
        _("Admin"),
        [
            Place("master-keys", _("Master User API keys"), "crown", "keys:list", system, {"kind": "master"}),
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
    "keys:list",
    "history:list",
    "bots:list",
    "security:public-keys",
    "security:allow-lists",
    "people:list",
    "channels:list",
    "settings",
    "home",
    "usage",
    "review:report",
    "explain",
]


def shell(request: HttpRequest) -> dict[str, Any]:
    """theme, shortcuts_off; and for who has signed in: me, navigation, switcher."""
    made = SimpleLazyObject(lambda: Shell(request, get_current_user(request)))
    lazy = {name: _later(request, made, name) for name in ("me", "navigation", "switcher")}
    return {"theme": theme_of(request), "shortcuts_off": shortcuts.are_off(request)} | lazy


def _later(request: HttpRequest, made: Any, name: str) -> SimpleLazyObject:
    def value() -> Any:
        user = getattr(request, "user", None)
        return getattr(made, name) if user is not None and user.is_authenticated else None

    return SimpleLazyObject(value)


class Shell:
    """What the shell shows to one user on one page."""

    def __init__(self, request: HttpRequest, user: CurrentUser) -> None:
        self._request = request
        self._user = user

    @property
    def me(self) -> dict[str, str]:
        user, person = self._user, self._user.person
        return {"name": str(person), "email": person.email, "role": user.role_label, "time_zone": person.time_zone}

    @property
    def navigation(self) -> list[dict[str, Any]]:
        """Only pages that exist, and only those the user may use."""
        user = self._user
        if not user.can_read_anything:
            return []
        groups = []
        for title, places in NAVIGATION:
            items = [place.item(user, self._current, self._count(place)) for place in places if place.may(user)]
            if items:
                groups.append({"title": str(title), "items": items})
        return groups

    @property
    def switcher(self) -> dict[str, Any] | None:
        user = self._user
        if not user.organisations:
            return None
        only = user.organisations[0] if len(user.organisations) == 1 and not user.person.system_role else None
        shown = self._current or only
        base = self._base
        choices = [] if only else [{"name": gettext("All organisations"), "url": base, "current": shown is None}]
        for organisation in user.organisations:
            url = f"{base}?{urlencode({'organisation': organisation.slug})}"
            if self._is_of_one:
                url = reverse("organisations:detail", args=[organisation.slug])
            choices.append({"name": organisation.name, "url": url, "current": organisation == shown})
        current = {"name": shown.name, "caption": self._caption(shown)} if shown else None
        return {"current": current, "choices": choices}

    @cached_property
    def _current(self) -> Organisation | None:
        """The one that the page is about, or that its address narrows a list to."""
        shown = self._user.page_organisation
        if shown is None:
            return self._user.organisation(self._request.GET.get("organisation", ""))
        # The same row, with its tier at hand.
        return next((known for known in self._user.organisations if known == shown), shown)

    @cached_property
    def _counts(self) -> dict[str, int]:
        """By the place's slug, what of it the reader may see, in the present organisation if there is one."""
        wanted = {}
        for place in (place for _title, places in NAVIGATION for place in places if place.counts is not None):
            rows = place.counts.visible_to(self._user.actor)
            wanted[place.slug] = rows.filter(organisation=self._current) if self._current else rows
        return capped_count.capped(wanted)

    def _count(self, place: Place) -> str:
        count = self._counts.get(place.slug, 0)
        return capped_count.words(count) if count else ""

    @property
    def _base(self) -> str:
        """Where another organisation is looked at: on this page, if it is a list."""
        lists = [reverse(name) for name in BY_ORGANISATION]
        return self._request.path if self._request.path in lists else lists[0]

    @property
    def _is_of_one(self) -> bool:
        match = self._request.resolver_match
        return match is not None and match.view_name == "organisations:detail"

    def _caption(self, organisation: Organisation) -> str:
        """`6 bots · Standard tier`."""
        count = self._counts["bots"]
        words = ngettext("%(count)s bot · %(tier)s tier", "%(count)s bots · %(tier)s tier", count)
        return words % {"count": capped_count.words(count), "tier": organisation.default_tier.name}
