"""Forms of keys: what can be chosen of one, create, revoke, reactivate, delete."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from django import forms
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from keyadmin.forms.base import OperationForm
from keyadmin.forms.networks import NetworksField, split
from keyadmin.forms.offers import Offer

NEVER: Final = "never"
CUSTOM: Final = "custom"
DEFAULT_EXPIRY: Final = "90"
EXPIRES: Final = [
    ("7", gettext_lazy("7 days")),
    ("30", gettext_lazy("30 days")),
    (DEFAULT_EXPIRY, gettext_lazy("90 days")),
    ("180", gettext_lazy("180 days")),
    ("365", gettext_lazy("1 year")),
    (CUSTOM, gettext_lazy("Custom date")),
    (NEVER, gettext_lazy("Never")),
]
PRESETS: Final[list[dict[str, Any]]] = [
    {
        "value": "read",
        "label": gettext_lazy("Read-only chats"),
        "icon": "messages-square",
        "scopes": ["chats:read"],
    },
    {
        "value": "send",
        "label": gettext_lazy("Send messages"),
        "icon": "send",
        "scopes": ["messages:send", "templates:read", "templates:send"],
    },
    {
        "value": "export",
        "label": gettext_lazy("Data export"),
        "icon": "database",
        "scopes": ["chats:read", "chats:export"],
    },
    {"value": CUSTOM, "label": gettext_lazy("Custom"), "icon": "settings-2", "scopes": []},
]


class KeyValuesForm(OperationForm):
    """What can be chosen of a key, by creating or editing it."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=500, required=False)
    preset = forms.ChoiceField(
        label=gettext_lazy("Preset"), choices=[(p["value"], p["label"]) for p in PRESETS], required=False
    )
    scopes = forms.MultipleChoiceField(label=gettext_lazy("Permissions"), required=False)
    inherits = forms.BooleanField(label=gettext_lazy("Full access"), required=False)
    channels = forms.MultipleChoiceField(label=gettext_lazy("Channels"), required=False)
    networks = NetworksField(label=gettext_lazy("Allowed IP addresses"), required=False)
    expires = forms.ChoiceField(label=gettext_lazy("Expires"), choices=EXPIRES)
    expires_on = forms.DateField(label=gettext_lazy("Expiry date"), required=False)
    tier = forms.ChoiceField(label=gettext_lazy("Rate tier"), required=False)

    def __init__(self, *args: Any, offer: Offer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer = offer
        self._choices("scopes", [(scope.name, scope.label) for scope in offer.catalogue])
        self._choices("channels", [(str(channel.id), channel.name) for channel in offer.channels])
        self._choices("tier", [(str(tier.id), tier.name) for tier in offer.tiers])
        self._choices("expires", expiries(offer))
        self.fields["channels"].error_messages["invalid_choice"] = gettext("Choose channels of this organisation.")

    @property
    def network_rows(self) -> list[str]:
        return split(self["networks"].value() or [])[0]

    @property
    def network_draft(self) -> str:
        return split(self["networks"].value() or [])[1]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("inherits"):
            data["scopes"] = []
        if data.get("expires") == CUSTOM and not data.get("expires_on") and "expires_on" not in self.errors:
            self.add_error("expires_on", gettext("Choose a date."))
        return data

    def values(self) -> dict[str, Any]:
        """The keyword arguments that `operations.keys.issue` and `edit` share."""
        data = self.cleaned_data
        return {
            "name": data["name"],
            "description": data["description"],
            "scopes": data["scopes"],
            "inherits": data["inherits"],
            "channels": [UUID(channel) for channel in data["channels"]],
            "networks": data["networks"],
            "expires_at": self._expires_at(),
        }

    def field_of(self, field: str) -> str:
        if field == "expires_at":
            return "expires_on" if self.data.get("expires") == CUSTOM else "expires"
        return super().field_of(field)

    def _expires_at(self) -> Any:
        choice = self.cleaned_data["expires"]
        if choice == NEVER:
            return None
        if choice == CUSTOM:
            return end_of(self.cleaned_data["expires_on"])
        return timezone.now() + timedelta(days=int(choice))

    def _choices(self, name: str, choices: Collection[Any]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]


class KeyForm(KeyValuesForm):
    """A new key."""

    owner = forms.ChoiceField(label=gettext_lazy("Owner"))
    idempotency_key = forms.CharField(widget=forms.HiddenInput, max_length=64)

    field_order = ("name", "description", "owner")
    renamed: ClassVar[dict[str, str]] = {"bot": "owner", "organisation": "owner", "kind": "owner"}

    def __init__(self, *args: Any, offer: Offer, **kwargs: Any) -> None:
        super().__init__(*args, offer=offer, **kwargs)
        self._choices("owner", offer.owner_choices)

    @staticmethod
    def initial_for(offer: Offer, idempotency_key: str) -> dict[str, Any]:
        """A careful beginning: read-only, for the organisation's usual time and at its usual rate."""
        preset = PRESETS[0]
        return {
            "owner": offer.owner.value,
            "preset": preset["value"],
            "scopes": preset["scopes"],
            "channels": [],
            "networks": [],
            **usual_expiry(offer),
            "tier": str(offer.owner.organisation.default_tier_id),
            "idempotency_key": idempotency_key,
        }

    @staticmethod
    def kept_for(offer: Offer, data: Any) -> dict[str, Any]:
        """What was typed, as far as the owner chosen since then offers it."""
        tier = data.get("tier", "")
        offered = {str(channel.id) for channel in offer.channels}
        chosen = {"expires": data.get("expires", ""), "expires_on": data.get("expires_on", "")}
        return {
            "owner": offer.owner.value,
            "channels": [channel for channel in data.getlist("channels") if channel in offered],
            **(chosen if chosen["expires"] in dict(expiries(offer)) else usual_expiry(offer)),
            "tier": tier if tier in {str(t.id) for t in offer.tiers} else str(offer.owner.organisation.default_tier_id),
        }

    def values(self) -> dict[str, Any]:
        """The keyword arguments of `operations.keys.issue`, but for the actor."""
        data, owner = self.cleaned_data, self.offer.owner
        return {
            **super().values(),
            "organisation": owner.organisation.id,
            "bot": owner.bot.id if owner.bot else None,
            "kind": owner.kind,
            "tier": UUID(data["tier"]) if data["tier"] and self.offer.may_choose_tier else None,
        }


class RevokeForm(OperationForm):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=300, required=False)


class ReactivateForm(OperationForm):
    """An expired key needs the day it will end on; another keeps the end it has."""

    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=300, required=False)
    expires_on = forms.DateField(label=gettext_lazy("New expiry date"))

    renamed: ClassVar[dict[str, str]] = {"expires_at": "expires_on"}

    def __init__(self, *args: Any, is_expired: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_expired:
            del self.fields["expires_on"]

    def values(self) -> dict[str, Any]:
        """The keyword arguments of `operations.keys.reactivate`, but for the actor and the key."""
        day = self.cleaned_data.get("expires_on")
        values: dict[str, Any] = {"reason": self.cleaned_data["reason"]}
        return values | ({"expires_at": end_of(day)} if day else {})


class DeleteForm(OperationForm):
    """The key's name, typed exactly."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120, strip=False)

    def __init__(self, *args: Any, key_name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._key_name = key_name

    def clean_name(self) -> str:
        if self.cleaned_data["name"] != self._key_name:
            raise forms.ValidationError(gettext("This is not the key's name."))
        return self._key_name


def expiries(offer: Offer) -> list[tuple[str, Any]]:
    """The choices that the organisation's rules leave."""
    organisation = offer.owner.organisation
    longest = organisation.max_expiry_days
    return [
        (value, label)
        for value, label in EXPIRES
        if (value != NEVER or organisation.may_never_expire)
        and not (longest and value.isdigit() and int(value) > longest)
    ]


def usual_expiry(offer: Offer) -> dict[str, str]:
    """The organisation's default, `expires` and `expires_on`: a date where no choice has just that length."""
    organisation = offer.owner.organisation
    days, longest = organisation.default_expiry_days, organisation.max_expiry_days
    if days is None and organisation.may_never_expire:
        return {"expires": NEVER, "expires_on": ""}
    days = days or min(int(DEFAULT_EXPIRY), longest or int(DEFAULT_EXPIRY))
    if str(days) in dict(expiries(offer)):
        return {"expires": str(days), "expires_on": ""}
    last = (timezone.now() + timedelta(days=days)).astimezone(UTC).date()
    if days == longest:  # the last second of that day would be beyond it
        last -= timedelta(days=1)
    return {"expires": CUSTOM, "expires_on": last.isoformat()}


def end_of(day: date) -> datetime:
    """A key that expires on a day works through its last second, in UTC."""
    return datetime.combine(day, time(23, 59, 59), tzinfo=UTC)
