"""A call to explain. What holds a secret is refused, and not shown again."""

from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from keyadmin.callpath.rules import Call
from keyadmin.core.actors import Actor
from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.core.tokens import holds_secret
from keyadmin.explain.inputs import MAX_INPUT_LENGTH, Method, find_key, is_key_identifier, parse_call
from keyadmin.forms.base import OperationForm
from keyadmin.models import Key

_CODE = {"class": "mono", "autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}


class ExplainForm(OperationForm):
    """Once it is valid it has `chosen`, the key, and `call`. `is_unknown`: the actor sees no such key."""

    key = forms.CharField(label=gettext_lazy("Key"), required=False, max_length=MAX_INPUT_LENGTH, widget=forms.Select)
    key_id = forms.CharField(
        label=gettext_lazy("Or another’s key ID"),
        required=False,
        max_length=MAX_INPUT_LENGTH,
        widget=forms.TextInput(_CODE | {"placeholder": "kad_a1b2c3d4e5f6a7b8"}),
    )
    method = forms.ChoiceField(label=gettext_lazy("Method"), choices=[(each.value, each.value) for each in Method])
    path = forms.CharField(
        label=gettext_lazy("Path"),
        max_length=MAX_INPUT_LENGTH,
        widget=forms.TextInput(_CODE | {"placeholder": "/api/chats"}),
    )
    address = forms.CharField(
        label=gettext_lazy("From address"),
        required=False,
        max_length=MAX_INPUT_LENGTH,
        widget=forms.TextInput(_CODE | {"placeholder": "203.0.113.24"}),
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
        widget=forms.TextInput(_CODE | {"list": "channels", "placeholder": "whatsapp"}),
    )

    def __init__(self, data: Any = None, *, actor: Actor, initial: Any = None) -> None:
        given = {name: text for name, text in (initial or {}).items() if name != "key_id"}
        kept = {name: text for name, text in given.items() if not holds_secret(text)}
        super().__init__(data, initial=kept)
        self.actor = actor
        self.chosen: Key | None = None
        self.call: Call | None = None
        self.is_unknown = False

    def clean(self) -> None:
        given = {name: text for name, text in self.cleaned_data.items() if name not in ("key", "key_id")}
        try:
            if "method" in given and "path" in given:
                self.call = parse_call(**given)
        except InvalidInputError as error:
            self.refuse(error)
        self._choose()
        shown = {name: self.data.get(name, "") for name in self.fields}
        if self.chosen and not self.cleaned_data.get("key_id"):
            shown["key"] = str(self.chosen.id)
        if not is_key_identifier(shown["key_id"]):
            shown["key_id"] = ""
        self.data = {name: "" if holds_secret(text) else text for name, text in shown.items()}

    def offer(self, keys: list[Key]) -> None:
        """The keys to choose from."""
        choices = [(str(key.id), f"{key.name} · {key.masked}") for key in keys]
        self.fields["key"].widget.choices = [("", gettext("Choose a key")), *choices]

    def query(self) -> dict[str, str]:
        """The question as the page's address has it."""
        asked = {name: self.cleaned_data[name] for name in self.fields if name not in ("key", "key_id")}
        path = asked["path"].partition("?")[0]
        return {"key": str(self.chosen.id) if self.chosen else "", **asked, "path": path}

    def _choose(self) -> None:
        """A pasted key ID wins over the choice: whoever pastes one means it."""
        field = "key_id" if self.cleaned_data.get("key_id") else "key"
        text = self.cleaned_data.get(field, "")
        if not text:
            if not self.errors.get("key_id"):
                self.add_error("key", gettext("Choose a key, or paste its key ID."))
            return
        try:
            self.chosen = find_key(self.actor, text)
        except InvalidInputError as error:
            self.add_error(field, error.errors["key"])
        except NotFoundError:
            self.is_unknown = True
            self.add_error(field, gettext("You see no key with this ID."))
