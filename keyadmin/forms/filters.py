"""Filters of lists, as they stand in the address. What cannot be read is left out, never an error."""

from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy

from keyadmin.forms.base import OperationForm
from keyadmin.models import AllowListEntry, Event, Kind, Status, Verb

SORTS = [("newest", gettext_lazy("Newest")), ("oldest", gettext_lazy("Oldest")), ("name", gettext_lazy("Name"))]


class KeyFilters(OperationForm):
    q = forms.CharField(required=False, max_length=120)
    status = forms.ChoiceField(required=False, choices=Status)
    kind = forms.ChoiceField(required=False, choices=Kind)
    open = forms.ChoiceField(required=False, choices=[("any", "any")])
    organisation = forms.SlugField(required=False, max_length=60)
    sort = forms.ChoiceField(required=False, choices=SORTS)


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
    own = AllowListEntry.objects.filter(key=OuterRef("pk"))
    of_bot = AllowListEntry.objects.filter(bot=OuterRef("bot"))
    stopped = (Status.REVOKED.value, Status.EXPIRED.value)
    return keys.filter(~Exists(own), ~Exists(of_bot)).exclude(status_now__in=stopped)


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
