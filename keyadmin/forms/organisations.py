"""Forms of organisations: create, rename, settings, and their public key."""

from collections.abc import Collection
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext, gettext_lazy

from keyadmin.core.tokens import PREFIX_PATTERN, KeyFormat
from keyadmin.forms.base import IdempotentForm, OperationForm
from keyadmin.models import Organisation, Scope, Tier
from keyadmin.models.organisation import USAGE_RETENTION_DAYS
from keyadmin.operations.organisations.lifecycle import MAX_EXPIRY_DAYS


class OrganisationNameForm(OperationForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)


class OrganisationForm(OrganisationNameForm):
    slug = forms.CharField(label=gettext_lazy("Short name"), max_length=60, required=False)


class PublicKeyForm(IdempotentForm):
    """The organisation's public key. Every permission that an owner may grant is ticked."""

    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Permissions"),
        error_messages={"required": gettext_lazy("Choose at least one permission.")},
    )

    def __init__(self, *args: Any, grantable: Collection[Scope], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["scopes"] = [scope.name for scope in grantable]
        self.typed_field("scopes", forms.MultipleChoiceField).choices = [(s.name, s.label) for s in grantable]


class OrganisationSettingsForm(OperationForm):
    """The organisation's name and its rules for keys. `tier` is only for users who may choose tiers."""

    field_aliases: ClassVar[dict[str, str]] = {"default_tier": "tier"}

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    default_expiry_days = forms.IntegerField(
        label=gettext_lazy("Default expiry, in days"),
        required=False,
        min_value=1,
        max_value=MAX_EXPIRY_DAYS,
        help_text=gettext_lazy("The expiry that is preselected for a new key. Leave it empty for “Never”."),
    )
    max_expiry_days = forms.IntegerField(
        label=gettext_lazy("Maximum lifetime, in days"),
        required=False,
        min_value=1,
        max_value=MAX_EXPIRY_DAYS,
        help_text=gettext_lazy("An expiry can be at most this many days ahead. Leave it empty for no limit."),
    )
    may_never_expire = forms.BooleanField(label=gettext_lazy("Allow keys that never expire"), required=False)
    key_prefix = forms.RegexField(
        f"^{PREFIX_PATTERN}$",
        label=gettext_lazy("Key prefix"),
        max_length=12,
        error_messages={"invalid": gettext_lazy("Use 2 to 12 lower-case letters and digits, beginning with a letter.")},
        help_text=gettext_lazy("The beginning of every new key, by which people and secret scanners recognise it."),
        widget=forms.TextInput({"class": "mono", "autocomplete": "off", "spellcheck": "false"}),
    )
    key_format = forms.ChoiceField(
        label=gettext_lazy("Key format"),
        choices=[
            (KeyFormat.DEFAULT.value, gettext_lazy("With a key ID and a checksum")),
            (KeyFormat.COMPACT.value, gettext_lazy("Compact")),
        ],
    )
    usage_retention_days = forms.IntegerField(
        label=gettext_lazy("Keep usage, in days"),
        min_value=USAGE_RETENTION_DAYS[0],
        max_value=USAGE_RETENTION_DAYS[1],
        help_text=gettext_lazy(
            "Older requests are removed from charts. Each key’s total stays, and history is kept for ever."
        ),
    )
    tier = forms.ModelChoiceField(label=gettext_lazy("Default tier"), queryset=Tier.objects.all(), empty_label=None)

    def __init__(self, *args: Any, organisation: Organisation, may_choose_tier: bool, **kwargs: Any) -> None:
        names = [name for name in self.base_fields if name != "tier"]
        initial = {name: getattr(organisation, name) for name in names} | {"tier": organisation.default_tier_id}
        super().__init__(*args, **kwargs | {"initial": initial})
        if not may_choose_tier:
            del self.fields["tier"]

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        never_expires = "default_expiry_days" in values and values["default_expiry_days"] is None
        if never_expires and not values.get("may_never_expire"):
            self.add_error("default_expiry_days", gettext("Enter a number of days, or allow keys that never expire."))
        return values

    def values(self) -> dict[str, Any]:
        """The keyword arguments of `operations.organisations.edit`, except actor and organisation."""
        values = dict(self.cleaned_data)
        return values | ({"tier": values["tier"].id} if "tier" in values else {})
