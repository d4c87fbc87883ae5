"""The list of API keys: tiles, status tabs, filters, order, and one page of rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Cast
from django.db.models.lookups import IsNull
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from keyadmin.forms.filters import (
    ALLOW_LIST_CHOICES,
    LAST_USE_CHOICES,
    NO_BOT,
    SORT_CHOICES,
    KeyFilters,
    filter_keys,
    without_networks,
)
from keyadmin.models import Bot, Key, KeyKind, KeyStatus, Meter, Scope, paging
from keyadmin.operations.policy import Permission
from keyadmin.web.common import capped_count, htmx, querystring
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user, requires_read_access
from keyadmin.web.common.list_view import filter_chips, page_foot, rows_before, rows_to_count
from keyadmin.web.keys import rows
from keyadmin.web.keys.rows import DailyUsage
from keyadmin.web.templatetags.ui import compact, relative_time

PAGE_SIZE: Final = 20
ORDERS: Final = {
    "newest": paging.Order("created_at", True, datetime.fromisoformat, UUID),
    "oldest": paging.Order("created_at", False, datetime.fromisoformat, UUID),
    "name": paging.Order("name", False, str, UUID),
    "-name": paging.Order("name", True, str, UUID),
    "used": paging.Order("last_used_at", True, datetime.fromisoformat, UUID, nullable=True, day="last_used_day"),
    "-used": paging.Order("last_used_at", False, datetime.fromisoformat, UUID, nullable=True, day="last_used_day"),
    "expires": paging.Order("expires_at", False, datetime.fromisoformat, UUID, nullable=True),
    "-expires": paging.Order("expires_at", True, datetime.fromisoformat, UUID, nullable=True),
}
DEFAULT_ORDER: Final = "newest"
#: The two orders that the heading of a column switches between.
COLUMN_ORDERS: Final = {"name": ("name", "-name"), "used": ("used", "-used"), "expires": ("expires", "-expires")}
#: The number of bots that the filter offers. The search finds the keys of other bots by the bot's name.
MAX_BOT_CHOICES: Final = 100
#: Filters that no index supports, so that counting their rows is slow.
SEARCHING_FILTERS: Final = {"q", "bot", "scope", "open", "used"}


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure above a list, for `_tiles.html`. With a URL it links to the rows it counts."""

    label: str
    value: str
    url: str = ""
    is_current: bool = False
    total: str = ""
    note: str = ""
    icon: str = ""
    usage: DailyUsage | None = None


@require_safe
@requires_read_access
def list_(request: PageRequest) -> HttpResponse:
    context = KeyList(request, get_current_user(request)).context()
    part = "#rows" if htmx.is_htmx(request) else ""
    return render(request, f"keys/list.html{part}", context)


class KeyList:
    """The list for one user and one URL."""

    def __init__(self, request: HttpRequest, user: CurrentUser) -> None:
        self.user = user
        self.url = reverse("keys:list")
        self.current_url = request.get_full_path()
        self.filters = KeyFilters(request.GET).valid_values()
        self.query = querystring.from_filters(self.filters)
        if self.filters.get("sort") == DEFAULT_ORDER:
            del self.query["sort"]
        self.cursor = request.GET.get("cursor", "")
        self.organisation = user.get_organisation_or_404(self.filters.get("organisation", ""))
        self.status: str = self.filters.get("status", "")
        self.sort: str = self.filters.get("sort", DEFAULT_ORDER)
        self.order = ORDERS[self.sort]
        self.is_master = self.filters.get("kind") == KeyKind.MASTER

    def context(self) -> dict[str, Any]:
        page = self._page()
        rows.annotate(page.rows, self.user, rows.usage_by_key([key.id for key in page.rows]))
        before = rows_before(self.counts, page, self.order, self.cursor)
        count = self.counts[self.status or "all"]
        return {
            "keys": page.rows,
            "page": page_foot(page, url=self.url, query=self.query, count=count, rows_before=before),
            "may_create": self.user.may_in_any(Permission.ISSUE_KEYS, self.organisation),
            "may_revoke": any(key.may["revoke"] for key in page.rows),
            "create_url": self._create_url(),
            "tiles": self.tiles(),
            "tabs": self.tabs(),
            "sorts": self.sorts(),
            **self.filter_context(),
            "query": self.query,
            "query_string": urlencode(self.query),
            "list_url": self.current_url,
            "is_filtered": bool(self.filters.keys() - {"sort", "organisation"}),
            "export_url": querystring.link(reverse("keys:export"), self.query, sort=""),
            "is_master": self.is_master,
            "section": "master-keys" if self.is_master else "keys",
        }

    @cached_property
    def scope(self) -> QuerySet[Any]:
        """The keys that the tiles count: those of the organisation and the kind."""
        keys: QuerySet[Any] = Key.objects.visible_to(self.user.actor)
        if self.organisation is not None:
            keys = keys.filter(organisation=self.organisation.id)
        return keys.filter(kind=self.filters["kind"]) if "kind" in self.filters else keys

    @cached_property
    def matching(self) -> Any:
        """The keys that the tabs count: those that match all filters but the status."""
        return filter_keys(self.scope, self.filters)

    @cached_property
    def listed(self) -> Any:
        """The keys that the table pages through."""
        return self.matching.in_status(self.status) if self.status else self.matching

    @cached_property
    def counts(self) -> dict[str, int]:
        """The counts of tiles and tabs, and "before" for the position.

        In a very large list with a filter that no index counts, the tabs other than the current one are not counted.
        """
        tabs = {"all": self.matching} | {status.value: self.matching.in_status(status.value) for status in KeyStatus}
        position = rows_to_count(self._in_order(self.listed), self.order, self.cursor)
        del position["all"]
        required = tile_querysets(self.scope) | position
        if not self.filters.keys() & SEARCHING_FILTERS:
            return capped_count.capped_counts(required | tabs)
        current = self.status or "all"
        required[current] = tabs.pop(current)
        return capped_count.capped_counts_if_small(required, tabs, "tile:all")

    def _page(self) -> paging.Page:
        is_small = self.counts[self.status or "all"] <= capped_count.COUNT_LIMIT
        keys = self._in_order(paging.materialize_ids_first(self.listed) if is_small else self.listed)
        return paging.page(rows.listed(keys), self.order, self.cursor, PAGE_SIZE)

    def _in_order(self, keys: Any) -> Any:
        """`keys` with the columns that the order needs."""
        if not self.order.day:
            return keys
        # An inner join with the meters, so that PostgreSQL can begin with them.
        return keys.with_usage().filter(meter__isnull=False)

    def tiles(self) -> list[Tile]:
        next_key = expiring(self.scope).values_list("name", "expires_at").first()
        return [
            *count_tiles(self.counts, self.url, self.query, next_to_expire=next_key),
            usage_tile(self.scope, is_small=self.counts["tile:all"] <= capped_count.COUNT_LIMIT),
        ]

    def tabs(self) -> list[dict[str, Any]]:
        labels = [
            ("", gettext("All")),
            (KeyStatus.ACTIVE.value, gettext("Active")),
            (KeyStatus.EXPIRING.value, gettext("Expiring")),
            (KeyStatus.EXPIRED.value, gettext("Expired")),
            (KeyStatus.REVOKED.value, gettext("Revoked")),
        ]
        if self.counts.get(KeyStatus.PAUSED, 1) or self.status == KeyStatus.PAUSED:
            labels.insert(-1, (KeyStatus.PAUSED.value, gettext("Paused")))
        tabs = []
        for status, label in labels:
            count = self.counts.get(status or "all")
            tabs.append(
                {
                    "label": label,
                    "count": "" if count is None else capped_count.format_count(count),
                    "url": querystring.link(self.url, self.query, status=status),
                    "current": status == self.status,
                }
            )
        return tabs

    def sorts(self) -> dict[str, dict[str, str]]:
        """For each column that sorts: the URL of its heading, and the direction if the list is sorted by it."""
        sorts = {}
        for column, (first, second) in COLUMN_ORDERS.items():
            direction = ""
            if self.sort in (first, second):
                direction = "descending" if self.order.descending else "ascending"
            url = querystring.link(self.url, self.query, sort=second if self.sort == first else first)
            sorts[column] = {"url": url, "direction": direction}
        return sorts

    def filter_context(self) -> dict[str, Any]:
        """`choices` of the popover, `filters` (the chips of those in force), and `clear_url` without them."""
        bots, scopes = self._bot_and_scope_choices()
        choices: dict[str, Sequence[tuple[str, Any]]] = {
            "bots": [(NO_BOT, gettext("The organisation itself")), *bots],
            "scopes": scopes,
            "kinds": KeyKind.choices,
            "open": ALLOW_LIST_CHOICES,
            "used": LAST_USE_CHOICES,
            # The default order needs no parameter.
            "sorts": [("" if value == DEFAULT_ORDER else value, label) for value, label in SORT_CHOICES],
        }
        labels = {
            "bot": (gettext("Owner"), choices["bots"]),
            "scope": (gettext("Permission"), scopes),
            "open": (gettext("Allowed IPs"), ALLOW_LIST_CHOICES),
            "used": (gettext("Last used"), LAST_USE_CHOICES),
            "kind": (gettext("Kind"), KeyKind.choices),
        }
        shown = {
            name: (label, dict(values).get(self.query[name]) or self._name_of_bot())
            for name, (label, values) in labels.items()
            if name in self.query
        }
        return {
            "choices": choices,
            "filters": filter_chips(self.url, self.query, shown),
            "clear_url": querystring.link(self.url, {n: v for n, v in self.query.items() if n not in shown}),
        }

    def _name_of_bot(self) -> str:
        """The name of the bot to filter by, if the choices do not include it; its ID if the user may not see it."""
        names = Bot.objects.visible_to(self.user.actor).filter(id=self.query["bot"]).values_list("name", flat=True)
        return names.first() or self.query["bot"]

    def _bot_and_scope_choices(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Bots and permissions to filter by, as (value, label), in one statement. Position 0 marks a bot."""
        bots: Any = Bot.objects.visible_to(self.user.actor)
        if self.organisation is not None:
            bots = bots.filter(organisation=self.organisation.id)
        offered = Bot.objects.filter(id__in=bots.order_by("name", "id").values("id")[:MAX_BOT_CHOICES]).order_by()
        choices = offered.values_list(Value(0), "name", Cast("id", TextField())).union(
            Scope.objects.order_by().values_list(F("position") + 1, "label", Cast("name", TextField())), all=True
        )
        in_order = sorted(choices.order_by())
        scopes = [(value, label) for position, label, value in in_order if position]
        return [(value, label) for position, label, value in in_order if not position], scopes

    def _create_url(self) -> str:
        query = {"organisation": self.query.get("organisation"), "kind": KeyKind.MASTER.value if self.is_master else ""}
        return querystring.link(reverse("keys:create"), query)


def matching_keys(user: CurrentUser, query: QueryDict) -> Any:
    """The keys that a list with these filters shows, on all its pages."""
    filters = KeyFilters(query).valid_values()
    keys: Any = Key.objects.visible_to(user.actor)
    if organisation := user.get_organisation_or_404(filters.get("organisation", "")):
        keys = keys.filter(organisation=organisation.id)
    keys = filter_keys(keys.filter(kind=filters["kind"]) if "kind" in filters else keys, filters)
    return keys.in_status(filters["status"]) if "status" in filters else keys


def tile_querysets(scope: Any) -> dict[str, QuerySet[Any]]:
    """The QuerySets that `count_tiles` needs the counts of."""
    month = timezone.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    # A subquery instead of Exists: for Exists PostgreSQL may read the scopes of all keys first.
    sensitive = Subquery(Scope.objects.filter(keys=OuterRef("pk"), is_sensitive=True).order_by().values("name")[:1])
    unrestricted = without_networks(scope)
    # At most COUNT_LIMIT + 1 unrestricted keys are examined: among a million keys, finding the few that can write would
    # take too long. Above the limit the figure is a lower bound, and the tile says so.
    examined = Key.objects.filter(id__in=unrestricted.order_by().values("id")[: capped_count.COUNT_LIMIT + 1])
    return {
        "tile:all": scope,
        "tile:new": scope.filter(created_at__gte=month),
        "tile:open": unrestricted,
        "tile:risky": examined.filter(Q(inherits=True) | IsNull(sensitive, False)),
        "tile:active": scope.in_status(KeyStatus.ACTIVE.value),
        "tile:expiring": expiring(scope),
    }


def count_tiles(
    counts: dict[str, int], url: str, query: dict[str, str], *, next_to_expire: tuple[str, datetime] | None
) -> list[Tile]:
    """The tiles that count keys. `next_to_expire`: name and expiry of the key that expires first."""
    kept = {name: value for name, value in query.items() if name in ("organisation", "kind", "sort")}
    status = query.get("status", "")
    return [
        Tile(
            label=gettext("Active"),
            value=capped_count.format_count(counts["tile:active"]),
            url=querystring.link(url, kept, status=KeyStatus.ACTIVE.value),
            is_current=status == KeyStatus.ACTIVE,
            total=capped_count.format_count(counts["tile:all"]),
            note=gettext("%(count)s created this month") % {"count": capped_count.format_count(counts["tile:new"])},
        ),
        Tile(
            label=gettext("Expiring in 7 days"),
            value=capped_count.format_count(counts["tile:expiring"]),
            url=querystring.link(url, kept, status=KeyStatus.EXPIRING.value),
            is_current=status == KeyStatus.EXPIRING,
            note=_next_to_expire_note(next_to_expire),
            icon="clock-alert",
        ),
        Tile(
            label=gettext("Any IP address"),
            value=capped_count.format_count(counts["tile:open"]),
            url=querystring.link(url, kept, open="any"),
            is_current=query.get("open") == "any",
            note=_risky_note(counts),
            icon="shield-alert",
        ),
    ]


def _next_to_expire_note(next_to_expire: tuple[str, datetime] | None) -> str:
    if next_to_expire is None:
        return gettext("None")
    name, expires_at = next_to_expire
    return gettext("Next: %(name)s, %(when)s") % {"name": name, "when": relative_time(expires_at)}


def _risky_note(counts: dict[str, int]) -> str:
    """How many of the keys that work from any address can write or export."""
    count = {"count": capped_count.format_count(counts["tile:risky"])}
    if counts["tile:open"] > capped_count.COUNT_LIMIT >= counts["tile:risky"]:
        return gettext("At least %(count)s can write or export") % count if counts["tile:risky"] else ""
    return gettext("%(count)s can write or export") % count


def expiring(scope: Any) -> Any:
    """The keys that expire within 7 days, the next one first."""
    return scope.in_status(KeyStatus.EXPIRING.value).order_by("expires_at", "id")


def usage_tile(scope: QuerySet[Any], *, is_small: bool) -> Tile:
    """The requests of the keys, or how many were used today: adding up many keys takes too long."""
    return requests_tile(rows.total_usage(scope.order_by().values("id"))) if is_small else used_today_tile(scope)


def requests_tile(usage: DailyUsage) -> Tile:
    allowed, denied = (sum(day[index] for day in usage) for index in (0, 1))
    share = gettext("%(share)s%% denied") % {"share": f"{100 * denied / (allowed + denied):.1f}"} if denied else ""
    return Tile(label=gettext("Requests, 14 days"), value=compact(allowed + denied), note=share, usage=usage)


def used_today_tile(scope: QuerySet[Any]) -> Tile:
    today = timezone.now().astimezone(UTC).date()
    used = Meter.objects.filter(last_used_day=today).values("key_id")
    count = scope.order_by().filter(id__in=used).values("pk")[: capped_count.COUNT_LIMIT + 1].count()
    return Tile(label=gettext("Used today"), value=capped_count.format_count(count), note=gettext("since 00:00 UTC"))
