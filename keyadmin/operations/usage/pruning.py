"""Deletes usage data that is older than the retention of its organisation."""

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

#: Rows in one statement. Each statement is a transaction of its own, so that locks are held for a short time.
BATCH_SIZE: Final = 10_000
#: ID of the advisory lock: one process prunes at a time.
PRUNING_LOCK_ID: Final = 0x6B61645F7072756E

_JOIN_BY_KEY: Final = (
    "LEFT JOIN key ON key.id = old.key_id LEFT JOIN organisation ON organisation.id = key.organisation_id"
)
_JOIN_BY_SUBJECT: Final = """LEFT JOIN bot ON bot.id = old.subject
    LEFT JOIN organisation ON organisation.id = coalesce(bot.organisation_id, old.subject)"""
_SELECT_OLDEST: Final = "SELECT min({column}) FROM {table} WHERE {column} > %(after)s AND {column} < %(limit)s"
_DELETE: Final = """DELETE FROM {table} WHERE ctid = ANY(ARRAY(
    SELECT old.ctid FROM {table} AS old {join}
    WHERE old.{column} = %(moment)s
        AND %(day)s < %(today)s::date - coalesce(organisation.usage_retention_days, %(longest)s)
    LIMIT %(batch_size)s
))"""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class UsageTable(NamedTuple):
    """A table with usage data, its time column, and the join from its rows to their organisation.

    Rows without an organisation, such as those of deleted keys, have the longest retention of all organisations.
    """

    table: str
    column: str
    join: str


_TABLES: Final = (
    UsageTable("usage_hour", "hour", _JOIN_BY_KEY),
    UsageTable("scope_day", "day", _JOIN_BY_KEY),
    UsageTable("address_day", "day", _JOIN_BY_KEY),
    UsageTable("key_day", "day", _JOIN_BY_KEY),
    UsageTable("usage_day", "day", _JOIN_BY_SUBJECT),
)


class Retention(NamedTuple):
    """The shortest and the longest retention of all organisations, in days."""

    shortest: int
    longest: int


class DeletedBatch(NamedTuple):
    """The number of rows of one table and day that one statement has deleted."""

    table: str
    rows: int
    day: date


def prune(*, actor: Actor) -> dict[str, int]:
    """Delete usage data whose retention is over, and return the number of deleted rows by table.

    If there is any, the transaction of the first batch records one event for all. The next run completes a run that was
    interrupted. Raises ConflictError while another process prunes.
    """
    with advisory_lock(PRUNING_LOCK_ID, _("Old usage data is already being deleted. Try again later.")):
        today = audit.database_time().astimezone(UTC).date()
        retention, deleted = get_retention(), Counter[str]()
        batches = _delete_old(today, retention)
        with audit.audited_transaction(actor):
            policy.require(actor, Permission.MANAGE_ORGANISATIONS, None)
            if (first := next(batches, None)) is None:
                return {}
            target, until = audit.Target("usage", "usage", _("Usage")), today - timedelta(days=retention.shortest)
            changes = {"since": (str(first.day), str(until))}
            audit.record(EventType.USAGE_PRUNED, actor=actor, target=target, changes=changes)
        deleted[first.table] += first.rows
        for batch in batches:
            deleted[batch.table] += batch.rows
        return dict(deleted)


def get_retention() -> Retention:
    """The retention over all organisations. Without organisations, the default of a new one."""
    default = Organisation._meta.get_field("usage_retention_days").default
    days = Organisation.objects.aggregate(least=Min("usage_retention_days"), most=Max("usage_retention_days"))
    return Retention(days["least"] or default, days["most"] or default)


def _delete_old(today: date, retention: Retention) -> Iterator[DeletedBatch]:
    """Delete batch after batch, the oldest day of each table first, and yield each batch after its deletion."""
    limit = today - timedelta(days=retention.shortest)
    for table in _TABLES:
        after: datetime | date = _EPOCH
        while (moment := _oldest(table, after=after, limit=limit)) is not None:
            day = moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment
            while rows := _delete_batch(table, moment=moment, day=day, today=today, longest=retention.longest):
                yield DeletedBatch(table.table, rows, day)
            after = moment


def _oldest(table: UsageTable, *, after: datetime | date, limit: date) -> datetime | date | None:
    """The oldest value of the time column after `after` and before `limit`."""
    with connection.cursor() as cursor:
        cursor.execute(_SELECT_OLDEST.format(**table._asdict()), {"after": after, "limit": limit})
        (moment,) = cursor.fetchone()
    oldest: datetime | date | None = moment
    return oldest


def _delete_batch(table: UsageTable, **parameters: Any) -> int:
    """Delete at most BATCH_SIZE rows whose retention is over, and return their number."""
    with connection.cursor() as cursor:
        cursor.execute(_DELETE.format(**table._asdict()), parameters | {"batch_size": BATCH_SIZE})
        deleted: int = cursor.rowcount
    return deleted
