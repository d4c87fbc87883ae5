"""Filters of lists, as they stand in the address. What cannot be read is left out, never an error."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy

from keyadmin.forms.base import OperationForm
from keyadmin.models import AllowListEntry, Event, Kind, Scope, Status, Verb

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


class HistoryFilters(OperationForm):
    q = forms.CharField(label=gettext_lazy("Text"), required=False, max_length=120)
    actor = forms.CharField(label=gettext_lazy("Actor"), required=False, max_length=120)
    action = forms.ChoiceField(label=gettext_lazy("Action"), required=False, choices=Verb)
    target = forms.CharField(label=gettext_lazy("Target"), required=False, max_length=120)
    organisation = forms.SlugField(required=False, max_length=60)
    since = forms.DateField(label=gettext_lazy("From"), required=False)
    until = forms.DateField(label=gettext_lazy("Until"), required=False)


def without_networks(keys: QuerySet[Any]) -> QuerySet[Any]:
    """Of keys with their status, those that still work, from any address."""
    own, of_bot = _lists()
    stopped = (Status.REVOKED.value, Status.EXPIRED.value)
    return keys.filter(~Exists(own), ~Exists(of_bot)).exclude(status_now__in=stopped)


def filter_keys(keys: QuerySet[Any], chosen: dict[str, Any]) -> QuerySet[Any]:
    """Keys, with status and usage, that meet every filter but status, kind and organisation."""
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
            found = found.filter(last_used_at__isnull=True)
        case "90":
            found = found.filter(last_used_at__lt=timezone.now() - timedelta(days=90))
    return found


def _lists() -> tuple[QuerySet[AllowListEntry], QuerySet[AllowListEntry]]:
    """The entries of the key outside and of its bot."""
    entries = AllowListEntry.objects
    return entries.filter(key=OuterRef("pk")), entries.filter(bot=OuterRef("bot"))


def filter_events(events: QuerySet[Event], chosen: dict[str, Any]) -> QuerySet[Event]:
    """The events that the accepted values of HistoryFilters leave, but for the organisation. Days are UTC's."""
    if q := chosen.get("q"):
        events = events.search(q)  # type: ignore[attr-defined]
    if actor := chosen.get("actor"):
        events = events.filter(_names("actor", actor))
    if target := chosen.get("target"):
        events = events.filter(_names("target", target))
    if action := chosen.get("action"):
        events = events.filter(verb=action)
    if since := chosen.get("since"):
        events = events.filter(at__gte=datetime.combine(since, time.min, tzinfo=UTC))
    if until := chosen.get("until"):
        events = events.filter(at__lte=datetime.combine(until, time.max, tzinfo=UTC))
    return events


def _names(column: str, text: str) -> Q:
    """An id means exactly that one; anything else, whoever is called something like it."""
    try:
        identifier = forms.UUIDField().clean(text)
    except forms.ValidationError:
        return Q(**{f"{column}_label__icontains": text})
    return Q(**{f"{column}_id": str(identifier)})
