"""The shell around every page: sidebar, organisation switcher and the menu of the signed-in person.

`shell` is a context processor. Its values are read from the database only when a template uses them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import HttpRequest
from django.urls import Resolver404, resolve, reverse
from django.utils.functional import Promise, SimpleLazyObject, cached_property
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from keyadmin.models import Bot, Key, Organisation
from keyadmin.web.common import capped_count, htmx, preferences, querystring
from keyadmin.web.common.current_user import SWITCHABLE_PAGES, CurrentUser, get_current_user


def _every_reader(user: CurrentUser) -> bool:
    """All people with access to any keys or history."""
    return True


def _has_system_role(user: CurrentUser) -> bool:
    return bool(user.person.system_role)


def _has_no_system_role(user: CurrentUser) -> bool:
    """People with roles in organisations only. They get a link to one organisation instead of the list of all."""
    return not user.person.system_role


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """A link of the sidebar."""

    slug: str
    label: Promise
    icon: str
    url_name: str
    is_visible_to: Callable[[CurrentUser], bool] = _every_reader
    query: dict[str, str] = field(default_factory=dict)
    #: The manager of the rows whose number the link shows; None for a link without a number.
    counted: Any = None
    #: Whether the URL is that of an organisation: the current one, else the person's first.
    is_organisation_page: bool = False

    def url(self, user: CurrentUser, organisation: Organisation | None) -> str:
        if self.is_organisation_page:
            return reverse(self.url_name, args=[(organisation or user.organisations[0]).slug])
        slug = organisation.slug if organisation else ""
        return querystring.link(reverse(self.url_name), self.query, organisation=slug)


#: The groups of the sidebar, in order: title and links.
NAVIGATION: Final[list[tuple[Promise | str, list[NavigationItem]]]] = [
    (
        "",
        [
            NavigationItem("overview", _("Overview"), "layout-dashboard", "home"),
            NavigationItem("keys", _("API keys"), "key-round", "keys:list", counted=Key.objects),
            NavigationItem("bots", _("Bots"), "bot", "bots:list", counted=Bot.objects),
            NavigationItem("usage", _("Usage"), "chart-column", "usage"),
            NavigationItem("explain", _("Explain"), "route", "explain"),
        ],
    ),
    (
        _("Security"),
        [
            NavigationItem("public", _("Public API keys"), "shield-check", "security:public-keys"),
            NavigationItem("ip-lists", _("IP allow-lists"), "globe", "security:allow-lists"),
            NavigationItem("history", _("History"), "history", "history:list"),
            NavigationItem("review", _("Review report"), "clipboard-check", "review:report"),
        ],
    ),
    (
        _("Admin"),
        [
            NavigationItem(
                "master-keys",
                _("Master User API keys"),
                "crown",
                "keys:list",
                is_visible_to=_has_system_role,
                query={"kind": "master"},
            ),
            NavigationItem(
                "organisations",
                _("Organisations"),
                "building-2",
                "organisations:list",
                is_visible_to=_has_system_role,
            ),
            NavigationItem(
                "organisations",
                _("Organisation"),
                "building-2",
                "organisations:detail",
                is_visible_to=_has_no_system_role,
                is_organisation_page=True,
            ),
            NavigationItem("people", _("People & roles"), "users", "people:list"),
            NavigationItem(
                "permissions", _("Permissions"), "list-checks", "permissions:list", is_visible_to=_has_system_role
            ),
            NavigationItem("channels", _("Channels"), "radio-tower", "channels:list"),
            NavigationItem("tiers", _("Tiers"), "gauge", "tiers:list", is_visible_to=_has_system_role),
            NavigationItem("settings", _("Settings"), "settings", "settings"),
        ],
    ),
]


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context of templates: theme, shortcuts_off, api_docs_url; me, navigation and switcher: None before sign-in."""
    lazy_shell = SimpleLazyObject(lambda: Shell(request, get_current_user(request)))
    context: dict[str, Any] = {
        "theme": preferences.get_theme(request),
        "shortcuts_off": preferences.are_shortcuts_off(request),
        "api_docs_url": reverse("api-docs"),
    }
    for name in ("me", "navigation", "switcher"):
        context[name] = _lazy_attribute(request, lazy_shell, name)
    return context


def _lazy_attribute(request: HttpRequest, lazy_shell: Any, name: str) -> "SimpleLazyObject[Any]":
    def value() -> Any:
        user = getattr(request, "user", None)
        return getattr(lazy_shell, name) if user is not None and user.is_authenticated else None

    return SimpleLazyObject(value)


class Shell:
    """What the shell shows to one person on one page."""

    def __init__(self, request: HttpRequest, user: CurrentUser) -> None:
        self._request = request
        self._user = user

    @property
    def me(self) -> dict[str, Any]:
        user, person = self._user, self._user.person
        return {
            "id": str(person.id),
            "name": str(person),
            "email": person.email,
            "is_email_verified": person.is_email_verified,
            "disabled_organisations": user.disabled_organisations,
            "role": user.role_label,
            "time_zone": person.time_zone,
        }

    @property
    def navigation(self) -> list[dict[str, Any]]:
        """The groups with the links that the person may use; empty for a person who may read nothing."""
        if not self._user.can_read_anything:
            return []
        groups = []
        for title, links in NAVIGATION:
            items = [self._item(link) for link in links if link.is_visible_to(self._user)]
            if items:
                groups.append({"title": str(title), "items": items})
        return groups

    def _item(self, link: NavigationItem) -> dict[str, Any]:
        count = self._counts.get(link.slug, 0)
        return {
            "slug": link.slug,
            "label": str(link.label),
            "icon": link.icon,
            "url": link.url(self._user, self._organisation),
            "is_counted": link.counted is not None,
            "count": capped_count.format_count(count) if count else "",
        }

    @property
    def switcher(self) -> dict[str, Any] | None:
        """The organisations to choose from, and the current one; None for a person who reads none."""
        user = self._user
        if not user.organisations:
            return None
        only = user.organisations[0] if len(user.organisations) == 1 and not user.person.system_role else None
        selected = self._organisation or only
        choices = [] if only else [self._choice_of_all(selected)]
        choices += self._choices(user.organisations, selected)
        current = {"name": selected.name, "caption": self._caption(selected)} if selected else None
        return {"current": current, "choices": choices, "is_cut": user.has_unlisted_organisations}

    def find_choices(self, text: str) -> list[dict[str, Any]]:
        """The choices of the switcher whose name contains the text, for the page that sent the htmx request."""
        selected = self._user.selected_organisation
        choices = self._choices(self._user.search_organisations(text), selected)
        return choices if text else [self._choice_of_all(selected), *choices]

    def _choice_of_all(self, selected: Organisation | None) -> dict[str, Any]:
        return {"name": gettext("All organisations"), "url": self._switch_url, "current": selected is None}

    def _choices(self, organisations: Iterable[Organisation], selected: Organisation | None) -> list[dict[str, Any]]:
        choices = []
        for organisation in organisations:
            if self._is_organisation_page:
                url = reverse("organisations:detail", args=[organisation.slug])
            else:
                url = querystring.link(self._switch_url, {"organisation": organisation.slug})
            choices.append({"name": organisation.name, "url": url, "current": organisation == selected})
        return choices

    @cached_property
    def _organisation(self) -> Organisation | None:
        """The organisation that the page is about, else the selected one; None for all."""
        selected = self._user.page_organisation
        if selected is None:
            return self._user.selected_organisation
        # The same row from the list has its tier loaded.
        return next((listed for listed in self._user.organisations if listed == selected), selected)

    @cached_property
    def _counts(self) -> dict[str, int]:
        """Slug of a link → number of rows that the person may read, in the current organisation if there is one."""
        counted = {}
        for _title, links in NAVIGATION:
            for link in links:
                if link.counted is not None:
                    rows = link.counted.visible_to(self._user.actor)
                    counted[link.slug] = rows.filter(organisation=self._organisation) if self._organisation else rows
        return capped_count.capped_counts(counted)

    @property
    def _switch_url(self) -> str:
        """The path of the switcher's links, which add the filter `organisation`."""
        paths = [reverse(name) for name in SWITCHABLE_PAGES]
        return self._page_path if self._page_path in paths else paths[0]

    @property
    def _is_organisation_page(self) -> bool:
        try:
            return resolve(self._page_path).view_name == "organisations:detail"
        except Resolver404:
            return False

    @property
    def _page_path(self) -> str:
        """The path of the page, also for the requests of its switcher."""
        if self._request.path != reverse("switcher"):
            return self._request.path
        return htmx.current_page_url(self._request).partition("?")[0]

    def _caption(self, organisation: Organisation) -> str:
        """`6 bots · Standard tier`."""
        count = self._counts["bots"]
        caption = ngettext("%(count)s bot · %(tier)s tier", "%(count)s bots · %(tier)s tier", count)
        return caption % {"count": capped_count.format_count(count), "tier": organisation.default_tier.name}
