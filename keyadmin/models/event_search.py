"""Events found by index, however many there are and whatever is asked: pages of them, and what is near one of them."""

from datetime import datetime, timedelta
from typing import Any, Final, Self

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import Func, OuterRef, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest, Least
from django.utils import timezone

from keyadmin.core.actors import Actor, ActorKind
from keyadmin.models import event_terms, paging
from keyadmin.models.counts import LIMIT
from keyadmin.models.event import Event
from keyadmin.models.event_terms import EventFilter
from keyadmin.models.key import Key
from keyadmin.models.person import Membership, Person, Role

ORDER: Final = paging.Order("pk", True, int, int)
BIGGEST: Final = 2**63 - 1
#: Numbers follow the clock, except where it was set back: where moments bound the numbers, they do so with this much
#: room, and are compared themselves as well.
_SLACK: Final = timedelta(hours=1)


class _Walk(Func):
    """Whether an event is one of those that `event_find` finds. They are found first, and then looked up by number."""

    template = '"event"."number" = ANY(ARRAY(SELECT event_find(%(expressions)s)))'
    output_field = models.BooleanField()


class EventQuery:
    """The events that an actor may read and that are as wanted. They are read when they are asked for."""

    def __init__(self, rows: QuerySet[Any], wanted: EventFilter, query: str) -> None:
        """Without a query, the rows are in order by an index of theirs."""
        self._rows = rows
        self._query = query
        self._since = wanted.since
        # Until some time to come means until the newest, whatever moments a wrong clock has written.
        self._until = wanted.until if wanted.until and wanted.until <= timezone.now() else None

    @classmethod
    def of(cls, actor: Actor, wanted: EventFilter) -> Self:
        """Reads, in one statement, what an actor may read who does not read everything."""
        rows: QuerySet[Any] = Event.objects.visible_to(actor)
        exact, conditions = wanted.exact(), wanted.words()
        if not Event.objects.sees_everything(actor) and (reach := _reach(actor)) is not None:
            conditions.append(reach)
        if not conditions and len(exact) <= 1:
            return cls(rows.filter(**exact), wanted, "")
        conditions += [event_terms.is_(column, value) for column, value in exact.items()]
        return cls(rows, wanted, " & ".join(conditions))

    def page(self, cursor: str, size: int) -> paging.Page:
        """One page, newest first, in one statement."""

        def fetch(start: paging.Cursor | None, most: int) -> list[Any]:
            return list(self.beyond(start.pk, ascending=start.backwards, most=most) if start else self.newest(most))

        return paging.page_by(fetch, ORDER, cursor, size)

    def newest(self, most: int) -> QuerySet[Any]:
        return self.beyond(BIGGEST, most=most)

    def beyond(self, number: int, *, ascending: bool = False, most: int) -> QuerySet[Any]:
        """The next events that are older than the number, or (ascending) newer; the nearest first."""
        number = min(max(number, 0), BIGGEST - 1)
        order = "number" if ascending else "-number"
        if self._query:
            return self._rows.filter(self._walk(number, ascending, most)).order_by(order)[:most]
        there = {"number__gt": number} if ascending else {"number__lt": number}
        return self._dated().filter(**there).order_by(order)[:most]

    def newer(self, number: int) -> int:
        """How many came after the number; LIMIT + 1 at most."""
        return self.beyond(number, ascending=True, most=LIMIT + 1).count()

    def _dated(self) -> QuerySet[Any]:
        rows = self._rows
        if self._since:
            rows = rows.filter(at__gte=self._since, number__gte=_first_since(self._since))
        if self._until:
            rows = rows.filter(at__lt=self._until, number__lte=_last_until(self._until))
        return rows

    def _walk(self, number: int, ascending: bool, most: int) -> _Walk:
        lowest = Value(number + 1 if ascending else 1)
        highest = Value(BIGGEST if ascending else number - 1)
        return _Walk(
            Value(self._query),
            Greatest(lowest, Coalesce(_first_since(self._since), BIGGEST)) if self._since else lowest,
            Least(highest, Coalesce(_last_until(self._until), 0)) if self._until else highest,
            Value(self._since or "-infinity"),
            Value(self._until or "infinity"),
            Value(ascending),
            Value(most),
        )


def _reach(actor: Actor) -> str | None:
    """The condition for what an actor reads who is no operator; None for whoever has a system role."""
    if actor.id is None:
        return event_terms.any_of([])
    if actor.kind is ActorKind.KEY:
        ids = Key.objects.filter(id=actor.id).values_list("organisation_id", flat=True)
        return event_terms.any_of([event_terms.is_("organisation_id", one) for one in ids])
    memberships = Membership.objects.filter(person=OuterRef("id"), role__in=(Role.OWNER, Role.AUDITOR))
    organisations = ArraySubquery(memberships.values("organisation"))
    person = Person.objects.active().filter(id=actor.id).values_list("system_role", organisations).first()
    system_role, readable = person or ("", [])
    if system_role:
        return None
    own = event_terms.is_("actor_id", actor.id)
    return event_terms.any_of([own, *(event_terms.is_("organisation_id", one) for one in readable)])


def _first_since(moment: datetime) -> QuerySet[Any]:
    return Event.objects.filter(at__gte=moment - _SLACK).order_by("at").values("number")[:1]


def _last_until(moment: datetime) -> QuerySet[Any]:
    return Event.objects.filter(at__lte=moment + _SLACK).order_by("-at").values("number")[:1]
