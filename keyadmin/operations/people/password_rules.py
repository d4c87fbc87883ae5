"""The rule against passwords that are easy to guess: common ones, repetitions, sequences, and combinations of these.

It measures a password in steps. A character is one step, and so is each repetition of what stands before it, each run
along an alphabet or a row of the keyboard, and each of the 20,000 common passwords that Django ships. A library such as
zxcvbn would estimate better; it is a dependency with data of its own, of which this needs a small part.
"""

from functools import cache
from typing import Any, Final

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

#: A password with fewer steps is refused.
MIN_STEPS: Final = 6
_MIN_RUN: Final = 3
_MIN_WORD: Final = 4
_ROWS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1q2w3e4r5t6y7u8i9o0p",
    "!@#$%^&*()_+",
    '!"§$%&/()=?',
)
_SEQUENCES: Final = tuple(sequence for row in _ROWS for sequence in (row, row[::-1]))
_PLAIN: Final = str.maketrans("@4831!05$7", "aabeiiosst")


class PredictablePasswordValidator:
    """A validator for AUTH_PASSWORD_VALIDATORS."""

    def validate(self, password: str, user: Any = None) -> None:
        if steps(password) < MIN_STEPS:
            raise ValidationError(self.get_help_text(), code="password_too_predictable")

    def get_help_text(self) -> str:
        return _("This password is too easy to guess: it is made of repetitions, sequences or common passwords.")


def steps(password: str) -> int:
    """How many steps make the password; see the module's docstring."""
    text = password.casefold()
    plain = text.translate(_PLAIN)
    count = position = 0
    while position < len(text):
        length = max(
            1, _repetition(text, position), _run(text, position), _word(text, position), _word(plain, position)
        )
        position += length
        count += 1
    return count


def _repetition(text: str, position: int) -> int:
    """The length of the text at the position that repeats the text directly before it, all repetitions included."""
    longest = 0
    for size in range(1, position + 1):
        unit, end = text[position - size : position], position
        while text.startswith(unit, end):
            end += size
        longest = max(longest, end - position)
    return longest if longest > 1 or (longest == 1 and text[position] == text[position - 1]) else 0


def _run(text: str, position: int) -> int:
    """The length of the run along an alphabet or a row of the keyboard; 0 if it is short."""
    longest = 0
    for sequence in _SEQUENCES:
        length = 1
        while position + length < len(text) and text[position : position + length + 1] in sequence:
            length += 1
        longest = max(longest, length)
    return longest if longest >= _MIN_RUN else 0


def _word(text: str, position: int) -> int:
    """The length of the longest common password that begins at the position; 0 if none does."""
    for length in range(min(len(text) - position, _longest_common()), _MIN_WORD - 1, -1):
        if text[position : position + length] in _common():
            return length
    return 0


@cache
def _common() -> frozenset[str]:
    return frozenset(CommonPasswordValidator().passwords)


@cache
def _longest_common() -> int:
    return max(map(len, _common()))
