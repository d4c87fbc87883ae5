"""What is said about values before they are saved."""

import unicodedata
from enum import Enum
from itertools import pairwise
from typing import Final

from django.utils.translation import gettext as _

from keyadmin.core.errors import InvalidInputError


class Unchanged(Enum):
    """The default of what an edit may leave alone, since None is a value too."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED
NOTHING_TO_SAVE: Final = "__all__"
#: ZERO WIDTH NON-JOINER and ZERO WIDTH JOINER.
_JOINERS: Final = "\u200c\u200d"


class Problems:
    """Collects what is wrong with each field, so that all of it is said at once."""

    def __init__(self) -> None:
        self.errors: dict[str, list[str]] = {}

    def add(self, field: str, message: str) -> None:
        self.errors.setdefault(field, []).append(message)

    def raise_any(self) -> None:
        if self.errors:
            raise InvalidInputError(self.errors)

    def text(self, field: str, value: str, longest: int, *, required: bool = True, lines: bool = False) -> str:
        """The text without space around it, or "" where the database could not even be asked about it.

        `lines` allows line breaks.
        """
        clean = value.replace("\r\n", "\n").strip()
        if required and not clean.strip(_JOINERS):
            self.add(field, _("This field is required."))
        if len(clean) > longest:
            self.add(field, _("Use at most %(count)d characters.") % {"count": longest})
        if any(_is_control(char) and not (lines and char == "\n") for char in clean):
            self.add(field, _("Control characters are not allowed."))
            return ""
        if any(_is_hidden(before, char) for before, char in pairwise(f" {clean}")):
            self.add(field, _("Invisible characters are not allowed."))
            return ""
        return clean

    def reason(self, value: str) -> str:
        return self.text("reason", value, 300, required=False, lines=True)


def clean_reason(reason: str) -> str:
    """The reason as history keeps it, or Invalid."""
    problems = Problems()
    clean = problems.reason(reason)
    problems.raise_any()
    return clean


def require_changes(changes: object) -> None:
    """Raise Invalid when an edit changes nothing."""
    if not changes:
        raise InvalidInputError({NOTHING_TO_SAVE: [_("No changes to save.")]})


def _is_control(char: str) -> bool:
    """Control characters, line separators and lone surrogates."""
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")


def _is_hidden(before: str, char: str) -> bool:
    """What has no shape of its own or turns the text around, so that two names could look the same. The joiners of
    some scripts and of pictures are needed there; Latin letters have no use for them.
    """
    return unicodedata.category(char) == "Cf" and not (char in _JOINERS and ord(before) > 127)
