"""Whose usage is shown: everybody's, an organisation's, a bot's or a key's."""

from django import forms

from keyadmin.forms.base import OperationForm
from keyadmin.forms.filters import NO_BOT


class UsageFilters(OperationForm):
    organisation = forms.SlugField(required=False, max_length=60)
    bot = forms.CharField(required=False, max_length=40)
    key = forms.UUIDField(required=False)

    def clean_bot(self) -> str:
        bot: str = self.cleaned_data["bot"]
        return bot if bot in ("", NO_BOT) else str(forms.UUIDField().clean(bot))


class DenialFilters(OperationForm):
    since = forms.DateField(required=False)
