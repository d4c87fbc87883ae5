"""The search of history, by one full-text index.

`EventFilter` translates the conditions of a search into a tsquery. Its terms are those that the SQL function
`event_terms` computes for each event (migrations/sql/event_terms.sql). `EventQuery` reads pages of matching events, and
the neighbours of an event, with the function `event_find` (migrations/sql/event_find.sql). The time that this takes
depends on the size of the page, not on the length of history.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import Func, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest, Least
from django.utils import timezone

from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.text import normalise
from keyadmin.core.tokens import PREFIX_PATTERN
from keyadmin.models import paging
from keyadmin.models.event import Event
from keyadmin.models.event_types import FIELDS, EventType
from keyadmin.models.expressions import COUNT_LIMIT
from keyadmin.models.key import Key
from keyadmin.models.person import Membership, Person, Role

ORDER: Final = paging.Order("pk", True, int, int)
MAX_EVENT_NUMBER: Final = 2**63 - 1
#: Event numbers increase with time, except where the clock was set back. So a time limit is first translated into a
#: limit of numbers, wider by this tolerance, and then compared with the time of each event.
_CLOCK_TOLERANCE: Final = timedelta(hours=1)

#: At the beginning of a term: `event_find` replaces it by the number of the block of events that it scans.
_BLOCK_MARK: Final = "\x01"
#: The characters between words. Keep them equal to those in `event_terms`.
_SEPARATORS: Final = re.compile(r"[\x00-/:-@\[-`{-\x7f\u00a0\u2000-\u206f\u3000\s]+")
_is_address: Final = re.compile(
    r"(?=.*[0-9a-f])[0-9a-f]*[.:][0-9a-f]*[.:][0-9a-f.:]*(/[0-9]*)?", re.IGNORECASE
).fullmatch
#: Characters of a word from which on it also matches longer words. Too many words begin with a shorter one.
_MIN_PREFIX_LENGTH: Final = 3
_MAX_WORD_LENGTH: Final = 60
_MAX_WORDS: Final = 10
#: By column, the prefix of the terms of its values.
_EXACT_TERMS: Final = {"type": "e=", "actor_id": "i=", "organisation_id": "o=", "target_id": "g="}
_ID_COLUMNS: Final = ("actor_id", "organisation_id", "target_id")
_ANY_TEXT: Final = "w~"
#: A key ID, or a masked key without its dots. Events that do not contain it are found by the ID of the key's row.
_KEY_ID: Final = re.compile(rf"{PREFIX_PATTERN}_(?:[0-9A-Za-z]{{16}}|[0-9A-Za-z]{{8}})")
#: The types of the events that contain a key's ID.
_IDENTIFYING: Final = (EventType.KEY_ISSUED, EventType.KEY_REGENERATED, EventType.KEY_DELETED)
_MAX_KEYS: Final = 5
_EVENT_NUMBER: Final = re.compile(r"#?([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """The conditions of a search. An empty field is no condition; an event must meet all others.

    `actor` and `target` are an ID, or words of a name, of which the last may be the beginning of a word. `text`
    consists of words, IDs, request IDs, IP addresses and ranges; each except an ID may be a beginning. Words also match
    the labels of event types and fields, in the reader's language. A text that is only the number of an event also
    finds that event. `type` is a value of EventType. `since` is inclusive, `until` exclusive.
    """

    text: str = ""
    actor: str = ""
    target: str = ""
    type: str = ""
    organisation: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    def exact(self) -> dict[str, str]:
        """Column → the value that it must have."""
        values = {
            "type": self.type,
            "organisation_id": str(self.organisation or ""),
            "actor_id": _uuid_or_empty(self.actor),
            "target_id": _uuid_or_empty(self.target),
        }
        return {column: value for column, value in values.items() if value}

    def word_conditions(self, key_ids: Mapping[str, Sequence[UUID]] | None = None) -> list[str]:
        """A tsquery for each word of `actor`, `target` and `text`, at most _MAX_WORDS; an event must match all.

        `key_ids`: for pieces of the text that are the ID of a key, the IDs of the rows of these keys.
        """
        conditions = [*_name_conditions(normalise(self.actor), "a~"), *_name_conditions(normalise(self.target), "t~")]
        labels = _Labels() if self.text else None
        for piece in normalise(self.text).split():
            if identifier := _uuid_or_empty(piece):
                # A request ID has the form of a UUID, too.
                of_rows = [_column_is(column, identifier) for column in _ID_COLUMNS]
                conditions.append(_any_of([*of_rows, _all_of([_whole_word(word) for word in _split(piece)])]))
            elif _is_address(piece):
                conditions.append(_quoted(f"n~{piece.replace(':', ';')}") + ":*")
            elif rows := (key_ids or {}).get(piece):
                words = _all_of([_word_condition(word, _ANY_TEXT) for word in _split(piece)])
                conditions.append(_any_of([words, *(_column_is("target_id", row) for row in rows)]))
            elif labels:
                conditions += [_any_of([_word_condition(w, _ANY_TEXT), *labels.terms(w)]) for w in _split(piece)]
        return conditions[:_MAX_WORDS]

    def key_ids(self) -> list[str]:
        """The pieces of `text` that are the ID of a key or a masked key."""
        return [piece for piece in normalise(self.text).split() if _KEY_ID.fullmatch(piece.rstrip("•…"))][:_MAX_KEYS]

    def event_number(self) -> int | None:
        """The number of an event, if `text` is nothing else."""
        match = _EVENT_NUMBER.fullmatch(self.text.strip())
        return int(match[1].replace(",", "")) if match else None


class _Labels:
    """The labels of event types and fields, in the reader's language, as words of a search."""

    def __init__(self) -> None:
        types = [(_column_is("type", each.value), str(each.label)) for each in EventType]
        fields = [(_all_of([_whole_word(word) for word in _split(name)]), str(f.label)) for name, f in FIELDS.items()]
        self._words = [(term, _split(label.lower())) for term, label in types + fields]

    def terms(self, word: str) -> list[str]:
        """The tsqueries of the types and fields with this word in their label, or with one that begins with it."""
        word = word.lower()
        if len(word) < _MIN_PREFIX_LENGTH:
            return [term for term, words in self._words if word in words]
        return [term for term, words in self._words if any(each.startswith(word) for each in words)]


class _FoundByIndex(Func):
    """Whether `event_find` returns the event's number. PostgreSQL runs the function once, and looks the events up."""

    template = '"event"."number" = ANY(ARRAY(SELECT event_find(%(expressions)s)))'
    output_field = models.BooleanField()


class EventQuery:
    """The events that an actor may read and that meet a filter. Each method sends its own statement."""

    def __init__(self, rows: QuerySet[Any], conditions: EventFilter, tsquery: str, number: int | None = None) -> None:
        """An empty `tsquery`: the search needs no full-text index, because another index finds `rows` in order.

        `number`: of an event that is found although the tsquery does not match it.
        """
        self._rows = rows
        self._tsquery = tsquery
        self._number = number
        self._since = conditions.since
        # A limit in the future is no limit. Otherwise events with a later time, from a wrong clock, would be missing.
        self._until = conditions.until if conditions.until and conditions.until <= timezone.now() else None

    @classmethod
    def of(cls, actor: Actor, conditions: EventFilter) -> Self:
        """The query of the actor for these conditions.

        Reads the actor's roles, in at most one statement, and for each key ID in the text the key's events, in one.
        """
        rows: QuerySet[Any] = Event.objects.visible_to(actor)
        exact, tsqueries = conditions.exact(), conditions.word_conditions(_rows_of_keys(rows, conditions.key_ids()))
        if not Event.objects.sees_everything(actor) and (visible := _visible_to(actor)) is not None:
            tsqueries.append(visible)
        if not tsqueries and len(exact) <= 1:
            return cls(rows.filter(**exact), conditions, "")
        tsqueries += [_column_is(column, value) for column, value in exact.items()]
        is_only_text = conditions == EventFilter(text=conditions.text, organisation=conditions.organisation)
        number = conditions.event_number() if is_only_text else None
        if number is not None and conditions.organisation:
            rows = rows.filter(organisation_id=conditions.organisation)
        return cls(rows, conditions, " & ".join(tsqueries), number)

    def page(self, cursor: str, size: int) -> paging.Page:
        """One page, the newest event first, in one statement."""

        def fetch(start: paging.Cursor | None, limit: int) -> list[Any]:
            if start is None:
                return list(self.newest(limit))
            return list(self.page_after(start.pk, ascending=start.backwards, limit=limit))

        return paging.page_from(fetch, ORDER, cursor, size)

    def newest(self, limit: int) -> QuerySet[Any]:
        return self.page_after(MAX_EVENT_NUMBER, limit=limit)

    def page_after(self, number: int, *, ascending: bool = False, limit: int) -> QuerySet[Any]:
        """The next `limit` events before `number`, or after it if `ascending`; the nearest come first."""
        number = min(max(number, 0), MAX_EVENT_NUMBER - 1)
        order = "number" if ascending else "-number"
        side = {"number__gt": number} if ascending else {"number__lt": number}
        if self._tsquery:
            found: Any = self._found_by_index(number, ascending, limit)
            if self._number is not None:
                found = Q(found) | Q(number=self._number, **side)
            return self._rows.filter(found).order_by(order)[:limit]
        return self._within_times().filter(**side).order_by(order)[:limit]

    def count_since(self, number: int) -> int:
        """The number of events after `number`, at most COUNT_LIMIT + 1."""
        return self.page_after(number, ascending=True, limit=COUNT_LIMIT + 1).count()

    def _within_times(self) -> QuerySet[Any]:
        rows = self._rows
        if self._since:
            rows = rows.filter(at__gte=self._since, number__gte=_first_number_since(self._since))
        if self._until:
            rows = rows.filter(at__lt=self._until, number__lte=_last_number_until(self._until))
        return rows

    def _found_by_index(self, number: int, ascending: bool, limit: int) -> _FoundByIndex:
        lowest = Value(number + 1 if ascending else 1)
        highest = Value(MAX_EVENT_NUMBER if ascending else number - 1)
        return _FoundByIndex(
            Value(self._tsquery),
            Greatest(lowest, Coalesce(_first_number_since(self._since), MAX_EVENT_NUMBER)) if self._since else lowest,
            Least(highest, Coalesce(_last_number_until(self._until), 0)) if self._until else highest,
            Value(self._since or "-infinity"),
            Value(self._until or "infinity"),
            Value(ascending),
            Value(limit),
        )


def _visible_to(actor: Actor) -> str | None:
    """The tsquery for the events that a person or key may read; None for a person with a system role, who reads all."""
    if actor.id is None:
        return _any_of([])
    if actor.kind is ActorKind.KEY:
        organisations = Key.objects.filter(id=actor.id).values_list("organisation_id", flat=True)
        return _any_of([_column_is("organisation_id", organisation) for organisation in organisations])
    memberships = Membership.objects.filter(person=OuterRef("id"), role__in=(Role.OWNER, Role.AUDITOR))
    readable_ids = ArraySubquery(memberships.values("organisation"))
    person = Person.objects.active().filter(id=actor.id).values_list("system_role", readable_ids).first()
    system_role, readable = person or ("", [])
    if system_role:
        return None
    by_actor = _column_is("actor_id", actor.id)
    return _any_of([by_actor, *(_column_is("organisation_id", organisation) for organisation in readable)])


def _first_number_since(time: datetime) -> QuerySet[Any]:
    return Event.objects.filter(at__gte=time - _CLOCK_TOLERANCE).order_by("at").values("number")[:1]


def _last_number_until(time: datetime) -> QuerySet[Any]:
    return Event.objects.filter(at__lte=time + _CLOCK_TOLERANCE).order_by("-at").values("number")[:1]


def _column_is(column: str, value: object) -> str:
    return _quoted(f"{_EXACT_TERMS[column]}{value}")


def _rows_of_keys(rows: QuerySet[Any], key_ids: Sequence[str]) -> dict[str, list[UUID]]:
    """By key ID or masked key, the IDs of the rows of these keys, deleted keys included, from the events in `rows`."""
    types = _any_of([_column_is("type", each.value) for each in _IDENTIFYING])
    found = {}
    for key_id in key_ids:
        words = " & ".join(_whole_word(word) for word in _split(key_id))
        events = EventQuery(rows, EventFilter(), f"{types} & {words}").newest(_MAX_KEYS)
        found[key_id] = [UUID(target) for target in dict.fromkeys(events.values_list("target_id", flat=True))]
    return found


def _all_of(conditions: Sequence[str]) -> str:
    """The tsquery for events that match all of the conditions."""
    return f"({' & '.join(conditions)})"


def _any_of(conditions: Sequence[str]) -> str:
    """The tsquery for events that match any of the conditions; without conditions, for no event."""
    return f"({' | '.join(conditions or [_quoted('nothing')])})"


def _name_conditions(text: str, mark: str) -> list[str]:
    """A tsquery for each word of a name. Only the last may be the beginning of a word.

    For a frequent beginning the index reads the terms of all words that start with it, even if another word is rare.
    """
    if _uuid_or_empty(text):
        return []
    *whole, last = _split(text) or [""]
    words = [_quoted(f"{mark}{word[:_MAX_WORD_LENGTH]}") for word in whole]
    return words + ([_word_condition(last, mark)] if last else [])


def _word_condition(word: str, mark: str) -> str:
    return _quoted(f"{mark}{word[:_MAX_WORD_LENGTH]}") + (":*" if len(word) >= _MIN_PREFIX_LENGTH else "")


def _whole_word(word: str) -> str:
    return _quoted(f"{_ANY_TEXT}{word[:_MAX_WORD_LENGTH].lower()}")


def _split(text: str) -> list[str]:
    return [word for word in _SEPARATORS.split(text) if word]


def _quoted(term: str) -> str:
    """A term of a tsquery in quotation marks. Words contain no quotation marks or backslashes that need an escape."""
    return f"'{_BLOCK_MARK}{term}'"


def _uuid_or_empty(text: str) -> str:
    """The UUID in its canonical spelling, or "" if the text is none."""
    try:
        return str(UUID(text.strip()))
    except ValueError:
        return ""
