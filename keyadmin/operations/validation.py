"""Cleaning and checking of the values that operations save."""

import unicodedata
from enum import Enum
from itertools import pairwise
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from keyadmin.core.errors import InvalidInputError
from keyadmin.core.messages import TranslatableError


class Unset(Enum):
    """The type of UNSET."""

    UNSET = "unset"


#: The default of an edit's optional arguments: leave the field as it is. None can be a value.
UNSET: Final = Unset.UNSET
#: The field name of messages about the request as a whole.
WHOLE_REQUEST: Final = "__all__"
MAX_REASON_LENGTH: Final = 300
#: ZERO WIDTH NON-JOINER and ZERO WIDTH JOINER.
_JOINERS: Final = "\u200c\u200d"


class FieldErrors:
    """Collects the messages of all fields, so that one InvalidInputError reports every problem at once."""

    def __init__(self) -> None:
        self.messages: dict[str, list[str]] = {}

    def add(self, field: str, message: str) -> None:
        self.messages.setdefault(field, []).append(message)

    def raise_if_any(self) -> None:
        if self.messages:
            raise InvalidInputError(self.messages)

    def clean_text(
        self, field: str, value: str, max_length: int, *, required: bool = True, multiline: bool = False
    ) -> str:
        """The text without surrounding white space; adds a message for each rule that it breaks.

        Returns "" for text with characters that PostgreSQL cannot store or that readers cannot see. `multiline`
        allows line feeds.
        """
        text = value.replace("\r\n", "\n").strip()
        if required and not text.strip(_JOINERS):
            self.add(field, _("This field is required."))
        if len(text) > max_length:
            self.add(field, _("Use at most %(count)d characters.") % {"count": max_length})
        if any(_is_control(char) and not (multiline and char == "\n") for char in text):
            self.add(field, _("Control characters are not allowed."))
            return ""
        if any(_is_invisible(before, char) for before, char in pairwise(f" {text}")):
            self.add(field, _("Invisible characters are not allowed."))
            return ""
        return text

    def clean_unique_name(self, name: str, max_length: int, others: QuerySet[Any], message_if_taken: str) -> str:
        """The name, as `clean_text` returns it; adds `message_if_taken` if one of the other rows has it."""
        text = self.clean_text("name", name, max_length)
        if others.filter(name=text).exists():
            self.add("name", message_if_taken)
        return text


def translate(error: TranslatableError) -> str:
    """The error's message in the language of the request."""
    return _(error.template) % error.values


def clean_reason(reason: str) -> str:
    """The reason as history records it. Raises InvalidInputError for the field `reason`."""
    errors = FieldErrors()
    text = errors.clean_text("reason", reason, MAX_REASON_LENGTH, required=False, multiline=True)
    errors.raise_if_any()
    return text


def require_changes(changes: object) -> None:
    """Raise InvalidInputError if an edit changes nothing."""
    if not changes:
        raise InvalidInputError({WHOLE_REQUEST: [_("No changes to save.")]})


def _is_control(char: str) -> bool:
    """Control characters, line separators and lone surrogates."""
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")


def _is_invisible(before: str, char: str) -> bool:
    """Format characters, which have no shape or reverse the text, so that two different names could look the same.

    Joiners are allowed after characters outside ASCII: some scripts and emoji need them, Latin letters do not.
    """
    return unicodedata.category(char) == "Cf" and not (char in _JOINERS and ord(before) > 127)
