"""Cleans and checks the values that operations save."""

import re
import unicodedata
from enum import Enum
from itertools import pairwise
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.text import slugify
from django.utils.translation import gettext as _

from keyadmin.core.errors import InvalidInputError, NoChangesError
from keyadmin.core.key_shapes import contains_key
from keyadmin.core.messages import TranslatableError
from keyadmin.core.text import normalise
from keyadmin.models.texts import RedactedText, known_prefixes


class Unset(Enum):
    """The type of UNSET, for annotations."""

    UNSET = "unset"


#: The default of the arguments of edits: do not change the field. Not None, which is a value of some fields.
UNSET: Final = Unset.UNSET
#: The field of messages about the request as a whole.
WHOLE_REQUEST: Final = "__all__"
#: Characters of the reason that an actor gives for an operation.
MAX_REASON_LENGTH: Final = 300
#: ZERO WIDTH NON-JOINER and ZERO WIDTH JOINER.
_JOINERS: Final = "\u200c\u200d"
#: Characters without a shape that are not format characters: combining grapheme joiner, fillers of Hangul, inherent
#: vowels of Khmer, the empty Braille pattern, and variation selectors.
_find_blank: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
).match
#: Emoji need these after another character: joiners, and the selector of the coloured form.
_ALLOWED_AFTER_OTHERS: Final = f"{_JOINERS}\ufe0f"


class FieldErrors:
    """Collects messages by field, so that one InvalidInputError reports all problems at once."""

    def __init__(self) -> None:
        self.messages: dict[str, list[str]] = {}

    def add(self, field: str, message: str) -> None:
        """Add a message to a field."""
        self.messages.setdefault(field, []).append(message)

    def raise_if_any(self) -> None:
        """Raise InvalidInputError if there is any message."""
        if self.messages:
            raise InvalidInputError(self.messages)

    def clean_text(
        self, field: str, value: str, max_length: int, *, required: bool = True, multiline: bool = False
    ) -> str:
        """The text in its normal form. Adds a message for each rule that it breaks.

        The result is "" if the text contains an API key, or characters that PostgreSQL cannot store or that readers
        cannot see. `max_length` is in characters. `multiline` allows line feeds, and keeps blanks between words.
        """
        if isinstance(value, RedactedText):  # the stored text, which the actor does not change
            return value
        value = value.replace("\r\n", "\n")
        text = unicodedata.normalize("NFC", value).strip() if multiline else normalise(value)
        if contains_key(text, known_prefixes):
            self.add(field, _("This text contains an API key. Remove it and regenerate the key."))
            return ""
        if required and not text.strip(_JOINERS):
            self.add(field, _("This field is required."))
        if len(text) > max_length:
            self.add(field, _("Use at most %(count)d characters.") % {"count": max_length})
        if any(_is_control(char) and not (multiline and char == "\n") for char in text):
            self.add(field, _("Remove control characters, such as line breaks."))
            return ""
        if any(_is_invisible(before, char) for before, char in pairwise(f" {text}")):
            self.add(field, _("Remove invisible characters."))
            return ""
        return text

    def clean_unique_name(self, name: str, max_length: int, others: QuerySet[Any], message_if_taken: str) -> str:
        """The name, as `clean_text` returns it; adds `message_if_taken` if one of the other rows has it."""
        text = self.clean_text("name", name, max_length)
        if others.filter(name=text).exists():
            self.add("name", message_if_taken)
        return text


def slug_of(name: str, max_length: int) -> str:
    """A slug of lower-case letters, digits and single hyphens between them; "" if the name has no such characters."""
    return re.sub("[-_]+", "-", slugify(name))[:max_length].strip("-")


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
    """Raise NoChangesError if `changes` is empty or False: an edit that changes nothing."""
    if not changes:
        raise NoChangesError({WHOLE_REQUEST: [_("No changes to save.")]})


def _is_control(char: str) -> bool:
    """Control characters, line separators and lone surrogates."""
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")


def _is_invisible(before: str, char: str) -> bool:
    """Whether `char` is a character without a shape, or one that changes the direction of text, after `before`.

    With such characters, two different names could look the same. Joiners are allowed after characters outside ASCII,
    because some scripts and emoji need them.
    """
    is_invisible = unicodedata.category(char) == "Cf" or _find_blank(char) is not None
    return is_invisible and not (char in _ALLOWED_AFTER_OTHERS and ord(before) > 127)
