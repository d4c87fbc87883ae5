"""The list of keys: filters, tabs, tiles and a page of rows."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext, ngettext

from keyadmin.forms.filters import KeyFilters, without_networks
from keyadmin.models import Kind, Organisation, Scope, Status
from keyadmin.operations.errors import NotFound
from keyadmin.operations.policy import Permission
from keyadmin.web import counting, key_rows, links, paging
from keyadmin.web.templatetags.ui import compact, relative_time
from keyadmin.web.visitors import Visitor

SIZE: Final = 20
_ORDERS: Final = {
    "newest": paging.Order("created_at", True, datetime.fromisoformat, UUID),
    "oldest": paging.Order("created_at", False, datetime.fromisoformat, UUID),
    "name": paging.Order("name", False, str, UUID),
}


@dataclass
class KeyList:
    """One reader's view of the list, for one address."""

    visitor: Visitor
    chosen: dict[str, Any]
    cursor: str
    organisation: Organisation | None
    url: str = field(default_factory=lambda: reverse("keys:list"))

    @classmethod
    def of(cls, request: HttpRequest, visitor: Visitor) -> "KeyList":
        chosen = KeyFilters(request.GET).accepted()
        slug = chosen.get("organisation", "")
        organisation = visitor.organisation(slug)
        if slug and organisation is None:
            raise NotFound
        return cls(visitor, chosen, request.GET.get("cursor", ""), organisation)

    @cached_property
    def query(self) -> dict[str, str]:
        return links.as_typed(self.chosen)

    @cached_property
    def scope(self) -> QuerySet[Any]:
        """What the tiles count: all keys of the organisation and kind."""
        rows = key_rows.readable(self.visitor)
        if self.organisation is not None:
            rows = rows.filter(organisation=self.organisation.id)
        return rows.filter(kind=self.chosen["kind"]) if "kind" in self.chosen else rows

    @cached_property
    def found(self) -> QuerySet[Any]:
        """What the tabs count: the scope as far as it matches the search, whatever its status."""
        rows: Any = without_networks(self.scope) if "open" in self.chosen else self.scope
        return rows.search(self.chosen["q"]) if "q" in self.chosen else rows

    @cached_property
    def counts(self) -> dict[str, int]:
        wanted = {"all": self.found} | {s.value: self.found.filter(status_now=s.value) for s in Status}
        month = timezone.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        wanted |= {"tile:all": self.scope, "tile:open": without_networks(self.scope)}
        wanted |= {"tile:new": self.scope.filter(created_at__gte=month), "tile:risky": self._risky()}
        wanted |= {f"tile:{s.value}": self.scope.filter(status_now=s.value) for s in (Status.ACTIVE, Status.EXPIRING)}
        return counting.capped(wanted)

    def context(self) -> dict[str, Any]:
        status = self.chosen.get("status", "")
        rows = self.found.filter(status_now=status) if status else self.found
        page = paging.page(rows, _ORDERS[self.chosen.get("sort", "newest")], self.cursor, SIZE)
        key_rows.prepare(page.rows, self.visitor, key_rows.usage_by_key([key.id for key in page.rows]))
        return {
            "keys": page.rows,
            "may_create": self.may_create,
            "create_url": links.link(reverse("keys:create"), {"organisation": self.query.get("organisation")}),
            "tiles": self.tiles(),
            "tabs": self.tabs(),
            "query": self.query,
            "page": self._page(page, self.counts[status or "all"]),
            "is_filtered": bool(self.chosen.keys() - {"sort", "organisation"}),
            "section": "master-keys" if self.chosen.get("kind") == Kind.MASTER else "keys",
        }

    @property
    def may_create(self) -> bool:
        organisations = [self.organisation] if self.organisation else self.visitor.organisations
        return any(Permission.ISSUE_KEYS in self.visitor.permissions(o.id) for o in organisations)

    def tabs(self) -> list[dict[str, Any]]:
        current = self.chosen.get("status", "")
        labels = [
            ("", gettext("All")),
            (Status.ACTIVE.value, gettext("Active")),
            (Status.EXPIRING.value, gettext("Expiring")),
            (Status.EXPIRED.value, gettext("Expired")),
            (Status.REVOKED.value, gettext("Revoked")),
        ]
        if self.counts[Status.PAUSED] or current == Status.PAUSED:
            labels.insert(-1, (Status.PAUSED.value, gettext("Paused")))
        return [
            {
                "label": label,
                "count": counting.words(self.counts[status or "all"]),
                "url": links.link(self.url, self.query, status=status),
                "current": status == current,
            }
            for status, label in labels
        ]

    def tiles(self) -> list[dict[str, Any]]:
        counts, status = self.counts, self.chosen.get("status", "")
        kept = {name: value for name, value in self.query.items() if name in ("organisation", "kind", "sort")}
        everything = counting.words(counts["tile:all"])
        return [
            _tile(
                gettext("Active"), counts["tile:active"], links.link(self.url, kept, status=Status.ACTIVE.value),
                current=status == Status.ACTIVE, of=everything,
                sub=gettext("%(count)s created this month") % {"count": counting.words(counts["tile:new"])},
            ),
            _tile(
                gettext("Expiring in 7 days"), counts["tile:expiring"],
                links.link(self.url, kept, status=Status.EXPIRING.value),
                current=status == Status.EXPIRING, icon="clock-alert", sub=self._next_to_expire(),
            ),
            _tile(
                gettext("Open to any IP"), counts["tile:open"], links.link(self.url, kept, open="any"),
                current="open" in self.chosen, icon="shield-alert",
                sub=gettext("%(count)s can write or export") % {"count": counting.words(counts["tile:risky"])},
            ),
            *self._requests(),
        ]  # fmt: skip

    def _risky(self) -> QuerySet[Any]:
        """Keys open to any address that can do harm."""
        sensitive = Scope.objects.filter(keys=OuterRef("pk"), is_sensitive=True)
        return without_networks(self.scope).filter(Q(inherits=True) | Exists(sensitive))

    def _next_to_expire(self) -> str:
        if not self.counts["tile:expiring"]:
            return gettext("None")
        key = self.scope.filter(status_now=Status.EXPIRING.value).order_by("expires_at", "id")
        name, at = key.values_list("name", "expires_at").first() or ("", None)
        return gettext("Next: %(name)s, %(when)s") % {"name": name, "when": relative_time(at)} if name else ""

    def _requests(self) -> list[dict[str, Any]]:
        """Left out where there are more keys than anybody should wait for."""
        if self.counts["tile:all"] > counting.LIMIT:
            return []
        usage = key_rows.usage_together(self.scope.order_by().values("id"))
        allowed, denied = (sum(day[which] for day in usage) for which in (0, 1))
        share = gettext("%(share)s%% denied") % {"share": f"{100 * denied / (allowed + denied):.1f}"} if denied else ""
        tile = _tile(gettext("Requests, 14 days"), allowed + denied, "", sub=share)
        return [tile | {"value": compact(allowed + denied), "usage": usage}]

    def _page(self, page: paging.Page, total: int) -> dict[str, str]:
        shown = counting.words(total)
        if page.is_first and page.rows:
            summary = gettext("1–%(last)s of %(total)s") % {"last": len(page.rows), "total": shown}
        else:
            summary = ngettext("%(total)s key", "%(total)s keys", total) % {"total": shown}
        return {
            "previous_url": links.link(self.url, self.query, cursor=page.before) if page.before else "",
            "next_url": links.link(self.url, self.query, cursor=page.after) if page.after else "",
            "summary": summary,
        }


def _tile(label: str, count: int, url: str, *, current: bool = False, of: str = "", icon: str = "",
          sub: str = "") -> dict[str, Any]:  # fmt: skip
    return {
        "label": label, "value": counting.words(count), "of": of, "sub": sub, "icon": icon, "url": url,
        "current": current, "usage": None,
    }  # fmt: skip
