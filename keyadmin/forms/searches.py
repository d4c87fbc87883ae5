"""What is searched for in lists of organisations, bots and ranges. What cannot be read is left out."""

from django import forms
from django.utils.translation import gettext, gettext_lazy

from keyadmin.core import cidr
from keyadmin.forms.base import OperationForm


class OrganisationFilters(OperationForm):
    q = forms.CharField(required=False, max_length=120)


class BotFilters(OperationForm):
    q = forms.CharField(required=False, max_length=120)
    organisation = forms.SlugField(required=False, max_length=60)


class AddressFilters(OperationForm):
    """An address that cannot be read is not accepted; the page says why."""

    address = forms.CharField(label=gettext_lazy("Address"), required=False, max_length=64)
    organisation = forms.SlugField(required=False, max_length=60)

    def clean_address(self) -> str:
        typed: str = self.cleaned_data["address"].strip()
        address = cidr.address_of(typed)
        if typed and address is None:
            raise forms.ValidationError(gettext("Enter one IP address, such as 203.0.113.24."))
        return address.text if address else ""
