"""What may be asked of history, and the terms that answer it: those that migrations/history_parts.sql makes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

#: Stands in a term for the number of its part.
PART: Final = "\x01"
#: What separates words, as there.
_GAP: Final = re.compile(r"[\x00-/:-@\[-`{-\x7f\u00a0\u2000-\u206f\u3000\s]+")
_ADDRESS: Final = re.compile(r"(?=.*[0-9a-f])[0-9a-f]*[.:][0-9a-f]*[.:][0-9a-f.:]*(/[0-9]*)?", re.IGNORECASE)
#: A shorter word is found as a whole only: too many begin like it.
_SHORTEST_BEGINNING: Final = 3
_LONGEST: Final = 60
_MOST_WORDS: Final = 10
#: By column, the mark of terms that are an id or the like.
_MARKS: Final = {"verb": "v=", "actor_id": "i=", "organisation_id": "o=", "target_id": "g="}
_IDS: Final = ("actor_id", "organisation_id", "target_id")
_ANYWHERE: Final = "w~"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """What is asked for, nothing of what is empty; all of it must hold.

    `actor` and `target` are an id, or words of a name, the last of them by its beginning; `text` is words, ids,
    addresses and ranges of addresses, all but ids by their beginnings. `since` is the first moment, `until` the first
    that is too late.
    """

    text: str = ""
    actor: str = ""
    target: str = ""
    action: str = ""
    organisation: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    def exact(self) -> dict[str, str]:
        """By column, what it must be."""
        known = {
            "verb": self.action,
            "organisation_id": str(self.organisation or ""),
            "actor_id": _id(self.actor),
            "target_id": _id(self.target),
        }
        return {column: value for column, value in known.items() if value}

    def words(self) -> list[str]:
        """A condition for each word of a name or the text."""
        found = [*_name(self.actor, "a~"), *_name(self.target, "t~")]
        for piece in self.text.split():
            if identifier := _id(piece):
                found.append(any_of([is_(column, identifier) for column in _IDS]))
            elif _ADDRESS.fullmatch(piece):
                found.append(_quoted(f"n~{piece.replace(':', ';')}") + ":*")
            else:
                found += [_word(word, _ANYWHERE) for word in _split(piece)]
        return found[:_MOST_WORDS]


def is_(column: str, value: object) -> str:
    """The condition that the column has the value."""
    return _quoted(f"{_MARKS[column]}{value}")


def any_of(conditions: Sequence[str]) -> str:
    """That one of them holds; of none, what never does."""
    return f"({' | '.join(conditions or [_quoted('nothing')])})"


def _name(text: str, mark: str) -> list[str]:
    """A condition for each word. What begins like a common one is read to its end, even where the next is rare."""
    if _id(text):
        return []
    *whole, last = _split(text) or [""]
    return [_quoted(f"{mark}{word[:_LONGEST]}") for word in whole] + ([_word(last, mark)] if last else [])


def _word(word: str, mark: str) -> str:
    return _quoted(f"{mark}{word[:_LONGEST]}") + (":*" if len(word) >= _SHORTEST_BEGINNING else "")


def _split(text: str) -> list[str]:
    return [word for word in _GAP.split(text) if word]


def _quoted(term: str) -> str:
    """A term of a tsquery. Nothing in it needs an escape: words have no quotation marks and no backslashes."""
    return f"'{PART}{term}'"


def _id(text: str) -> str:
    """The id that the text is, in its usual spelling, or ""."""
    try:
        return str(UUID(text.strip()))
    except ValueError:
        return ""
