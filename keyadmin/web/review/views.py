"""The review report: keys that somebody should look at, and why. As far as nobody waits for it, it is of this moment;
of more keys than that it is the one that was built last.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet, Subquery
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from keyadmin.forms.filters import ReviewFilters
from keyadmin.models import ChainHead, Finding, Key, Organisation, ReviewBuild, ReviewFinding, Scope, paging, review
from keyadmin.models.review import ANY, KeyReview
from keyadmin.web.common import capped_count, htmx, querystring
from keyadmin.web.common.current_user import CurrentUser, get_current_user, requires_read_access
from keyadmin.web.keys import rows

SIZE: Final = 20
_MOST: Final = paging.Order("total", True, int, UUID)
_MOST_BUILT: Final = paging.Order("total", True, int, UUID, tiebreaker="key_id")
#: What is dangerous, not just untidy.
_GRAVE: Final = (Finding.OPEN, Finding.FULL_ACCESS, Finding.OWNER_GONE)
#: Unused permissions that are named; of more, their number.
_NAMED: Final = 2


@require_safe
@requires_read_access
def report(request: HttpRequest) -> HttpResponse:
    user = get_current_user(request)
    part = "#rows" if htmx.is_htmx(request) else ""
    return render(request, f"review/report.html{part}", Report.of(request, user).context())


class Report:
    """One reader's view of the report, for one address."""

    def __init__(self, user: CurrentUser, chosen: dict[str, Any], cursor: str = "", *, is_print: bool = False) -> None:
        self.user, self.chosen, self.cursor, self.is_print = user, chosen, cursor, is_print
        self.finding: str = chosen.get("finding", "")
        self.query = querystring.from_filters(chosen)
        self.url = reverse("review:report")

    @classmethod
    def of(cls, request: HttpRequest, user: CurrentUser) -> "Report":
        chosen, given = ReviewFilters(request.GET).accepted(), request.GET
        return cls(user, chosen, given.get("cursor", ""), is_print="print" in given)

    def context(self) -> dict[str, Any]:
        page, at, event = self._built() if self.is_big else self._living()
        return {
            "organisation": self.organisation,
            "at": at,
            "is_built": self.is_big,
            "tiles": self._tiles(),
            "found": capped_count.format_count(self.counts[ANY]),
            "key_count": self._key_count,
            "keys": capped_count.format_count(self._key_count),
            "rows": self._rows(page.rows),
            "page": self._foot(page),
            "event": event,
            "finding": Finding(self.finding).label if self.finding else "",
            "all_url": querystring.link(self.url, self.query, finding=""),
            "list_url": querystring.link(self.url, self.query, cursor=self.cursor),
            "export_url": querystring.link(reverse("review:export"), self.query),
            "print_url": querystring.link(self.url, self.query, print="1"),
            "is_whole": not page.before and not page.after,
            "is_print": self.is_print,
            "section": "review",
        }

    @cached_property
    def organisation(self) -> Organisation | None:
        return self.user.get_organisation_or_404(self.chosen.get("organisation", ""))

    @cached_property
    def keys(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = Key.objects.visible_to(self.user.actor)
        return rows.filter(organisation=self.organisation.id) if self.organisation else rows

    @property
    def is_big(self) -> bool:
        return self._key_count > capped_count.COUNT_LIMIT

    @cached_property
    def counts(self) -> dict[str, int]:
        """Keys by finding, and with any."""
        if self.is_big:
            return {name: self._counted[name] for name in (*Finding.values, ANY)}
        found = [[*row.findings, ANY] for row in self._examined if row.findings]
        return {name: sum(name in findings for findings in found) for name in (*Finding.values, ANY)}

    @property
    def _key_count(self) -> int:
        return min(self._counted["lasting"] + self._counted["ending"], capped_count.COUNT_LIMIT + 1)

    @cached_property
    def _counted(self) -> dict[str, int]:
        """The keys to review, in two parts that an index knows each; and what was built of them."""
        kept = self.keys.filter(revoked_at__isnull=True)
        parts = {"lasting": kept.filter(expires_at__isnull=True), "ending": kept.filter(expires_at__gt=Now())}
        return capped_count.capped_counts(parts | {name: self._findings(name) for name in (*Finding.values, ANY)})

    def _findings(self, finding: str) -> QuerySet[Any]:
        rows: QuerySet[Any] = ReviewFinding.objects.visible_to(self.user.actor).of(finding)
        return rows.filter(organisation_id=self.organisation.id) if self.organisation else rows

    @cached_property
    def _examined(self) -> list[KeyReview]:
        return review.review_keys(review.reviewable(self.keys).order_by()) if self._key_count else []

    def _living(self) -> tuple[paging.Page, datetime, int]:
        """A page of what is so now."""
        found = [row for row in self._examined if (self.finding or row.total) and self._is_meant(row)]
        found.sort(key=lambda row: (row.total, row.key), reverse=True)
        page = paging.page_list(found, _MOST, self.cursor, self._size)
        return page, timezone.now(), ChainHead.objects.get().number

    def _built(self) -> tuple[paging.Page, datetime | None, int]:
        """A page of what was so when the report was built; what each key shows of itself is of now all the same."""
        built = {name: Subquery(ReviewBuild.objects.values(name)[:1]) for name in ("at", "event")}
        found = self._findings(self.finding or ANY).annotate(**built)
        page = paging.page(found, _MOST_BUILT, self.cursor, self._size)
        build = page.rows[0] if page.rows else ReviewBuild.objects.first()
        examined = {row.key: row for row in review.review_keys(self._of(row.key_id for row in page.rows))}
        rows = [examined[row.key_id] for row in page.rows if row.key_id in examined]
        page = paging.Page(rows, page.before, page.after, page.is_first)
        return page, build.at if build else None, build.event if build else 0

    def _is_meant(self, row: KeyReview) -> bool:
        return not self.finding or self.finding in row.findings

    def _of(self, ids: Any) -> QuerySet[Any]:
        return self.keys.filter(id__in=list(ids)).order_by()

    @property
    def _size(self) -> int:
        return capped_count.COUNT_LIMIT if self.is_print else SIZE

    def _rows(self, examined: Sequence[KeyReview]) -> list[Any]:
        labels = dict(Scope.objects.values_list("name", "label"))
        shown: Any = self._of(row.key for row in examined)
        keys = shown.with_status().with_usage().select_related("organisation", "bot").in_bulk()
        for row in examined:
            if key := keys.get(row.key):
                key.findings = chips(row)
                key.unused = unused(row, labels)
                key.is_orphan = Finding.OWNER_GONE in row.findings
                key.may = rows.allowed_actions(key, self.user)
                # An auditor may do nothing: there is no menu then.
                key.may_anything = any(key.may.values())
        return [keys[row.key] for row in examined if row.key in keys]

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

    def _foot(self, page: paging.Page) -> dict[str, Any]:
        total = capped_count.format_count(self.counts[self.finding or ANY])
        if page.is_first and page.rows:
            summary = gettext("1–%(last)s of %(total)s") % {"last": len(page.rows), "total": total}
        else:
            summary = gettext("%(total)s in all") % {"total": total}
        return {
            "previous_url": querystring.link(self.url, self.query, cursor=page.before) if page.before else "",
            "next_url": querystring.link(self.url, self.query, cursor=page.after) if page.after else "",
            "summary": summary,
        }


def chips(row: KeyReview) -> list[dict[str, Any]]:
    """The findings in words. Unused permissions have a column of their own: they are said where nothing else is."""
    said = [finding for finding in row.findings if finding != Finding.PERMISSIONS] or row.findings
    return [{"label": finding.label, "is_grave": finding in _GRAVE} for finding in said]


def unused(row: KeyReview, labels: dict[str, str]) -> str:
    """`Write contacts`, or `5 of 9`; empty for none."""
    if len(row.unused) > _NAMED:
        return gettext("%(unused)s of %(all)s") % {"unused": len(row.unused), "all": len(row.scopes)}
    return ", ".join(sorted(labels.get(scope, scope) for scope in row.unused))
