"""The end of usage: what is older than its organisation keeps it is removed."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import Max, Min
from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor
from keyadmin.models import EventType, Organisation
from keyadmin.operations import audit, policy
from keyadmin.operations.locks import advisory_lock
from keyadmin.operations.policy import Permission

#: Rows in one statement: each is a transaction of its own, so that nobody waits.
BATCH: Final = 10_000
#: PostgreSQL's advisory lock of whoever is removing.
PRUNING: Final = 0x6B61645F7072756E

_OF_KEYS: Final = "LEFT JOIN key ON key.id = old.key_id LEFT JOIN organisation ON organisation.id = key.organisation_id"
_OF_SUBJECTS: Final = """LEFT JOIN bot ON bot.id = old.subject
    LEFT JOIN organisation ON organisation.id = coalesce(bot.organisation_id, old.subject)"""
#: A table, its column of time, and how its rows come to their organisation. Those of none, or of keys that are gone,
#: stay as long as those of the organisation that keeps its own longest.
_TABLES: Final = (
    ("usage_hour", "hour", _OF_KEYS),
    ("scope_day", "day", _OF_KEYS),
    ("address_day", "day", _OF_KEYS),
    ("key_day", "day", _OF_KEYS),
    ("usage_day", "day", _OF_SUBJECTS),
)
_FIRST: Final = "SELECT min({column}) FROM {table} WHERE {column} > %(after)s AND {column} < %(limit)s"
_REMOVE: Final = """DELETE FROM {table} WHERE ctid = ANY(ARRAY(
    SELECT old.ctid FROM {table} AS old {owner}
    WHERE old.{column} = %(moment)s
        AND %(day)s < %(today)s::date - coalesce(organisation.usage_retention_days, %(longest)s)
    LIMIT %(batch)s
))"""
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Kept(NamedTuple):
    """The days that organisations keep their usage: the fewest, and the most."""

    shortest: int
    longest: int


def prune(*, actor: Actor) -> dict[str, int]:
    """Remove what is too old; returns the number of rows by table. One event tells of it, if there is anything.

    Raises Conflict while somebody else does. What a run that is interrupted has left, the next removes.
    """
    with advisory_lock(PRUNING, _("Somebody else is removing old usage.")):
        today = audit.database_time().astimezone(UTC).date()
        kept, removed = kept_days(), Counter[str]()
        removing = _remove_old(today, kept)
        with audit.audited_transaction(actor):
            policy.require(actor, Permission.MANAGE_ORGANISATIONS, None)
            if (first := next(removing, None)) is None:
                return {}
            table, rows, day = first
            target, until = audit.Target("usage", "usage", _("Usage")), today - timedelta(days=kept.shortest)
            audit.record(EventType.USAGE_PRUNED, actor=actor, target=target, changes={"since": (str(day), str(until))})
        removed[table] += rows
        for table, rows, _day in removing:
            removed[table] += rows
        return dict(removed)


def kept_days() -> Kept:
    """Of all organisations; what a new one would keep, where there is none."""
    usual = Organisation._meta.get_field("usage_retention_days").default
    found = Organisation.objects.aggregate(least=Min("usage_retention_days"), most=Max("usage_retention_days"))
    return Kept(found["least"] or usual, found["most"] or usual)


def _remove_old(today: date, kept: Kept) -> Iterator[tuple[str, int, date]]:
    """Remove batch after batch, the oldest first; yields the table, the rows and their day."""
    for table, column, owner in _TABLES:
        names = {"table": table, "column": column, "owner": owner}
        after: Any = _LONG_AGO
        while (moment := _one(_FIRST, names, after=after, limit=today - timedelta(days=kept.shortest))) is not None:
            day = moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment
            while rows := _run(_REMOVE, names, moment=moment, day=day, today=today, longest=kept.longest, batch=BATCH):
                yield table, rows, day
            after = moment


def _one(statement: str, names: dict[str, str], **parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(**names), parameters)
        return cursor.fetchone()[0]


def _run(statement: str, names: dict[str, str], **parameters: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(**names), parameters)
        return cursor.rowcount
