"""What every form does with an operation's refusal of its values."""

from typing import Any, ClassVar

from django import forms

from keyadmin.core.errors import InvalidInputError


class OperationForm(forms.Form):
    """Shapes input; the operation decides. Only declared fields are read, whatever else is sent."""

    #: The form's name for a field of the operation, where the two differ.
    renamed: ClassVar[dict[str, str]] = {}

    def refuse(self, error: InvalidInputError) -> None:
        """Put the operation's messages on the fields they are about; what belongs to none, on the form."""
        for field, messages in error.errors.items():
            name = self.field_of(field)
            for message in messages:
                self.add_error(name if name in self.fields else None, message)

    def field_of(self, field: str) -> str:
        return self.renamed.get(field, field)

    def accepted(self) -> dict[str, Any]:
        """The values of the fields that are valid; a list's filters are used as far as they can be."""
        self.is_valid()
        return {name: self.cleaned_data[name] for name in self.fields if self.cleaned_data.get(name)}
