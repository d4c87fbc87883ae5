"""Filters of lists, from the query string of the URL. An invalid value is an error."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, cast
from uuid import UUID

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from keyadmin.core import cidr
from keyadmin.core.errors import InvalidFilterError
from keyadmin.forms.base import OperationForm
from keyadmin.models import (
    AccountStatus,
    AllowListEntry,
    CallOutcome,
    EventType,
    Finding,
    KeyKind,
    KeyStatus,
    Role,
    Scope,
    SystemRole,
)
from keyadmin.models.event_search import EventFilter
from keyadmin.models.key import KeyQuerySet
from keyadmin.operations.audit.export import ExportFormat

SORT_CHOICES: Final = [
    ("newest", gettext_lazy("Newest first")),
    ("oldest", gettext_lazy("Oldest first")),
    ("name", gettext_lazy("Name")),
    ("-name", gettext_lazy("Name, from Z to A")),
    ("used", gettext_lazy("Last used first")),
    ("-used", gettext_lazy("Longest unused first")),
    ("expires", gettext_lazy("Expiring first")),
    ("-expires", gettext_lazy("Expiring last")),
]
ALLOW_LIST_CHOICES: Final = [("any", gettext_lazy("Any IP address")), ("limited", gettext_lazy("Restricted"))]
LAST_USE_CHOICES: Final = [("never", gettext_lazy("Never")), ("90", gettext_lazy("Not for 90 days"))]
#: A person's role in an organisation or, with the prefix `system-`, their system role.
ROLES: Final = [*Role.choices, *((f"system-{value}", label) for value, label in SystemRole.choices)]
#: The value of the bot filter for keys that belong to no bot.
NO_BOT = "none"
#: Earlier dates are replaced by this one, because some of them cannot be converted to a time.
_EARLIEST_DATE: Final = date(1970, 1, 1)


#: The outcomes of a request, without "allowed".
DENIED_OUTCOMES: Final = [choice for choice in CallOutcome.choices if choice[0] != CallOutcome.OK]


class _Filters(OperationForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            for code in ("invalid", "invalid_choice"):
                field.error_messages[code] = gettext("There is no such value. Choose another one.")


class _BotFilter(_Filters):
    """A bot's id, or NO_BOT."""

    bot = forms.CharField(required=False, max_length=40)

    def clean_bot(self) -> str:
        bot: str = self.cleaned_data["bot"]
        if bot in ("", NO_BOT):
            return bot
        try:
            return str(UUID(bot))
        except ValueError:
            raise forms.ValidationError(self.fields["bot"].error_messages["invalid"]) from None


class OrganisationFilters(_Filters):
    q = forms.CharField(required=False, max_length=120)


class SearchFilters(OrganisationFilters):
    """A search in one organisation or in all of them: lists of bots, channels and allow-list entries."""

    organisation = forms.SlugField(required=False, max_length=60)


class PeopleFilters(SearchFilters):
    status = forms.ChoiceField(required=False, choices=AccountStatus)
    role = forms.ChoiceField(label=gettext_lazy("Role"), required=False, choices=ROLES)


class AddressFilters(_Filters):
    """One IP address to look up in the allow-lists."""

    address = forms.CharField(label=gettext_lazy("Address"), required=False, max_length=64)
    organisation = forms.SlugField(required=False, max_length=60)

    def clean_address(self) -> str:
        text: str = self.cleaned_data["address"].strip()
        address = cidr.address_of(text)
        if text and address is None:
            raise forms.ValidationError(gettext("Enter one IP address, such as 203.0.113.24."))
        return address.text if address else ""


class UsageFilters(_BotFilter):
    """The usage of an organisation, a bot or a key. Without a filter: of all that the user may read."""

    organisation = forms.SlugField(required=False, max_length=60)
    key = forms.UUIDField(required=False)


class DenialFilters(_Filters):
    """The denied requests of a key since a day (UTC), for all reasons or one."""

    since = forms.DateField(required=False)
    reason = forms.ChoiceField(required=False, choices=DENIED_OUTCOMES)


class KeyFilters(_BotFilter):
    q = forms.CharField(required=False, max_length=120)
    status = forms.ChoiceField(required=False, choices=KeyStatus)
    kind = forms.ChoiceField(required=False, choices=KeyKind)
    scope = forms.RegexField(r"^[a-z:-]+$", required=False, max_length=60)
    open = forms.ChoiceField(required=False, choices=ALLOW_LIST_CHOICES)
    used = forms.ChoiceField(required=False, choices=LAST_USE_CHOICES)
    organisation = forms.SlugField(required=False, max_length=60)
    sort = forms.ChoiceField(required=False, choices=SORT_CHOICES)


class ReviewFilters(_Filters):
    organisation = forms.SlugField(required=False, max_length=60)
    finding = forms.ChoiceField(required=False, choices=Finding)


class HistoryFilters(_Filters):
    q = forms.CharField(label=gettext_lazy("Text"), required=False, max_length=120)
    actor = forms.CharField(label=gettext_lazy("Actor"), required=False, max_length=120)
    type = forms.ChoiceField(label=gettext_lazy("Action"), required=False, choices=EventType)
    target = forms.CharField(label=gettext_lazy("Target"), required=False, max_length=120)
    organisation = forms.SlugField(required=False, max_length=60)
    since = forms.DateField(label=gettext_lazy("From"), required=False)
    until = forms.DateField(label=gettext_lazy("Until"), required=False)


class HistoryExportForm(OperationForm):
    format = forms.ChoiceField(choices=[(each.value, each.value) for each in ExportFormat])


def without_networks(keys: QuerySet[Any]) -> KeyQuerySet:
    """The valid keys that work from any IP address: neither they nor their bots have an allow-list."""
    own, of_bot = _entries()
    return cast(KeyQuerySet, keys).valid().filter(~Exists(own), ~Exists(of_bot))


def filter_keys(rows: QuerySet[Any], chosen: dict[str, Any]) -> KeyQuerySet:
    """The keys that match the filters. The caller applies status, kind and organisation.

    Raises InvalidFilterError for a permission that does not exist.
    """
    keys = cast(KeyQuerySet, rows)
    if "q" in chosen:
        keys = keys.search(chosen["q"])
    if bot := chosen.get("bot"):
        keys = keys.filter(bot__isnull=True) if bot == NO_BOT else keys.filter(bot=bot)
    if scope := chosen.get("scope"):
        if not Scope.objects.filter(name=scope).exists():
            raise InvalidFilterError({"scope": [gettext("There is no permission with this name.")]})
        keys = keys.filter(Q(inherits=True) | Exists(Scope.objects.filter(keys=OuterRef("pk"), name=scope)))
    match chosen.get("open"):
        case "any":
            keys = without_networks(keys)
        case "limited":
            own, of_bot = _entries()
            keys = keys.filter(Exists(own) | Exists(of_bot))
    match chosen.get("used"):
        case "never":
            keys = keys.filter(meter__last_used_at__isnull=True)
        case "90":
            keys = keys.filter(meter__last_used_at__lt=timezone.now() - timedelta(days=90))
    return keys


def _entries() -> tuple[QuerySet[AllowListEntry], QuerySet[AllowListEntry]]:
    """Subqueries for a queryset of keys: the allow-list entries of the key and of its bot."""
    entries = AllowListEntry.objects
    return entries.filter(key=OuterRef("pk")), entries.filter(bot=OuterRef("bot"))


def event_filter(chosen: dict[str, Any], organisation: UUID | None) -> EventFilter:
    """The EventFilter for valid values of HistoryFilters, in the organisation or in all. Days are in UTC."""
    since, until = chosen.get("since"), chosen.get("until")
    return EventFilter(
        text=chosen.get("q", ""),
        actor=chosen.get("actor", ""),
        target=chosen.get("target", ""),
        type=chosen.get("type") or "",
        organisation=organisation,
        since=_midnight(max(since, _EARLIEST_DATE)) if since else None,
        until=_midnight(until + timedelta(days=1)) if until and until < timezone.now().date() else None,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
