"""Forms of bots: create, edit, and a key for one."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from django import forms
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext, gettext_lazy

from keyadmin.forms.base import OperationForm
from keyadmin.models import Bot, Organisation

#: What a key made with nothing but a description may do: take part in conversations. No export, no administration.
SCOPES: Final = ("chats:read", "chats:write", "messages:send", "templates:read", "templates:send")
#: Where an organisation has no usual time and does not allow "never" either.
_DAYS: Final = 90
_NAME: Final = 60


class BotForm(OperationForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=500, required=False)
    is_conversational = forms.BooleanField(
        label=gettext_lazy("Use as a conversational bot"),
        required=False,
        help_text=gettext_lazy("Leave unticked for a bot that only owns keys."),
    )


class NewBotForm(BotForm):
    """With the organisation, by its short name; whoever has only one is not asked."""

    organisation = forms.ChoiceField(label=gettext_lazy("Organisation"))

    def __init__(self, *args: Any, organisations: Sequence[Organisation], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._organisations = {organisation.slug: organisation for organisation in organisations}
        choices = [(organisation.slug, organisation.name) for organisation in organisations]
        self.fields["organisation"].choices = choices  # type: ignore[attr-defined]
        self.fields["organisation"].error_messages["required"] = gettext("Choose the organisation it belongs to.")
        self.order_fields(["organisation", "name", "description", "is_conversational"])

    def values(self) -> dict[str, Any]:
        """The keyword arguments of `operations.bots.create`, but for the actor."""
        return self.cleaned_data | {"organisation": self._organisations[self.cleaned_data["organisation"]].id}


class BotKeyForm(OperationForm):
    """A key of the bot: the description is all that is asked for."""

    description = forms.CharField(
        label=gettext_lazy("Description"),
        max_length=500,
        widget=forms.TextInput({"autocomplete": "off", "placeholder": gettext_lazy("CRM integration")}),
    )
    idempotency_key = forms.CharField(widget=forms.HiddenInput, max_length=64)

    renamed: ClassVar[dict[str, str]] = {"name": "description"}

    def values(self, bot: Bot, scopes: Collection[str]) -> dict[str, Any]:
        """The keyword arguments of `operations.keys.issue`, but for the actor. The description names the key."""
        description = self.cleaned_data["description"]
        return {
            "organisation": bot.organisation_id,
            "bot": bot.id,
            "name": Truncator(" ".join(description.split())).chars(_NAME),
            "description": description,
            "scopes": scopes,
            "expires_at": expiry(bot.organisation),
        }


def expiry(organisation: Organisation) -> datetime | None:
    """When a key ends that follows the organisation's rules; None for never."""
    days: int | None = organisation.default_expiry_days
    if days is None and not organisation.may_never_expire:
        days = min(organisation.max_expiry_days or _DAYS, _DAYS)
    return None if days is None else timezone.now() + timedelta(days=days)


def owner_value(bot: UUID) -> str:
    """What the form that creates any key calls the bot as an owner."""
    return f"bot:{bot}"
