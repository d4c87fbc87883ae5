"""The form that disables or enables a bot or an organisation."""

from django import forms
from django.utils.translation import gettext_lazy

from keyadmin.forms.base import OperationForm


class SwitchForm(OperationForm):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=300, required=False)
