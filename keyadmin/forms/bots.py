"""Forms of bots: create, edit, and create a key of a bot."""

import json
from collections.abc import Collection, Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from django import forms
from django.utils.translation import gettext, gettext_lazy

from keyadmin.forms.base import IdempotentForm, OperationForm
from keyadmin.models import Bot, KeyKind, Organisation
from keyadmin.operations import keys

#: The scopes of a key that is created from a description only: the narrowest preset.
DEFAULT_SCOPES: Final = ("chats:read",)


class BotForm(OperationForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=500, required=False)
    is_conversational = forms.BooleanField(
        label=gettext_lazy("Use as a conversational bot"),
        required=False,
        help_text=gettext_lazy("Leave unticked for a bot that only owns keys."),
    )


class EditBotForm(BotForm):
    """Changes of a bot. `revision` and `base` (JSON) are its revision and values when the form was loaded."""

    revision = forms.IntegerField(widget=forms.HiddenInput)
    base = forms.CharField(widget=forms.HiddenInput, required=False, max_length=2_000)

    @staticmethod
    def initial_for(bot: Bot) -> dict[str, Any]:
        values = {field: getattr(bot, field) for field in BotForm.base_fields}
        return values | {"revision": bot.revision, "base": json.dumps(values)}

    def merged_with(self, bot: Bot) -> dict[str, Any]:
        """The present values of the bot with the fields that this form changed since it was loaded."""
        try:
            base = json.loads(self.data.get("base", ""))
        except ValueError:
            base = {}
        base = base if isinstance(base, dict) else {}
        submitted = {name: self[name].value() for name in BotForm.base_fields}
        edited = {name: value for name, value in submitted.items() if name not in base or value != base[name]}
        return self.initial_for(bot) | edited

    def values(self) -> dict[str, Any]:
        """The keyword arguments of `operations.organisations.bots.edit`, except the actor and the bot."""
        return {name: self.cleaned_data[name] for name in (*BotForm.base_fields, "revision")}


class NewBotForm(BotForm):
    """A new bot and its organisation, by slug. The page hides the choice if there is only one organisation."""

    organisation = forms.ChoiceField(label=gettext_lazy("Organisation"))

    def __init__(self, *args: Any, organisations: Sequence[Organisation], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._organisations = {organisation.slug: organisation for organisation in organisations}
        choices = [(organisation.slug, organisation.name) for organisation in organisations]
        if len(choices) > 1:
            choices = [("", gettext("Choose an organisation")), *choices]
        else:
            self.initial["organisation"] = choices[0][0]
        self.typed_field("organisation", forms.ChoiceField).choices = choices
        self.fields["organisation"].error_messages["required"] = gettext("Choose the organisation of the bot.")
        self.order_fields(["organisation", "name", "description", "is_conversational"])

    def values(self) -> dict[str, Any]:
        """The keyword arguments of `operations.organisations.bots.create`, except the actor."""
        return self.cleaned_data | {"organisation": self._organisations[self.cleaned_data["organisation"]].id}


class BotKeyForm(IdempotentForm):
    """A new key of a bot, which needs only a description."""

    description = forms.CharField(
        label=gettext_lazy("Description"),
        max_length=500,
        widget=forms.TextInput({"autocomplete": "off", "placeholder": gettext_lazy("CRM integration")}),
    )

    field_aliases: ClassVar[dict[str, str]] = {"name": "description"}

    def values(self, bot: Bot, scopes: Collection[str]) -> dict[str, Any]:
        """The keyword arguments of `operations.keys.issue`, except the actor. The description becomes the name."""
        return {
            "organisation": bot.organisation_id,
            "bot": bot.id,
            "description": self.cleaned_data["description"],
            "scopes": scopes,
            "expires_at": keys.default_expires_at(bot.organisation, KeyKind.BOT),
        }


def bot_owner_value(bot: UUID) -> str:
    """The value that stands for the bot in the owner field of KeyForm."""
    return f"bot:{bot}"
