"""Forms of keys: create, edit, regenerate, reactivate, delete, and revoke several."""

import json
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar, Final, NamedTuple
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

from keyadmin.core import cidr
from keyadmin.core.text import normalise
from keyadmin.forms.base import IdempotentForm, OperationForm, ReasonForm
from keyadmin.forms.key_choices import KeyFormChoices
from keyadmin.models import Key, KeyKind
from keyadmin.operations.allow_list_rules import NewEntry, RejectedNetwork, TypedEntry, parse_entries
from keyadmin.operations.keys import bulk_revocation, default_days
from keyadmin.operations.validation import UNSET, Unset

NEVER: Final = "never"
CUSTOM: Final = "custom"
#: The choice that keeps the present expiry of the key.
KEEP: Final = "keep"
EXPIRY_CHOICES: Final = [
    ("7", gettext_lazy("7 days")),
    ("30", gettext_lazy("30 days")),
    ("90", gettext_lazy("90 days")),
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
#: Hours for which the old secret keeps working, and labels.
GRACE_CHOICES: Final = [
    ("0", gettext_lazy("Stops immediately")),
    ("1", gettext_lazy("Works for 1 more hour")),
    ("24", gettext_lazy("Works for 24 hours")),
    ("168", gettext_lazy("Works for 7 days")),
]
#: From so many keys on, their number is typed to confirm, and a background job revokes them.
MIN_JOB_KEYS: Final = 100
_MERGED_FIELDS: Final = (
    "name",
    "description",
    "scopes",
    "inherits",
    "channels",
    "networks",
    "expires",
    "expires_on",
    "tier",
)


class NetworksInput(forms.TextInput):
    """The entries of the allow-list editor as texts: its rows, and what is in the field for new ones.

    Repetitions are ignored.
    """

    #: The name of the field for new rows.
    draft_name = "network"

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[str]:
        entries: dict[str, TypedEntry] = {}
        for entry in (*rows_of_list(data, name), *TypedEntry.split(data.get(self.draft_name) or "")):
            entries.setdefault(entry.text, entry)
        return [str(entry) for entry in entries.values()]


class NetworksField(forms.Field):
    """Cleans to the entries, in the order in which they were typed. Each rejected text has its own error."""

    widget = NetworksInput

    def clean(self, value: list[str] | None) -> list[NewEntry]:
        entries, rejected = parse_entries([TypedEntry.from_text(text) for text in value or []], ())
        if rejected:
            raise ValidationError([each.message for each in rejected])
        return entries


class Expiry(NamedTuple):
    """When a key expires: `at` is None if never. While no date is chosen, `is_chosen` is False."""

    is_chosen: bool
    at: datetime | None = None


class KeyValuesForm(OperationForm):
    """The values of a key that an actor chooses when creating or editing it."""

    field_aliases: ClassVar[dict[str, str]] = {"notes": "networks"}

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=500, required=False)
    preset = forms.ChoiceField(
        label=gettext_lazy("Preset"), choices=[(p["value"], p["label"]) for p in PRESETS], required=False
    )
    scopes = forms.MultipleChoiceField(label=gettext_lazy("Permissions"), required=False)
    inherits = forms.BooleanField(label=gettext_lazy("Full access"), required=False)
    channels = forms.MultipleChoiceField(label=gettext_lazy("Channels"), required=False)
    networks = NetworksField(label=gettext_lazy("Allowed IP addresses"), required=False)
    expires = forms.ChoiceField(label=gettext_lazy("Expires"), choices=EXPIRY_CHOICES)
    expires_on = forms.DateField(label=gettext_lazy("Expiry date"), required=False)
    tier = forms.ChoiceField(label=gettext_lazy("Rate tier"), required=False)

    def __init__(self, *args: Any, choices: KeyFormChoices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choices = choices
        self._set_choices("scopes", [(scope.name, scope.label) for scope in choices.catalogue])
        self._set_choices("channels", [(str(channel.id), channel.name) for channel in choices.channels])
        self._set_choices("tier", [(str(tier.id), tier.name) for tier in choices.tiers])
        self._set_choices("expires", expiry_choices(choices))
        self.fields["channels"].error_messages["invalid_choice"] = gettext("Choose channels of this organisation.")

    def parse_entries(self) -> tuple[list[NewEntry], list[RejectedNetwork]]:
        """The entries as they are in the form at present, and the texts that are none."""
        return parse_entries([TypedEntry.from_text(text) for text in self["networks"].value() or []], ())

    @property
    def chosen_networks(self) -> list[cidr.Network]:
        """The networks of the cleaned entries."""
        return [entry.network for entry in self.cleaned_data["networks"]]

    def expiry(self) -> Expiry:
        """The expiry as it is in the form at present, valid or not."""
        choice = str(self["expires"].value() or "")
        if choice == NEVER:
            return Expiry(is_chosen=True)
        if choice == CUSTOM:
            return self._custom_expiry()
        if choice.isdigit() and choice in dict(EXPIRY_CHOICES):
            return Expiry(is_chosen=True, at=timezone.now() + timedelta(days=int(choice)))
        return Expiry(is_chosen=False)

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
            "networks": self.chosen_networks,
            "notes": {entry.network: entry.note for entry in data["networks"] if entry.note},
            "expires_at": self._expires_at(),
        }

    def form_field(self, operation_field: str) -> str:
        if operation_field == "expires_at":
            return "expires_on" if self.data.get("expires") == CUSTOM else "expires"
        return super().form_field(operation_field)

    def _expires_at(self) -> datetime | Unset | None:
        return self.expiry().at

    def _custom_expiry(self) -> Expiry:
        try:
            day = self.fields["expires_on"].clean(self["expires_on"].value())
        except ValidationError:
            day = None
        return Expiry(is_chosen=True, at=end_of(day)) if day else Expiry(is_chosen=False)

    def _set_choices(self, name: str, choices: Collection[Any]) -> None:
        self.typed_field(name, forms.ChoiceField).choices = choices


class KeyForm(KeyValuesForm, IdempotentForm):
    """A new key."""

    owner = forms.ChoiceField(label=gettext_lazy("Owner"))

    field_order = ("name", "description", "owner")
    field_aliases: ClassVar[dict[str, str]] = {
        **KeyValuesForm.field_aliases,
        "bot": "owner",
        "organisation": "owner",
        "kind": "owner",
    }

    def __init__(self, *args: Any, choices: KeyFormChoices, **kwargs: Any) -> None:
        super().__init__(*args, choices=choices, **kwargs)
        self._set_choices("owner", choices.owner_choices)
        self.fields["owner"].error_messages["required"] = gettext("Choose the owner of the key.")

    @staticmethod
    def initial_for(choices: KeyFormChoices, idempotency_key: str) -> dict[str, Any]:
        """The narrowest preset, with the organisation's default expiry and tier."""
        preset = PRESETS[0]
        return {
            "owner": choices.owner.value,
            "preset": preset["value"],
            "scopes": preset["scopes"],
            "channels": [],
            "networks": [],
            **default_expiry(choices),
            "tier": _default_tier(choices),
            "idempotency_key": idempotency_key,
        }

    @staticmethod
    def carry_over(choices: KeyFormChoices, data: Any) -> dict[str, Any]:
        """The entered values, with defaults in place of those that the newly selected owner does not offer."""
        submitted = KeyForm(data, choices=choices)
        entered = {name: submitted[name].value() for name in submitted.fields}
        tier = data.get("tier", "")
        channels = {str(channel.id) for channel in choices.channels}
        expiry = {"expires": data.get("expires", ""), "expires_on": data.get("expires_on", "")}
        tiers = {str(each.id) for each in choices.tiers}
        return entered | {
            "owner": choices.owner.value,
            "channels": [channel for channel in data.getlist("channels") if channel in channels],
            **(expiry if expiry["expires"] in dict(expiry_choices(choices)) else default_expiry(choices)),
            "tier": tier if tier in tiers else _default_tier(choices),
        }

    def values(self) -> dict[str, Any]:
        """The keyword arguments of `operations.keys.issue`, except the actor."""
        data, owner = self.cleaned_data, self.choices.owner
        return {
            **super().values(),
            "organisation": owner.organisation.id,
            "bot": owner.bot.id if owner.bot else None,
            "kind": owner.kind,
            "tier": UUID(data["tier"]) if data["tier"] and self.choices.may_choose_tier else None,
        }


class EditForm(KeyValuesForm):
    """Changes of a key. `revision` and `base` (JSON) are its revision and values when the form was loaded."""

    revision = forms.IntegerField(widget=forms.HiddenInput)
    base = forms.CharField(widget=forms.HiddenInput, required=False, max_length=20_000)

    def __init__(self, *args: Any, choices: KeyFormChoices, key: Key, **kwargs: Any) -> None:
        super().__init__(*args, choices=choices, **kwargs)
        self._key_expires_at = key.expires_at
        if key.name_follows_description:
            self.fields["name"].help_text = gettext("Follows the description until you change it.")
        keep = (KEEP, gettext("Keep")) if key.expires_at else (NEVER, gettext("Never"))
        is_lasting = key.kind == KeyKind.PUBLIC and key.organisation.may_never_expire
        others = [choice for choice in expiry_choices(choices) if choice[0] != keep[0]]
        others = [choice for choice in others if choice[0] == NEVER] if is_lasting else others
        self._set_choices("expires", [keep, *others] if key.expires_at else [*others, keep])

    @staticmethod
    def initial_for(key: Any) -> dict[str, Any]:
        """The present values of `key`, loaded `with_lists()`."""
        values = {
            "name": key.name,
            "description": key.description,
            "scopes": key.scope_names,
            "inherits": key.inherits,
            "channels": sorted(map(str, key.channel_ids)),
            "networks": [str(NewEntry(*entry)) for entry in zip(key.own_networks, key.own_notes, strict=True)],
            "expires": KEEP if key.expires_at else NEVER,
            "expires_on": "",
            "tier": str(key.tier_id),
        }
        preset = next((p["value"] for p in PRESETS if p["scopes"] and set(p["scopes"]) == set(key.scope_names)), CUSTOM)
        return {**values, "preset": preset, "revision": key.revision, "base": json.dumps(values)}

    def submitted_revision(self) -> int | None:
        """The revision of the key that the form was loaded with; None if it is not a number."""
        value = str(self.data.get("revision", ""))
        return int(value) if value.isascii() and value.isdigit() else None

    def merged_with(self, present: dict[str, Any]) -> dict[str, Any]:
        """`present`, a result of `initial_for`, with the fields that this form changed since it was loaded."""
        base = _parse_base(self.data.get("base", ""))
        submitted = {name: self[name].value() for name in _MERGED_FIELDS}
        edited = {name for name in _MERGED_FIELDS if name not in base or not _is_same(submitted[name], base[name])}
        return {**present, "preset": CUSTOM, **{name: submitted[name] for name in edited}}

    def values(self) -> dict[str, Any]:
        """The keyword arguments of `operations.keys.edit`, except the actor and the key."""
        tier = self.cleaned_data["tier"]
        return {
            **super().values(),
            "tier": UUID(tier) if tier and self.choices.may_choose_tier else UNSET,
            "revision": self.cleaned_data["revision"],
        }

    def expiry(self) -> Expiry:
        if self["expires"].value() == KEEP:
            return Expiry(is_chosen=True, at=self._key_expires_at)
        return super().expiry()

    def _expires_at(self) -> datetime | Unset | None:
        return UNSET if self.cleaned_data["expires"] == KEEP else super()._expires_at()


class NewExpiryForm(OperationForm):
    """A form with a new expiry, required if `expiry_problem` says why the key cannot keep its present one."""

    expires_on = forms.DateField(label=gettext_lazy("New expiry date"), required=False)

    field_aliases: ClassVar[dict[str, str]] = {"expires_at": "expires_on"}

    def __init__(self, *args: Any, expiry_problem: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["expires_on"].required = bool(expiry_problem)
        self.fields["expires_on"].error_messages["required"] = expiry_problem

    def expiry_values(self) -> dict[str, Any]:
        """The argument `expires_at` of the operation; empty if the key keeps its expiry."""
        day = self.cleaned_data["expires_on"]
        return {"expires_at": end_of(day)} if day else {}


class RegenerateForm(IdempotentForm, NewExpiryForm):
    grace = forms.ChoiceField(label=gettext_lazy("Old secret"), choices=GRACE_CHOICES)

    field_order = ("grace", "expires_on")

    def values(self) -> dict[str, Any]:
        """The keyword arguments of `operations.keys.regenerate`, except the actor and the key."""
        return {"grace": timedelta(hours=int(self.cleaned_data["grace"])), **self.expiry_values()}


class ReactivateForm(ReasonForm, NewExpiryForm):
    def values(self) -> dict[str, Any]:
        """The keyword arguments of `operations.keys.reactivate`, except the actor and the key."""
        return {"reason": self.cleaned_data["reason"], **self.expiry_values()}


class DeleteForm(OperationForm):
    """A confirmation by the name of the key. White space and Unicode forms are compared as `normalise` says."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=500)

    def __init__(self, *args: Any, key_name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._key_name = key_name

    def clean_name(self) -> str:
        if normalise(self.cleaned_data["name"]) != normalise(self._key_name):
            raise forms.ValidationError(gettext("This is not the key’s name. Type it exactly as shown."))
        return self._key_name


class RevokeManyForm(ReasonForm):
    """The reason and, from MIN_JOB_KEYS keys on, their number."""

    count = forms.CharField(label=gettext_lazy("Number of keys"), max_length=20, required=False)

    def __init__(self, *args: Any, key_count: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: The number to type; None if none is asked for.
        self.confirm = key_count if key_count >= MIN_JOB_KEYS else None

    def clean_count(self) -> str:
        count: str = self.cleaned_data["count"]
        if self.confirm is not None and normalise(count) != str(self.confirm):
            raise forms.ValidationError(gettext("Type %(count)d to confirm.") % {"count": self.confirm})
        return count


class GraceChoice(NamedTuple):
    """One choice of RegenerateForm. `is_capped`: the key expires before the grace period would end."""

    value: str
    label: str | Promise
    until: datetime | None
    is_capped: bool


def grace_choices(key: Key) -> list[GraceChoice]:
    """The choices for this key, with the times at which the old secret would end."""
    now = timezone.now()
    choices = []
    for value, label in GRACE_CHOICES:
        until = now + timedelta(hours=int(value))
        is_capped = value != "0" and key.expires_at is not None and key.expires_at < until
        end = key.expires_at if is_capped else until
        choices.append(GraceChoice(value, label, None if value == "0" else end, is_capped))
    return choices


def parse_key_ids(values: list[str]) -> list[UUID]:
    """The distinct ids in the values, in their order. A value is one id, or several with commas between them.

    At most MAX_KEYS; other texts are ignored.
    """
    ids: dict[UUID, None] = {}
    for text in ",".join(values).split(","):
        try:
            ids[UUID(text.strip())] = None
        except ValueError:
            continue
    return list(ids)[: bulk_revocation.MAX_KEYS]


def expiry_choices(choices: KeyFormChoices) -> list[tuple[str, Any]]:
    """The expiry choices that the organisation's rules allow."""
    organisation = choices.owner.organisation
    longest = organisation.max_expiry_days
    return [
        (value, label)
        for value, label in EXPIRY_CHOICES
        if (value != NEVER or organisation.may_never_expire)
        and not (longest and value.isdigit() and int(value) > longest)
    ]


def default_expiry(choices: KeyFormChoices) -> dict[str, str]:
    """`expires` and `expires_on` for the default of a new key: a custom date if there is no choice of that length."""
    organisation = choices.owner.organisation
    days = default_days(organisation, choices.owner.kind)
    if days is None:
        return {"expires": NEVER, "expires_on": ""}
    if str(days) in dict(expiry_choices(choices)):
        return {"expires": str(days), "expires_on": ""}
    last_day = (timezone.now() + timedelta(days=days)).astimezone(UTC).date()
    if days == organisation.max_expiry_days:  # the end of that day would exceed the longest expiry
        last_day -= timedelta(days=1)
    return {"expires": CUSTOM, "expires_on": last_day.isoformat()}


def rows_of_list(data: Mapping[str, Any], name: str) -> list[TypedEntry]:
    """The rows of the allow-list editor in a form: the networks under `name`, their notes under `note:NETWORK`."""
    rows = data.getlist(name) if hasattr(data, "getlist") else data.get(name) or []
    networks = [network for text in rows for network in cidr.split(text)]
    return [TypedEntry(network, data.get(f"note:{network}") or "") for network in networks]


def end_of(day: date) -> datetime:
    """The last second of the day in UTC, so that a key works on the day of its expiry."""
    return datetime.combine(day, time(23, 59, 59), tzinfo=UTC)


def _default_tier(choices: KeyFormChoices) -> str:
    """The value of the owner's default tier; "" while no owner is selected."""
    return str(choices.owner.organisation.default_tier_id or "")


def _parse_base(text: str) -> dict[str, Any]:
    """The values in the hidden field `base`; empty if it is not valid JSON."""
    try:
        base = json.loads(text)
    except ValueError:
        return {}
    return base if isinstance(base, dict) else {}


def _is_same(submitted: Any, base: Any) -> bool:
    if isinstance(base, list):
        return sorted(map(str, submitted or [])) == sorted(map(str, base))
    if isinstance(base, bool):
        return bool(submitted) == base
    return str(submitted or "") == str(base or "")
