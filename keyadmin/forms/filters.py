"""Filters of lists, as they stand in the address. What cannot be read is left out, never an error."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy

from keyadmin.forms.base import OperationForm
from keyadmin.models import AllowListEntry, EventType, Finding, Kind, Scope, Status
from keyadmin.models.event_search import EventFilter
from keyadmin.operations.audit.export import ExportFormat

SORTS = [
    ("newest", gettext_lazy("Newest first")),
    ("oldest", gettext_lazy("Oldest first")),
    ("name", gettext_lazy("Name")),
    ("-name", gettext_lazy("Name, from Z to A")),
    ("used", gettext_lazy("Last used first")),
    ("-used", gettext_lazy("Longest unused first")),
    ("expires", gettext_lazy("Expiring first")),
    ("-expires", gettext_lazy("Expiring last")),
]
OPEN = [("any", gettext_lazy("Any address")), ("limited", gettext_lazy("Limited"))]
USED = [("never", gettext_lazy("Never")), ("90", gettext_lazy("Not for 90 days"))]
#: In the place of a bot: keys of the organisation itself.
NO_BOT = "none"
#: Nothing was before it, and what is long before it cannot be counted back from.
_FIRST_DAY: Final = date(1970, 1, 1)


class KeyFilters(OperationForm):
    q = forms.CharField(required=False, max_length=120)
    status = forms.ChoiceField(required=False, choices=Status)
    kind = forms.ChoiceField(required=False, choices=Kind)
    bot = forms.CharField(required=False, max_length=40)
    scope = forms.RegexField(r"^[a-z:-]+$", required=False, max_length=60)
    open = forms.ChoiceField(required=False, choices=OPEN)
    used = forms.ChoiceField(required=False, choices=USED)
    organisation = forms.SlugField(required=False, max_length=60)
    sort = forms.ChoiceField(required=False, choices=SORTS)

    def clean_bot(self) -> str:
        bot: str = self.cleaned_data["bot"]
        return bot if bot in ("", NO_BOT) else str(forms.UUIDField().clean(bot))


class ReviewFilters(OperationForm):
    organisation = forms.SlugField(required=False, max_length=60)
    finding = forms.ChoiceField(required=False, choices=Finding)


class HistoryFilters(OperationForm):
    q = forms.CharField(label=gettext_lazy("Text"), required=False, max_length=120)
    actor = forms.CharField(label=gettext_lazy("Actor"), required=False, max_length=120)
    type = forms.ChoiceField(label=gettext_lazy("Action"), required=False, choices=EventType)
    target = forms.CharField(label=gettext_lazy("Target"), required=False, max_length=120)
    organisation = forms.SlugField(required=False, max_length=60)
    since = forms.DateField(label=gettext_lazy("From"), required=False)
    until = forms.DateField(label=gettext_lazy("Until"), required=False)


class HistoryExport(OperationForm):
    format = forms.ChoiceField(choices=[(one.value, one.value) for one in ExportFormat])


def without_networks(keys: QuerySet[Any]) -> QuerySet[Any]:
    """Those that still work, from any address."""
    own, of_bot = _lists()
    living: QuerySet[Any] = keys.valid().filter(~Exists(own), ~Exists(of_bot))  # type: ignore[attr-defined]
    return living


def filter_keys(keys: QuerySet[Any], chosen: dict[str, Any]) -> QuerySet[Any]:
    """Keys that meet every filter but status, kind and organisation."""
    found: Any = keys.search(chosen["q"]) if "q" in chosen else keys  # type: ignore[attr-defined]
    if bot := chosen.get("bot"):
        found = found.filter(bot__isnull=True) if bot == NO_BOT else found.filter(bot=bot)
    if scope := chosen.get("scope"):
        found = found.filter(Q(inherits=True) | Exists(Scope.objects.filter(keys=OuterRef("pk"), name=scope)))
    match chosen.get("open"):
        case "any":
            found = without_networks(found)
        case "limited":
            own, of_bot = _lists()
            found = found.filter(Exists(own) | Exists(of_bot))
    match chosen.get("used"):
        case "never":
            found = found.filter(meter__last_used_at__isnull=True)
        case "90":
            found = found.filter(meter__last_used_at__lt=timezone.now() - timedelta(days=90))
    return found


def _lists() -> tuple[QuerySet[AllowListEntry], QuerySet[AllowListEntry]]:
    """The entries of the key outside and of its bot."""
    entries = AllowListEntry.objects
    return entries.filter(key=OuterRef("pk")), entries.filter(bot=OuterRef("bot"))


def wanted(chosen: dict[str, Any], organisation: UUID | None) -> EventFilter:
    """What the accepted values of HistoryFilters ask of history, in that organisation. Days are UTC's."""
    since, until = chosen.get("since"), chosen.get("until")
    return EventFilter(
        text=chosen.get("q", ""),
        actor=chosen.get("actor", ""),
        target=chosen.get("target", ""),
        type=chosen.get("type") or "",
        organisation=organisation,
        since=_midnight(max(since, _FIRST_DAY)) if since else None,
        until=_midnight(until + timedelta(days=1)) if until and until < timezone.now().date() else None,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
