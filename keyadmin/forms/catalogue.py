"""Forms of what keys are made of: permissions with their routes, channels, tiers, and an organisation's rules."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from django import forms
from django.utils.translation import gettext, gettext_lazy

from keyadmin.core.routes import Route, RouteError, segments_of
from keyadmin.core.tokens import PREFIX_PATTERN, Format
from keyadmin.forms.base import OperationForm
from keyadmin.models import ChannelSource, Organisation, ScopeRoute, Tier
from keyadmin.models.organisation import USAGE_RETENTION_DAYS

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: Rows that wait to be filled in, for readers without scripts.
_BLANK: Final = 2
_MOST_DAYS: Final = 36_500


class NameFilters(OperationForm):
    q = forms.CharField(required=False, max_length=120)
    organisation = forms.SlugField(required=False, max_length=60)


@dataclass
class RouteRow:
    """A row of the editor as it was typed; `errors` say what is wrong with it."""

    method: str = "GET"
    pattern: str = ""
    channel_from: str = ""
    errors: list[str] = field(default_factory=list)

    def route(self, scope: str) -> Route:
        return Route(self.method, self.pattern, scope, self.channel_from)  # type: ignore[arg-type]


class ScopeForm(OperationForm):
    """`rows` are the routes, read from inputs named method, pattern and channel_from, one of each a row."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=60,
        help_text=gettext_lazy("resource:action, such as chats:read. It cannot be changed later."),
        widget=forms.TextInput({"class": "mono", "autocomplete": "off", "spellcheck": "false"}),
    )
    resource = forms.CharField(
        label=gettext_lazy("Resource"), max_length=60, help_text=gettext_lazy("The group it stands in: Chats.")
    )
    label = forms.CharField(
        label=gettext_lazy("Label"), max_length=80, help_text=gettext_lazy("Beside its checkbox: Read chats.")
    )
    caption = forms.CharField(
        label=gettext_lazy("Caption"), max_length=60, required=False, help_text=gettext_lazy("In a few words.")
    )
    explanation = forms.CharField(
        label=gettext_lazy("Explanation"),
        max_length=300,
        widget=forms.Textarea({"rows": 3}),
    )
    ability = forms.CharField(
        label=gettext_lazy("Completes “This key can …”"), max_length=80, help_text=gettext_lazy("Such as: read chats.")
    )
    is_sensitive = forms.BooleanField(label=gettext_lazy("It can write or export"), required=False)

    def __init__(self, *args: Any, routes: Iterable[ScopeRoute] = (), is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_new:
            del self.fields["name"]
        saved = [RouteRow(route.method, route.pattern, route.channel_from) for route in routes]
        self.rows = _typed(self.data) if self.is_bound else saved
        self.blank = [RouteRow() for _ in range(_BLANK)]

    def clean(self) -> dict[str, Any]:
        seen = set()
        for row in self.rows:
            row.errors = _errors(row)
            if (row.method, row.pattern) in seen:
                row.errors.append(gettext("This route is listed twice."))
            seen.add((row.method, row.pattern))
        if wrong := sum(bool(row.errors) for row in self.rows):
            self.add_error(None, gettext("Look at the routes: %(count)d cannot be understood.") % {"count": wrong})
        return self.cleaned_data

    def values(self) -> dict[str, Any]:
        """The keyword arguments of `operations.scopes.create` and `edit`, but for actor and scope."""
        return {**self.cleaned_data, "routes": [row.route("") for row in self.rows]}


class NameForm(OperationForm):
    """A channel's name."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)


class TierForm(OperationForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    hourly_limit = forms.IntegerField(
        label=gettext_lazy("Requests in any hour"),
        min_value=1,
        max_value=2**31 - 1,
        help_text=gettext_lazy("For each key by itself."),
    )


class SettingsForm(OperationForm):
    """The rules by which an organisation's keys are made. `tier` only for who may choose tiers."""

    renamed: ClassVar[dict[str, str]] = {"default_tier": "tier"}

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    default_expiry_days = forms.IntegerField(
        label=gettext_lazy("Default expiry, in days"),
        required=False,
        min_value=1,
        max_value=_MOST_DAYS,
        help_text=gettext_lazy("What a new key starts with. Leave it empty for “Never”."),
    )
    max_expiry_days = forms.IntegerField(
        label=gettext_lazy("Longest life, in days"),
        required=False,
        min_value=1,
        max_value=_MOST_DAYS,
        help_text=gettext_lazy("No key may be given more. Leave it empty for no limit."),
    )
    may_never_expire = forms.BooleanField(label=gettext_lazy("Keys may have no expiry at all"), required=False)
    key_prefix = forms.RegexField(
        f"^{PREFIX_PATTERN}$",
        label=gettext_lazy("Key prefix"),
        max_length=12,
        error_messages={"invalid": gettext_lazy("Use 2 to 12 lower-case letters and digits, a letter first.")},
        help_text=gettext_lazy("What every new key begins with, so that people and secret scanners recognise it."),
        widget=forms.TextInput({"class": "mono", "autocomplete": "off", "spellcheck": "false"}),
    )
    key_format = forms.ChoiceField(
        label=gettext_lazy("Key format"),
        choices=[
            (Format.DEFAULT.value, gettext_lazy("With an ID and a checksum")),
            (Format.COMPACT.value, gettext_lazy("Compact")),
        ],
    )
    usage_retention_days = forms.IntegerField(
        label=gettext_lazy("Keep usage, in days"),
        min_value=USAGE_RETENTION_DAYS[0],
        max_value=USAGE_RETENTION_DAYS[1],
        help_text=gettext_lazy("Older requests leave the charts; each key's total stays. History is kept for ever."),
    )
    tier = forms.ModelChoiceField(label=gettext_lazy("Usual rate tier"), queryset=Tier.objects.none(), empty_label=None)

    def __init__(self, *args: Any, organisation: Organisation, may_choose_tier: bool, **kwargs: Any) -> None:
        names = [name for name in self.base_fields if name != "tier"]
        initial = {name: getattr(organisation, name) for name in names} | {"tier": organisation.default_tier_id}
        super().__init__(*args, **kwargs | {"initial": initial})
        if may_choose_tier:
            self.fields["tier"].queryset = Tier.objects.all()  # type: ignore[attr-defined]
        else:
            del self.fields["tier"]

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        endless = "default_expiry_days" in given and given["default_expiry_days"] is None
        if endless and not given.get("may_never_expire"):
            self.add_error("default_expiry_days", gettext("Enter a number: keys here must expire."))
        return given

    def values(self) -> dict[str, Any]:
        """The keyword arguments of `operations.organisations.edit`, but for actor and organisation."""
        values = dict(self.cleaned_data)
        return values | ({"tier": values["tier"].id} if "tier" in values else {})


def _typed(data: Mapping[str, Any]) -> list[RouteRow]:
    """The rows that were sent, but for those left blank."""
    lists = [data.getlist(name) if hasattr(data, "getlist") else [] for name in ("method", "pattern", "channel_from")]
    rows = [RouteRow(method, pattern.strip(), source) for method, pattern, source in zip(*lists, strict=False)]
    return [row for row in rows if row.pattern]


def _errors(row: RouteRow) -> list[str]:
    if row.method not in METHODS or row.channel_from not in ChannelSource.values:
        return [gettext("Choose from the lists.")]
    if len(row.pattern) > 200:
        return [gettext("Use at most %(count)d characters.") % {"count": 200}]
    try:
        segments_of(row.route("scope"))
    except RouteError as problem:
        return [str(problem)]
    return []
