"""A list of networks, one value each: what is good is kept, the first that is not waits to be put right."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from keyadmin.core import cidr


class NetworkRows(forms.TextInput):
    """Several inputs of one name; empty ones do not count."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[str]:
        values = data.getlist(name) if hasattr(data, "getlist") else data.get(name) or []
        return list(dict.fromkeys(text for value in values if (text := value.strip())))


class NetworksField(forms.Field):
    """Cleans to networks, in the order typed."""

    widget = NetworkRows

    def clean(self, value: Any) -> list[cidr.Network]:
        networks = []
        for text in value or []:
            try:
                networks.append(cidr.parse(text))
            except cidr.CidrError as error:
                raise ValidationError(error.message, code=error.code) from error
        return list(dict.fromkeys(networks))


def split(values: list[str]) -> tuple[list[str], str]:
    """The rows to show, and the first text that is no network, which goes back into the add field."""
    for place, text in enumerate(values):
        try:
            cidr.parse(text)
        except cidr.CidrError:
            return values[:place] + values[place + 1 :], text
    return values, ""
