"""The base class of all forms, and forms that several pages share."""

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy

from keyadmin.core.errors import InvalidFilterError, InvalidInputError, NoChangesError
from keyadmin.operations.validation import MAX_REASON_LENGTH


class OperationForm(forms.Form):
    """The input of an operation. Submitted fields that are not declared are ignored."""

    #: Argument of the operation → field of this form, where the names differ.
    field_aliases: ClassVar[dict[str, str]] = {}
    #: Whether the operation found nothing to save, which is no error.
    is_unchanged = False

    def typed_field[Field: forms.Field](self, name: str, kind: type[Field]) -> Field:
        """The field `name` with its type, which `self.fields` does not have. Raises TypeError for another type."""
        field = self.fields[name]
        if not isinstance(field, kind):
            raise TypeError(f"{name} is not a {kind.__name__}.")
        return field

    def add_operation_errors(self, error: InvalidInputError) -> None:
        """Add the operation's messages to their fields. Messages about other arguments concern the form as a whole."""
        if isinstance(error, NoChangesError):
            self.is_unchanged = True
            return
        for field, messages in error.errors.items():
            name = self.form_field(field)
            for message in messages:
                self.add_error(name if name in self.fields else None, message)

    def form_field(self, operation_field: str) -> str:
        """The field of this form that shows the messages about an argument of the operation."""
        return self.field_aliases.get(operation_field, operation_field)

    def valid_values(self, *, except_field: str = "") -> dict[str, Any]:
        """The non-empty values, for filters of lists. Raises InvalidFilterError: without a filter, a list is longer.

        An error of `except_field` is left to the page, which shows it in the form.
        """
        if self.errors.keys() - {except_field}:
            raise InvalidFilterError(
                {name: [f"{self[name].label}: {message}" for message in texts] for name, texts in self.errors.items()}
            )
        return {name: self.cleaned_data[name] for name in self.fields if self.cleaned_data.get(name)}


class ReasonForm(OperationForm):
    """The optional reason of an operation, which history shows."""

    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=MAX_REASON_LENGTH, required=False)


class IdempotentForm(OperationForm):
    """A form that creates a secret. Because of the hidden key, a second submission creates nothing."""

    idempotency_key = forms.CharField(widget=forms.HiddenInput, max_length=64)


class DescriptionForm(OperationForm):
    """A description that is edited in place. `original` is the text that the page showed."""

    description = forms.CharField(label=gettext_lazy("Description"), max_length=500, required=False)
    original = forms.CharField(widget=forms.HiddenInput, max_length=500, required=False, strip=False)
