"""The form of a call to explain. Text that contains a secret is rejected and not shown again."""

from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from keyadmin.callpath.rules import Call
from keyadmin.core.actors import Actor
from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.core.key_shapes import contains_key
from keyadmin.explain.inputs import MAX_INPUT_LENGTH, Method, find_key, is_key_identifier, parse_call
from keyadmin.forms.base import OperationForm
from keyadmin.models import Key

_CODE_ATTRS = {"class": "mono", "autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}


class ExplainForm(OperationForm):
    """A key and a call. After validation, a valid form has `selected_key` and `call`.

    `is_unknown_key`: the actor can see no key with the entered ID.
    """

    key = forms.CharField(label=gettext_lazy("Key"), required=False, max_length=MAX_INPUT_LENGTH, widget=forms.Select)
    key_id = forms.CharField(
        label=gettext_lazy("Or another key’s ID"),
        required=False,
        max_length=MAX_INPUT_LENGTH,
        widget=forms.TextInput(_CODE_ATTRS | {"placeholder": "kad_a1b2c3d4e5f6a7b8", "data-strip-secret": ""}),
    )
    method = forms.ChoiceField(label=gettext_lazy("Method"), choices=[(each.value, each.value) for each in Method])
    path = forms.CharField(
        label=gettext_lazy("Path"),
        max_length=MAX_INPUT_LENGTH,
        widget=forms.TextInput(_CODE_ATTRS | {"placeholder": "/api/chats"}),
    )
    address = forms.CharField(
        label=gettext_lazy("From address"),
        required=False,
        max_length=MAX_INPUT_LENGTH,
        widget=forms.TextInput(_CODE_ATTRS | {"placeholder": "203.0.113.24"}),
    )
    on_behalf_of = forms.CharField(
        label=gettext_lazy("On behalf of"),
        required=False,
        max_length=MAX_INPUT_LENGTH,
        widget=forms.TextInput(
            {"autocomplete": "off", "spellcheck": "false", "placeholder": "jonas@northwind.example"}
        ),
    )
    channel = forms.CharField(
        label=gettext_lazy("Channel"),
        required=False,
        max_length=MAX_INPUT_LENGTH,
        widget=forms.TextInput(_CODE_ATTRS | {"list": "channels", "placeholder": "whatsapp"}),
    )

    def __init__(self, data: Any = None, *, actor: Actor, initial: Any = None) -> None:
        prefill = {name: text for name, text in (initial or {}).items() if name != "key_id" and not contains_key(text)}
        super().__init__(data, initial=prefill)
        self.actor = actor
        self.selected_key: Key | None = None
        self.call: Call | None = None
        self.is_unknown_key = False

    def clean(self) -> None:
        call = {name: text for name, text in self.cleaned_data.items() if name not in ("key", "key_id")}
        try:
            if "method" in call and "path" in call:
                self.call = parse_call(**call)
        except InvalidInputError as error:
            self.add_operation_errors(error)
        self._select_key()
        shown = {name: self.data.get(name, "") for name in self.fields}
        if self.selected_key and not self.cleaned_data.get("key_id"):
            shown["key"] = str(self.selected_key.id)
        if not is_key_identifier(shown["key_id"]):
            shown["key_id"] = ""
        self.data = {name: "" if contains_key(text) else text for name, text in shown.items()}

    def set_keys(self, keys: list[Key]) -> None:
        """Set the keys that the list offers."""
        choices = [(str(key.id), f"{key.name} · {key.masked} · {_owner_of(key)}") for key in keys]
        self.fields["key"].widget.choices = [("", gettext("Choose a key")), *choices]

    def query(self) -> dict[str, str]:
        """The query string of the page that explains this call."""
        call = {name: self.cleaned_data[name] for name in self.fields if name not in ("key", "key_id")}
        path = call["path"].partition("?")[0]
        return {"key": str(self.selected_key.id) if self.selected_key else "", **call, "path": path}

    def _select_key(self) -> None:
        """A pasted key ID takes precedence over the selected key."""
        field = "key_id" if self.cleaned_data.get("key_id") else "key"
        text = self.cleaned_data.get(field, "")
        if not text:
            if not self.errors.get("key_id"):
                self.add_error("key", gettext("Choose a key, or paste its key ID."))
            return
        try:
            self.selected_key = find_key(self.actor, text)
        except InvalidInputError as error:
            self.add_error(field, error.errors["key"])
        except NotFoundError:
            self.is_unknown_key = True
            self.add_error(field, gettext("You can’t see a key with this ID. Check the ID."))


def _owner_of(key: Key) -> str:
    """`Concierge · Northwind`, or the organisation alone."""
    return f"{key.bot.name} · {key.organisation.name}" if key.bot else key.organisation.name
