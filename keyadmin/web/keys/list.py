"""The list of keys: filters, tabs, order and a page of rows."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import F, QuerySet, TextField, Value
from django.db.models.functions import Cast
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext, ngettext

from keyadmin.core.errors import NotFoundError
from keyadmin.forms.filters import NO_BOT, OPEN, SORTS, USED, KeyFilters, filter_keys
from keyadmin.models import Bot, Key, Kind, Organisation, Scope, Status, paging
from keyadmin.operations.policy import Permission
from keyadmin.web.common import capped_count, querystring
from keyadmin.web.common.current_user import CurrentUser
from keyadmin.web.keys import summary as key_tiles
from keyadmin.web.keys import table

SIZE: Final = 20
_ORDERS: Final = {
    "newest": paging.Order("created_at", True, datetime.fromisoformat, UUID),
    "oldest": paging.Order("created_at", False, datetime.fromisoformat, UUID),
    "name": paging.Order("name", False, str, UUID),
    "-name": paging.Order("name", True, str, UUID),
    "used": paging.Order("last_used_at", True, datetime.fromisoformat, UUID, nullable=True, day="last_used_day"),
    "-used": paging.Order("last_used_at", False, datetime.fromisoformat, UUID, nullable=True, day="last_used_day"),
    "expires": paging.Order("expires_at", False, datetime.fromisoformat, UUID, nullable=True),
    "-expires": paging.Order("expires_at", True, datetime.fromisoformat, UUID, nullable=True),
}
_USUAL: Final = "newest"
#: The orders that a column's head switches between.
_HEADS: Final = {"name": ("name", "-name"), "used": ("used", "-used"), "expires": ("expires", "-expires")}
#: Bots that the filter offers; whoever has more finds them by searching.
_MOST_BOTS: Final = 100
#: What is a filter of the popover.
_NARROWING: Final = {"q", "bot", "scope", "open", "used"}
_FILTERS: Final = ("bot", "scope", "open", "used", "kind")


@dataclass
class KeyList:
    """One reader's view of the list, for one address."""

    user: CurrentUser
    chosen: dict[str, Any]
    cursor: str
    organisation: Organisation | None
    url: str = field(default_factory=lambda: reverse("keys:list"))

    @classmethod
    def of(cls, request: HttpRequest, user: CurrentUser) -> "KeyList":
        chosen = KeyFilters(request.GET).accepted()
        slug = chosen.get("organisation", "")
        organisation = user.organisation(slug)
        if slug and organisation is None:
            raise NotFoundError
        return cls(user, chosen, request.GET.get("cursor", ""), organisation)

    @cached_property
    def query(self) -> dict[str, str]:
        return querystring.as_typed(self.chosen)

    @cached_property
    def scope(self) -> QuerySet[Any]:
        """What the tiles count: all keys of the organisation and kind."""
        rows: QuerySet[Any] = Key.objects.visible_to(self.user.actor)
        if self.organisation is not None:
            rows = rows.filter(organisation=self.organisation.id)
        return rows.filter(kind=self.chosen["kind"]) if "kind" in self.chosen else rows

    @cached_property
    def found(self) -> Any:
        """What the tabs count: the scope as far as it matches the filters, whatever its status."""
        return filter_keys(self.scope, self.chosen)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Without the tabs that are not looked at where something narrows a list of very many: each is a search."""
        tabs = {"all": self.found} | {s.value: self.found.in_status(s.value) for s in Status}
        if not self.chosen.keys() & _NARROWING:
            return capped_count.capped(key_tiles.counted(self.scope) | tabs)
        shown = self.chosen.get("status", "all")
        first = key_tiles.counted(self.scope) | {shown: tabs.pop(shown)}
        return capped_count.capped_where_few(first, tabs, "tile:all")

    def context(self) -> dict[str, Any]:
        status = self.chosen.get("status", "")
        count = self.counts[status or "all"]
        found = self.found.in_status(status) if status else self.found
        rows = table.listed(paging.materialize_ids_first(found) if count <= capped_count.COUNT_LIMIT else found)
        order = _ORDERS[self.chosen.get("sort", _USUAL)]
        if order.day:  # an inner join, which may begin with the meters
            rows = rows.filter(meter__isnull=False)
        page = paging.page(rows, order, self.cursor, SIZE)
        table.prepare(page.rows, self.user, table.usage_by_key([key.id for key in page.rows]))
        is_master = self.chosen.get("kind") == Kind.MASTER
        return {
            "keys": page.rows,
            "may_create": self.may_create,
            "may_revoke": any(key.may["revoke"] for key in page.rows),
            "create_url": self._create_url(is_master=is_master),
            "tiles": self.tiles(),
            "tabs": self.tabs(),
            "sorts": self.sorts(),
            "filters": self.filters(),
            "query": self.query,
            "page": self._page(page, count),
            "is_filtered": bool(self.chosen.keys() - {"sort", "organisation"}),
            "is_master": is_master,
            "section": "master-keys" if is_master else "keys",
        }

    def tiles(self) -> list[dict[str, Any]]:
        name, at = key_tiles.expiring(self.scope).values_list("name", "expires_at").first() or ("", None)
        return key_tiles.tiles(
            self.counts,
            self.chosen,
            self.url,
            self.query,
            next_to_expire=key_tiles.next_to_expire(name, at),
            last=key_tiles.last(self.scope, self.counts),
        )

    def sorts(self) -> dict[str, dict[str, str]]:
        """By column: where its head leads, and which way the list is sorted by it."""
        chosen = self.chosen.get("sort", _USUAL)
        found = {}
        for column, directions in _HEADS.items():
            other = {name: directions[1 - place] for place, name in enumerate(directions)}
            order = _ORDERS[chosen]
            way = ("descending" if order.descending else "ascending") if chosen in directions else ""
            url = querystring.link(self.url, self.query, sort=other.get(chosen, directions[0]))
            found[column] = {"url": url, "way": way}
        return found

    def filters(self) -> dict[str, Any]:
        """The choices of the popover, and how many of them are in force."""
        bots, scopes = self._offered()
        return {
            "bots": bots,
            "scopes": scopes,
            "kinds": Kind.choices,
            "open": OPEN,
            "used": USED,
            "sorts": SORTS,
            "no_bot": NO_BOT,
            "count": len(self.chosen.keys() & set(_FILTERS)),
            "clear_url": querystring.link(self.url, {n: v for n, v in self.query.items() if n not in _FILTERS}),
        }

    def _offered(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Bots and permissions to filter by, value and label of each, in one statement."""
        bots: Any = Bot.objects.visible_to(self.user.actor)
        if self.organisation is not None:
            bots = bots.filter(organisation=self.organisation.id)
        some = bots.order_by("name", "id").values("id")[:_MOST_BOTS]
        named = Bot.objects.filter(id__in=some).order_by()
        rows = named.values_list(Value(0), "name", Cast("id", TextField())).union(
            Scope.objects.order_by().values_list(F("position") + 1, "label", Cast("name", TextField())), all=True
        )
        found = sorted(rows.order_by())
        scopes = [(value, label) for position, label, value in found if position]
        return [(value, label) for position, label, value in found if not position], scopes

    def _create_url(self, *, is_master: bool) -> str:
        query = {"organisation": self.query.get("organisation"), "kind": Kind.MASTER.value if is_master else ""}
        return querystring.link(reverse("keys:create"), query)

    @property
    def may_create(self) -> bool:
        organisations = [self.organisation] if self.organisation else self.user.organisations
        return any(Permission.ISSUE_KEYS in self.user.permissions(o.id) for o in organisations)

    def tabs(self) -> list[dict[str, Any]]:
        current = self.chosen.get("status", "")
        labels = [
            ("", gettext("All")),
            (Status.ACTIVE.value, gettext("Active")),
            (Status.EXPIRING.value, gettext("Expiring")),
            (Status.EXPIRED.value, gettext("Expired")),
            (Status.REVOKED.value, gettext("Revoked")),
        ]
        if self.counts.get(Status.PAUSED, 1) or current == Status.PAUSED:
            labels.insert(-1, (Status.PAUSED.value, gettext("Paused")))
        return [
            {
                "label": label,
                "count": capped_count.words(self.counts[status or "all"]) if (status or "all") in self.counts else "",
                "url": querystring.link(self.url, self.query, status=status),
                "current": status == current,
            }
            for status, label in labels
        ]

    def _page(self, page: paging.Page, total: int) -> dict[str, Any]:
        shown = capped_count.words(total)
        if page.is_first and page.rows:
            summary = gettext("1–%(last)s of %(total)s") % {"last": len(page.rows), "total": shown}
        else:
            summary = ngettext("%(total)s key", "%(total)s keys", total) % {"total": shown}
        return {
            "previous_url": querystring.link(self.url, self.query, cursor=page.before) if page.before else "",
            "next_url": querystring.link(self.url, self.query, cursor=page.after) if page.after else "",
            "summary": summary,
            "count": total,
            "total": shown,
        }
