"""The contents of the review report: keys that need attention, and why.

For up to `capped_count.COUNT_LIMIT` keys, the report is computed when the page is rendered. For more keys this takes
too long. The page then takes its keys from the last build of the report, which is a maintenance task, and computes only
the findings of the keys that it shows.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet, Subquery
from django.db.models.functions import Now
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext, gettext_lazy

from keyadmin.forms.filters import ReviewFilters
from keyadmin.models import (
    ChainHead,
    Finding,
    Key,
    Organisation,
    ReviewBuild,
    ReviewFinding,
    Scope,
    keys_in_texts,
    paging,
    review,
)
from keyadmin.models.event_types import FIELDS
from keyadmin.models.key import KeyQuerySet
from keyadmin.models.keys_in_texts import KeyInText
from keyadmin.models.review import ANY, KeyReview
from keyadmin.web.common import capped_count, querystring
from keyadmin.web.common.current_user import CurrentUser
from keyadmin.web.common.list_view import page_foot
from keyadmin.web.keys import rows as key_rows

PAGE_SIZE: Final = 20
#: Texts with an API key that the report lists.
MAX_TEXTS: Final = 100
#: By kind of row: its name, its page or list, and whether the page is that of one row.
_KINDS: Final = {
    "key": gettext_lazy("Key"),
    "bot": gettext_lazy("Bot"),
    "channel": gettext_lazy("Channel"),
    "organisation": gettext_lazy("Organisation"),
    "person": gettext_lazy("Person"),
    "invitation": gettext_lazy("Invitation"),
    "note": gettext_lazy("Note of an allowed address"),
    "tier": gettext_lazy("Tier"),
    "scope": gettext_lazy("Permission"),
    "event": gettext_lazy("Event"),
}
_PAGES: Final = {
    "key": ("keys:detail", True),
    "bot": ("bots:detail", True),
    "channel": ("channels:list", False),
    "organisation": ("organisations:detail", True),
    "person": ("people:detail", True),
    "invitation": ("people:list", False),
    "note": ("security:allow-lists", False),
    "tier": ("tiers:list", False),
    "scope": ("permissions:list", False),
    "event": ("history:event", True),
}
#: Up to this many unused permissions are listed by label. For more, the page shows their number.
MAX_UNUSED_LABELS: Final = 2
_MOST_FINDINGS_FIRST: Final = paging.Order("total", True, int, UUID)
_MOST_FINDINGS_FIRST_BUILT: Final = paging.Order("total", True, int, UUID, tiebreaker="key_id")
#: Findings that are a security risk. The others are housekeeping.
_SERIOUS: Final = (
    Finding.OUTSIDE_POLICY,
    Finding.OPEN,
    Finding.NO_ADDRESS,
    Finding.FULL_ACCESS,
    Finding.OWNER_GONE,
    Finding.KEY_IN_TEXT,
)


class Report:
    """The report for one user and one URL: its figures, and one page of keys.

    `filters` are the accepted values of ReviewFilters. With `is_print` all keys are on one page, up to
    `capped_count.COUNT_LIMIT`.
    """

    def __init__(self, user: CurrentUser, filters: dict[str, Any], cursor: str = "", *, is_print: bool = False) -> None:
        self.user, self.filters, self.cursor, self.is_print = user, filters, cursor, is_print
        self.finding: str = filters.get("finding", "")
        self.query = querystring.from_filters(filters)
        self.url = reverse("review:report")

    @classmethod
    def of(cls, request: HttpRequest, user: CurrentUser) -> "Report":
        filters = ReviewFilters(request.GET).valid_values()
        return cls(user, filters, request.GET.get("cursor", ""), is_print="print" in request.GET)

    def context(self) -> dict[str, Any]:
        page, at, event = self._built_page() if self.is_built else self._computed_page()
        return {
            "scope": self._scope,
            "at": at,
            "is_built": self.is_built,
            "tiles": self._tiles(),
            "found": capped_count.format_count(self.counts[ANY]),
            "key_count": self._key_count,
            "keys": capped_count.format_count(self._key_count),
            "rows": self._rows(page.rows),
            "page": page_foot(page, url=self.url, query=self.query, count=self.counts[self.finding or ANY]),
            "event": event,
            "finding": Finding(self.finding).label if self.finding else "",
            "all_url": querystring.link(self.url, self.query, finding=""),
            "list_url": querystring.link(self.url, self.query, cursor=self.cursor),
            "export_url": querystring.link(reverse("review:export"), self.query),
            "print_url": querystring.link(self.url, self.query, print="1"),
            "is_whole": not page.before and not page.after,
            "is_print": self.is_print,
            "texts": self._texts(),
            "max_texts": MAX_TEXTS,
            "section": "review",
        }

    @cached_property
    def organisation(self) -> Organisation | None:
        return self.user.get_organisation_or_404(self.filters.get("organisation", ""))

    @property
    def _scope(self) -> str:
        """The organisations whose keys the report contains."""
        if self.organisation:
            return self.organisation.name
        if self.user.person.system_role:
            return gettext("All organisations")
        names = [organisation.name for organisation in self.user.organisations]
        return get_text_list(names, gettext("and"))

    @cached_property
    def keys(self) -> KeyQuerySet:
        """All keys of any status that the user may read, in the organisation if one is selected."""
        keys: KeyQuerySet = Key.objects.visible_to(self.user.actor)
        return keys.filter(organisation=self.organisation.id) if self.organisation else keys

    @property
    def is_built(self) -> bool:
        """Whether the report shows the last build instead of the current findings."""
        return self._key_count > capped_count.COUNT_LIMIT

    @cached_property
    def counts(self) -> dict[str, int]:
        """The number of keys with each finding, and with ANY finding."""
        if self.is_built:
            return {name: self._capped_counts[name] for name in (*Finding.values, ANY)}
        findings_by_key = [[*row.findings, ANY] for row in self._examined if row.findings]
        return {name: sum(name in findings for findings in findings_by_key) for name in (*Finding.values, ANY)}

    @property
    def _key_count(self) -> int:
        return min(self._capped_counts["lasting"] + self._capped_counts["ending"], capped_count.COUNT_LIMIT + 1)

    @cached_property
    def _capped_counts(self) -> dict[str, int]:
        """The number of keys to review, and of keys by built finding.

        Keys with and without an expiry are counted separately, because each of the two conditions has an index.
        """
        keys = self.keys.filter(revoked_at__isnull=True)
        by_expiry = {"lasting": keys.filter(expires_at__isnull=True), "ending": keys.filter(expires_at__gt=Now())}
        return capped_count.capped_counts(
            by_expiry | {name: self._built_findings(name) for name in (*Finding.values, ANY)}
        )

    def _built_findings(self, finding: str) -> QuerySet[Any]:
        rows: QuerySet[Any] = ReviewFinding.objects.visible_to(self.user.actor).of(finding)
        return rows.filter(organisation_id=self.organisation.id) if self.organisation else rows

    @cached_property
    def _examined(self) -> list[KeyReview]:
        return review.review_keys(review.reviewable(self.keys).order_by()) if self._key_count else []

    def _computed_page(self) -> tuple[paging.Page, datetime, int]:
        """A page of the current findings, the current time, and the number of the newest event."""
        rows = [row for row in self._examined if (self.finding in row.findings if self.finding else row.total)]
        rows.sort(key=lambda row: (row.total, row.key), reverse=True)
        page = paging.page_list(rows, _MOST_FINDINGS_FIRST, self.cursor, self._size)
        return page, timezone.now(), ChainHead.objects.get().number

    def _built_page(self) -> tuple[paging.Page, datetime | None, int]:
        """A page of the built findings, the time of the build, and the number of the newest event at that time.

        The build selects the keys of the page. Their findings are computed now.
        """
        build_columns = {name: Subquery(ReviewBuild.objects.values(name)[:1]) for name in ("at", "event")}
        findings = self._built_findings(self.finding or ANY).annotate(**build_columns)
        page = paging.page(findings, _MOST_FINDINGS_FIRST_BUILT, self.cursor, self._size)
        build = page.rows[0] if page.rows else ReviewBuild.objects.first()
        examined = {row.key: row for row in review.review_keys(self._keys_with_ids(row.key_id for row in page.rows))}
        rows = [examined[row.key_id] for row in page.rows if row.key_id in examined]
        page = paging.Page(rows, page.before, page.after, page.is_first)
        return page, build.at if build else None, build.event if build else 0

    def _keys_with_ids(self, ids: Iterable[UUID]) -> QuerySet[Any]:
        return self.keys.filter(id__in=list(ids)).order_by()

    @property
    def _size(self) -> int:
        return capped_count.COUNT_LIMIT if self.is_print else PAGE_SIZE

    def _rows(self, examined: Sequence[KeyReview]) -> list[Any]:
        """The keys of the page with what the template shows of each: findings, unused, is_orphan, may, may_anything."""
        labels = dict(Scope.objects.values_list("name", "label"))
        keys_of_page: Any = self._keys_with_ids(row.key for row in examined)
        keys = keys_of_page.with_status().with_usage().select_related("organisation", "bot").in_bulk()
        for row in examined:
            if key := keys.get(row.key):
                key.findings = finding_chips(row)
                key.unused = unused_summary(row, labels)
                key.is_orphan = Finding.OWNER_GONE in row.findings
                key.may = key_rows.allowed_actions(key, self.user)
                key.may_anything = any(key.may.values())  # auditors have no menu
        return [keys[row.key] for row in examined if row.key in keys]

    def _texts(self) -> list[dict[str, Any]]:
        """The texts with an API key, of keys and of everything else: kind, label, field labels and URL."""
        organisation = self.organisation.id if self.organisation else None
        return [
            {
                "kind": _KINDS[found.kind],
                "label": found.label,
                "fields": [FIELDS[name].label if name in FIELDS else name.replace("_", " ") for name in found.fields],
                "url": _url_of_text(found),
            }
            for found in keys_in_texts.find(self.user.actor, organisation, limit=MAX_TEXTS)
        ]

    def _tiles(self) -> list[dict[str, Any]]:
        return [
            {
                "label": finding.label,
                "value": capped_count.format_count(self.counts[finding]),
                "is_zero": not self.counts[finding],
                "url": querystring.link(self.url, self.query, finding="" if finding == self.finding else finding.value),
                "current": finding == self.finding,
            }
            for finding in Finding
        ]


def _url_of_text(found: KeyInText) -> str:
    """The page of the row with the text, or the list that has it."""
    name, is_page = _PAGES[found.kind]
    return reverse(name, args=[found.id]) if is_page else reverse(name)


def finding_chips(row: KeyReview) -> list[dict[str, Any]]:
    """Label and seriousness of each finding."""
    return [{"label": finding.label, "is_serious": finding in _SERIOUS} for finding in row.findings]


def unused_summary(row: KeyReview, labels: dict[str, str]) -> str:
    """`Write contacts`, or `5 of 9` for more than MAX_UNUSED_LABELS; empty for none."""
    if len(row.unused) > MAX_UNUSED_LABELS:
        return gettext("%(unused)s of %(all)s") % {"unused": len(row.unused), "all": len(row.scopes)}
    return ", ".join(sorted(labels.get(scope, scope) for scope in row.unused))
