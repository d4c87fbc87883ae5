"""How much keys are used: by day and outcome, and which of them most."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from keyadmin.core.errors import NotFoundError
from keyadmin.forms.filters import NO_BOT
from keyadmin.forms.usage import UsageFilters
from keyadmin.models import Bot, Key, Organisation, paging
from keyadmin.models.usage_sums import Part, Subject
from keyadmin.web.common import capped_count, querystring
from keyadmin.web.common.current_user import CurrentUser, get_current_user
from keyadmin.web.usage import charts, totals
from keyadmin.web.usage.totals import Calls

SIZE: Final = 20
#: Bots to choose from; whoever has more comes from the bot's page.
_MOST_BOTS: Final = 100
_BUSIEST: Final = paging.Order("total", True, int, UUID)


@dataclass(frozen=True, slots=True)
class _Busy:
    pk: UUID
    calls: Calls

    @property
    def total(self) -> int:
        return self.calls.total


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    user = get_current_user(request)
    if not user.can_read_anything:
        return render(request, "nothing.html", status=403)
    return render(request, "usage.html", _Usage(request, user).context())


class _Usage:
    """One reader's view of the page, for one address."""

    def __init__(self, request: HttpRequest, user: CurrentUser) -> None:
        self.user = user
        self.url = reverse("usage")
        self.chosen = UsageFilters(request.GET).accepted()
        self.days = charts.asked(request.GET.get("days", ""))
        self.cursor = request.GET.get("cursor", "")
        days = {"days": str(self.days)} if self.days != charts.USUAL else {}
        self.query = querystring.as_typed(self.chosen) | days

    def context(self) -> dict[str, Any]:
        key, bot = self._key(), self._bot()
        scope = self._scope()
        count = capped_count.capped({"all": scope})["all"]
        sums = totals.sums(scope, count, self.days, self._subjects)
        ranges = [{"days": d, "url": querystring.link(self.url, self.query, days=str(d))} for d in charts.RANGES]
        return {
            "chart": sums.chart,
            "days": self.days,
            "ranges": ranges,
            "used": len(sums.by_key),
            "sums": sums,
            "key": key,
            "bot": bot,
            "bots": self._bots,
            "no_bot": NO_BOT,
            "query": self.query,
            "all_url": querystring.link(self.url, self.query, key="", bot=""),
            "section": "usage",
        } | ({} if key else self._busiest(sums))

    def _busiest(self, sums: totals.Sums) -> dict[str, Any]:
        """Those with the most calls first, a page of them."""
        ranked = sorted((_Busy(key, calls) for key, calls in sums.by_key.items()), key=lambda r: (r.total, r.pk))
        found = paging.page_of(ranked[::-1], _BUSIEST, self.cursor, SIZE)
        keys = Key.objects.visible_to(self.user.actor).with_status().with_usage().select_related("organisation", "bot")
        rows = keys.in_bulk([row.pk for row in found.rows])
        for row in found.rows:
            rows[row.pk].calls = row.calls
            rows[row.pk].usage_url = querystring.link(self.url, self.query, key=str(row.pk))
        total = capped_count.words(len(ranked))
        return {
            "rows": [rows[row.pk] for row in found.rows],
            "page": {
                "previous_url": querystring.link(self.url, self.query, cursor=found.before) if found.before else "",
                "next_url": querystring.link(self.url, self.query, cursor=found.after) if found.after else "",
                "summary": gettext("%(total)s in all") % {"total": total},
            },
        }

    def _scope(self) -> QuerySet[Any]:
        if bot := self._bot():
            # Who sees a bot sees its keys. Asked for their organisation as well, PostgreSQL expects too few of them.
            keys: Any = Key.objects.filter(bot=bot)
        else:
            keys = Key.objects.visible_to(self.user.actor)
            if self._organisation is not None:
                keys = keys.filter(organisation=self._organisation)
            if "bot" in self.chosen:
                keys = keys.filter(bot__isnull=True)
        if key := self.chosen.get("key"):
            keys = keys.filter(id=key)
        rows: QuerySet[Any] = keys
        return rows

    @property
    def _subjects(self) -> list[Subject]:
        """Whose the keys of the scope are; a key alone is nobody's."""
        if "key" in self.chosen:
            return []
        if self._chosen_bot:
            return [Subject(UUID(self._chosen_bot))]
        return self.user.subjects(self._organisation, Part.OWN if "bot" in self.chosen else Part.ALL)

    @cached_property
    def _organisation(self) -> Organisation | None:
        return self.user.get_organisation_or_404(self.chosen.get("organisation", ""))

    @property
    def _chosen_bot(self) -> str | None:
        bot = self.chosen.get("bot", "")
        return None if bot in ("", NO_BOT) else str(bot)

    @cached_property
    def _bots(self) -> list[Any]:
        """To choose from, by name; the chosen one comes first, wherever the reader sees it."""
        bots: Any = Bot.objects.visible_to(self.user.actor)
        is_chosen = Q(id=self._chosen_bot)
        if self._organisation is not None:
            bots = bots.filter(Q(organisation=self._organisation) | is_chosen)
        if self._chosen_bot:
            bots = bots.annotate(is_chosen=is_chosen).order_by("-is_chosen", "name", "id")
        return list(bots[:_MOST_BOTS])

    def _bot(self) -> Any:
        """The chosen one; NotFound where the reader does not see it."""
        if self._chosen_bot is None:
            return None
        row = next((row for row in self._bots if str(row.id) == self._chosen_bot), None)
        if row is None:
            raise NotFoundError
        return row

    def _key(self) -> Any:
        """As `_bot`."""
        if "key" not in self.chosen:
            return None
        row = Key.objects.visible_to(self.user.actor).filter(id=self.chosen["key"]).first()
        if row is None:
            raise NotFoundError
        return row
