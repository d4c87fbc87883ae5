"""The usage page: requests by day and outcome, and the busiest keys."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from keyadmin.core.errors import NotFoundError
from keyadmin.forms.filters import NO_BOT, UsageFilters
from keyadmin.models import Bot, Key, Organisation, paging
from keyadmin.models.usage_sums import KeySubset, Subject
from keyadmin.web.common import capped_count, querystring
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user, requires_read_access
from keyadmin.web.common.list_view import page_foot
from keyadmin.web.usage import charts
from keyadmin.web.usage.charts import CallCount, UsageTotals

PAGE_SIZE: Final = 20
#: The number of bots that the filter offers. Other bots are reached from their own page.
MAX_BOT_CHOICES: Final = 100
_BUSIEST_FIRST: Final = paging.Order("total", True, int, UUID)


@dataclass(frozen=True, slots=True)
class _KeyCalls:
    """A row to page through by `total`."""

    pk: UUID
    calls: CallCount

    @property
    def total(self) -> int:
        return self.calls.total


@require_safe
@requires_read_access
def page(request: PageRequest) -> HttpResponse:
    user = get_current_user(request)
    return render(request, "usage.html", _UsagePage(request, user).context())


class _UsagePage:
    """The page for one user and one URL."""

    def __init__(self, request: HttpRequest, user: CurrentUser) -> None:
        self.user = user
        self.url = reverse("usage")
        self.filters = UsageFilters(request.GET).valid_values()
        self.days = charts.parse_days(request.GET.get("days", ""))
        self.cursor = request.GET.get("cursor", "")
        days = {"days": str(self.days)} if self.days != charts.DEFAULT_DAYS else {}
        self.query = querystring.from_filters(self.filters) | days

    def context(self) -> dict[str, Any]:
        key, bot = self._key(), self._bot()
        keys = self._keys()
        count = capped_count.capped_counts({"all": keys})["all"]
        totals = charts.usage_totals(keys, count, self.days, self._subjects)
        ranges = [{"days": d, "url": querystring.link(self.url, self.query, days=str(d))} for d in charts.RANGES]
        return {
            "chart": totals.chart,
            "days": self.days,
            "ranges": ranges,
            "used": len(totals.by_key),
            "totals": totals,
            "key": key,
            "bot": bot,
            "bots": self._bots,
            "no_bot": NO_BOT,
            "query": self.query,
            "all_url": querystring.link(self.url, self.query, key="", bot=""),
            "section": "usage",
        } | ({} if key else self._busiest_keys(totals))

    def _busiest_keys(self, totals: UsageTotals) -> dict[str, Any]:
        """One page of the keys with any requests, those with the most first: `rows` and `page`."""
        ranked = sorted((_KeyCalls(key, calls) for key, calls in totals.by_key.items()), key=lambda r: (r.total, r.pk))
        slice_ = paging.page_list(ranked[::-1], _BUSIEST_FIRST, self.cursor, PAGE_SIZE)
        keys = Key.objects.visible_to(self.user.actor).with_status().with_usage().select_related("organisation", "bot")
        rows = keys.in_bulk([row.pk for row in slice_.rows])
        for row in slice_.rows:
            rows[row.pk].calls = row.calls
            rows[row.pk].usage_url = querystring.link(self.url, self.query, key=str(row.pk))
        return {
            "rows": [rows[row.pk] for row in slice_.rows],
            "page": page_foot(slice_, url=self.url, query=self.query, count=len(ranked)),
        }

    def _keys(self) -> QuerySet[Any]:
        """The keys that the filters select."""
        if bot := self._bot():
            # A user who may see a bot may see its keys. With an additional condition on the organisation, PostgreSQL
            # would estimate too few rows and choose a slow plan.
            keys: Any = Key.objects.filter(bot=bot)
        else:
            keys = Key.objects.visible_to(self.user.actor)
            if self._organisation is not None:
                keys = keys.filter(organisation=self._organisation)
            if "bot" in self.filters:
                keys = keys.filter(bot__isnull=True)
        if key := self.filters.get("key"):
            keys = keys.filter(id=key)
        rows: QuerySet[Any] = keys
        return rows

    @property
    def _subjects(self) -> list[Subject]:
        """The owners whose roll-ups make up the selected keys; empty for a single key."""
        if "key" in self.filters:
            return []
        if self._bot_id:
            return [Subject(UUID(self._bot_id))]
        return self.user.subjects(self._organisation, KeySubset.OWN if "bot" in self.filters else KeySubset.ALL)

    @cached_property
    def _organisation(self) -> Organisation | None:
        return self.user.get_organisation_or_404(self.filters.get("organisation", ""))

    @property
    def _bot_id(self) -> str | None:
        bot = self.filters.get("bot", "")
        return None if bot in ("", NO_BOT) else str(bot)

    @cached_property
    def _bots(self) -> list[Bot]:
        """The bots that the filter offers, by name. The selected bot comes first, whichever organisation owns it."""
        bots: Any = Bot.objects.visible_to(self.user.actor)
        is_selected = Q(id=self._bot_id)
        if self._organisation is not None:
            bots = bots.filter(Q(organisation=self._organisation) | is_selected)
        if self._bot_id:
            bots = bots.annotate(is_selected=is_selected).order_by("-is_selected", "name", "id")
        return list(bots[:MAX_BOT_CHOICES])

    def _bot(self) -> Bot | None:
        """The selected bot. Raises NotFoundError if the user may not see it."""
        if self._bot_id is None:
            return None
        bot = next((bot for bot in self._bots if str(bot.id) == self._bot_id), None)
        if bot is None:
            raise NotFoundError
        return bot

    def _key(self) -> Key | None:
        """The selected key. Raises NotFoundError if the user may not see it."""
        if "key" not in self.filters:
            return None
        key: Key | None = Key.objects.visible_to(self.user.actor).filter(id=self.filters["key"]).first()
        if key is None:
            raise NotFoundError
        return key
