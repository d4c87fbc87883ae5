"""Forms of organisations."""

from django import forms
from django.utils.translation import gettext_lazy

from keyadmin.forms.base import OperationForm


class OrganisationForm(OperationForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    slug = forms.CharField(label=gettext_lazy("Short name"), max_length=60, required=False)


class RenameForm(OperationForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)


class GenerateForm(OperationForm):
    """The public key: there is nothing to choose."""

    idempotency_key = forms.CharField(widget=forms.HiddenInput, max_length=64)
