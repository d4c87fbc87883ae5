"""Forms of people: invitations, roles, and their own profile and password."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django import forms
from django.utils.translation import gettext, gettext_lazy

from keyadmin.forms.base import OperationForm
from keyadmin.models import Organisation, Person, Role, SystemRole
from keyadmin.operations.people.rows import time_zones

SYSTEM_ROLES: Final = [("", gettext_lazy("None")), *SystemRole.choices]
_NO_ORGANISATION: Final = ("", gettext_lazy("None yet"))


class OrganisationField(forms.TypedChoiceField):
    """One of the organisations; cleans to its id."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(label=gettext_lazy("Organisation"), coerce=UUID, empty_value=None, **kwargs)

    def set_organisations(self, organisations: Sequence[Organisation], *, optional: bool = False) -> None:
        choices: list[tuple[str, Any]] = [(str(each.id), each.name) for each in organisations]
        self.required = not optional
        if optional:
            choices = [_NO_ORGANISATION, *choices]
        elif len(choices) > 1:
            choices = [("", gettext("Choose an organisation")), *choices]
        self.choices = choices


class RoleForm(OperationForm):
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Role)


class AddRoleForm(RoleForm):
    organisation = OrganisationField()
    field_order = ("organisation", "role")

    def __init__(self, *args: Any, organisations: Sequence[Organisation], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.typed_field("organisation", OrganisationField).set_organisations(organisations)


class SystemRoleForm(OperationForm):
    system_role = forms.ChoiceField(label=gettext_lazy("System role"), choices=SYSTEM_ROLES, required=False)


class PersonForm(OperationForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    #: Not an EmailField: the operation accepts every form of an address that has a normal form.
    email = forms.CharField(
        label=gettext_lazy("Email"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, may_change_email: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_change_email:
            del self.fields["email"]


class InviteForm(PersonForm):
    """A new invitation. A user who may give a system role may leave out the organisation, and its role with it."""

    organisation = OrganisationField()
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Role)
    system_role = forms.ChoiceField(label=gettext_lazy("System role"), choices=SYSTEM_ROLES, required=False)

    def __init__(
        self, *args: Any, organisations: Sequence[Organisation], may_give_system_role: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        organisation = self.typed_field("organisation", OrganisationField)
        organisation.set_organisations(organisations, optional=may_give_system_role)
        if not may_give_system_role:
            del self.fields["system_role"]

    def values(self) -> dict[str, Any]:
        """The keyword arguments of `operations.people.invite`, except the actor."""
        values = {"system_role": "", **self.cleaned_data}
        if values["system_role"] and values["organisation"] is None:
            values["role"] = ""  # the form always sends one
        return values


class PasswordForm(OperationForm):
    password = forms.CharField(
        label=gettext_lazy("New password"), strip=False, max_length=1000, widget=forms.PasswordInput
    )


class ResetForm(OperationForm):
    """A request for a link to reset a password."""

    email = forms.EmailField(label=gettext_lazy("Email"), max_length=254)


class ChangePasswordForm(PasswordForm):
    """A new password of the signed-in person, who also enters the current one."""

    current = forms.CharField(
        label=gettext_lazy("Current password"), strip=False, max_length=1000, widget=forms.PasswordInput
    )
    field_order = ("current", "password")

    def __init__(self, *args: Any, person: Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._person = person

    def clean_current(self) -> str:
        current: str = self.cleaned_data["current"]
        if not self._person.check_password(current):
            raise forms.ValidationError(gettext("This is not your current password. Try again."))
        return current


class ProfileForm(OperationForm):
    """The time zone is typed, and the browser suggests the names that contain the text. Empty: that of the browser."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120, widget=forms.TextInput({"autocomplete": "name"}))
    time_zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        required=False,
        max_length=64,
        widget=forms.TextInput(
            {
                "list": "time-zones",
                "autocomplete": "off",
                "spellcheck": "false",
                "placeholder": gettext_lazy("The browser’s time zone"),
            }
        ),
        help_text=gettext_lazy(
            "Type a city, such as Berlin. When you point at a time or move the focus to it, you see it in UTC and in "
            "this zone. Everything else is in UTC: days in charts and filters, expiry dates, exports and print."
        ),
    )

    #: [(name, name in words)]: `America/New_York`, `New York, America`.
    @property
    def zones(self) -> list[tuple[str, str]]:
        words = {zone: zone.replace("_", " ").split("/") for zone in sorted(time_zones())}
        return [(zone, ", ".join(reversed(parts))) for zone, parts in words.items()]

    def clean_time_zone(self) -> str:
        """The name of the zone that was typed: as it is listed, in words, or its last part if only one zone has it."""
        text: str = self.cleaned_data["time_zone"]
        typed = text.replace(" ", "_").casefold()
        names = {zone for zone in time_zones() if typed in (zone.casefold(), zone.rpartition("/")[2].casefold())}
        names |= {zone for zone, words in self.zones if words.casefold() == text.casefold()}
        return names.pop() if len(names) == 1 else text
