"""History in one table that is searched block by block, against declarative range partitioning.

    python -m benchmarks.decisions.history_partitions [--events 10000000] [--bits 20] [--folder FOLDER]

It starts a PostgreSQL of its own, fills both layouts with the same events, builds the same b-tree indexes and a GIN
index of the same terms in both, and runs the searches of the history page. `--bits` is the base-2 logarithm of the
number of events in a table of the partitioned layout. The record is docs/decisions/0002-history-in-one-table.md.
"""

import argparse
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

from keyadmin.server.embedded_postgres import EmbeddedPostgres

ORGANISATIONS: Final = 1_000
KEYS: Final = 1_000_000
DAYS: Final = 1_000
NEWEST: Final = datetime(2026, 11, 1, tzinfo=UTC)
PAGE_SIZE: Final = 51
#: Events that are inserted one by one after the measurement of searches.
INSERTED: Final = 2_000
#: The actor of three events: the first, the middle and the last. They contain the word "zanzibar" too.
RARE_ACTOR: Final = "00000000-0000-4000-8000-000000000001"
#: Seconds after which a search is cancelled, and after which no further run of a slow search begins.
LONGEST_SECONDS: Final = 8
SERVER: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
    "shared_buffers": "1GB",
    "maintenance_work_mem": "1GB",
    "autovacuum": "off",
    "jit": "off",
    # Starting workers takes longer than a look-up in one block of events.
    "max_parallel_workers_per_gather": "0",
}
B_TREES: Final[tuple[LiteralString, ...]] = (
    "(at)",
    "(organisation_id, number DESC)",
    "(target_id, number DESC)",
    "(actor_id, number DESC)",
    "(verb, number DESC)",
)
_COLUMNS: Final[LiteralString] = (
    "number, verb, actor_id, actor_label, organisation_id, organisation_label, target_id, target_label, ip,"
    " request_id, changes, reason"
)
TERMS_OF_PARTS: Final[LiteralString] = f"search_terms(' ' || to_hex(number >> 16) || '/', {_COLUMNS})"
TERMS_OF_PARTITIONS: Final[LiteralString] = f"search_terms(' ', {_COLUMNS})"
SIZE: Final = """
    SELECT sum({function}(oid)) FROM pg_class
    WHERE oid = {layout}::regclass OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = {layout}::regclass)
"""

GENERATE: Final = """
    INSERT INTO parts
    SELECT
        number,
        %(newest)s - make_interval(secs => %(days)s * 86400.0 * (1 - (number - 1)::float8 / %(events)s)),
        verb,
        'person',
        CASE WHEN is_rare THEN %(rare_actor)s ELSE md5('person ' || person) END::uuid,
        (ARRAY['Maya', 'Jonas', 'Priya', 'Asha', 'Sam', 'Lena', 'Tomas', 'Ingrid', 'Yusuf', 'Chloe'])[person %% 10 + 1]
            || ' '
            || (ARRAY['Okafor', 'Lind', 'Raman', 'Nair', 'Reyes', 'Vogt', 'Novak', 'Demir'])[person / 5 %% 8 + 1]
            || ' ' || person,
        'page',
        ('198.51.' || organisation %% 250 || '.' || person %% 250)::inet,
        'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
        md5('request ' || number),
        md5('organisation ' || organisation)::uuid,
        'Organisation ' || organisation,
        CASE WHEN is_key THEN 'key' ELSE 'person' END,
        CASE WHEN is_key THEN md5('key ' || key) ELSE md5('person ' || person) END::uuid::text,
        CASE
            WHEN is_key THEN
                (ARRAY['Billing', 'Support', 'Internal', 'Nightly', 'Partner', 'Export', 'Mobile'])[key %% 7 + 1]
                || ' ' || (ARRAY['importer', 'gateway', 'worker', 'dashboard', 'sync'])[key / 7 %% 5 + 1] || ' ' || key
            ELSE 'Person ' || person
        END,
        CASE verb
            WHEN 'key.edited' THEN jsonb_build_object(
                'description', jsonb_build_array('', 'For team ' || key %% 97),
                'scopes', '[["chats:read"], ["chats:read", "chats:write"]]'::jsonb
            )
            WHEN 'key.issued' THEN jsonb_build_object(
                'name', jsonb_build_array(NULL, 'key ' || key), 'scopes', '[null, ["chats:read"]]'::jsonb,
                'tier', '[null, "Standard"]'::jsonb
            )
            WHEN 'allow_list.added' THEN
                jsonb_build_object('network', jsonb_build_array(NULL, '10.' || key %% 250 || '.0.0/16'))
            WHEN 'allow_list.removed' THEN
                jsonb_build_object('network', jsonb_build_array('10.' || key %% 250 || '.0.0/16', NULL))
            WHEN 'key.revoked' THEN '{"status": ["active", "revoked"]}'
            ELSE '{"revision": [1, 2]}'
        END,
        CASE
            WHEN is_rare THEN 'after the zanzibar incident'
            WHEN number %% 50 = 0 THEN 'quarterly rotation of ' || number %% 4 + 1
            ELSE (ARRAY['', '', '', 'at the request of the owner', 'seen in a log', 'moved to the new cluster', ''])
                [number %% 7 + 1]
        END,
        sha256(int8send(number - 1)),
        sha256(int8send(number))
    FROM (
        SELECT
            number, verb, key, organisation, organisation * 3 + (number %% 2)::integer AS person,
            number IN (1, %(events)s / 2, %(events)s) AS is_rare,
            verb LIKE 'key.%%' OR verb LIKE 'allow_list.%%' AS is_key
        FROM (
            SELECT
                number, verb, key,
                CASE WHEN key %% 10 = 0 THEN 0 ELSE key / 20 %% %(organisations)s END AS organisation
            FROM (
                SELECT
                    number,
                    (hashint8extended(number, 1) & 2147483647) %% 1000 AS slot,
                    ((hashint8extended(number, 2) & 2147483647) %% %(keys)s)::integer AS key
                FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS number
            ) AS drawn JOIN verb_of USING (slot)
        ) AS of_key
    ) AS event
    ORDER BY number
"""


@dataclass(frozen=True)
class Search:
    """A search of the history page. An organisation of "" is another one in each run."""

    name: str
    columns: dict[str, str] = field(default_factory=dict)
    #: Words by their beginnings.
    words: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    #: The page ends below this number.
    below: int = 2**62

    def statement(self, layout: str, organisation: str) -> sql.Composed:
        columns = {name: value or organisation for name, value in self.columns.items()}
        if layout == "parts" and (self.words or len(columns) > 1):
            return self._in_parts(columns)
        conditions = [sql.SQL("number < {}").format(self.below)]
        conditions += [sql.SQL("{} = {}").format(sql.Identifier(name), value) for name, value in columns.items()]
        if self.words:
            query = " & ".join(f"'w~{word}':*" for word in self.words)
            conditions.append(sql.SQL("terms @@ {}::tsquery").format(query))
        if self.since and self.until:
            conditions.append(sql.SQL(DATED).format(table=sql.Identifier(layout), since=self.since, until=self.until))
        return sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY number DESC LIMIT {}").format(
            sql.SQL(ROW), sql.Identifier(layout), sql.SQL(" AND ").join(conditions), PAGE_SIZE
        )

    def _in_parts(self, columns: dict[str, str]) -> sql.Composed:
        marks = {"verb": "v=", "actor_id": "i=", "organisation_id": "o="}
        terms = [f"'\x01{marks[name]}{value}'" for name, value in columns.items()]
        terms += [f"'\x01w~{word}':*" for word in self.words]
        return sql.SQL(IN_PARTS).format(
            query=" & ".join(terms),
            lowest=sql.SQL(FIRST_SINCE).format(self.since) if self.since else 1,
            highest=sql.SQL(LAST_UNTIL).format(self.until) if self.until else self.below - 1,
            since=self.since or "-infinity",
            until=self.until or "infinity",
            size=PAGE_SIZE,
            row=sql.SQL(ROW),
        )


ROW: Final = (
    "number, at, verb, actor_kind, actor_id, actor_label, door, ip, user_agent, request_id, organisation_id,"
    " organisation_label, target_kind, target_id, target_label, changes, reason, previous_hash, hash"
)
FIRST_SINCE: Final = "(SELECT number FROM parts WHERE at >= {} ORDER BY at LIMIT 1)"
LAST_UNTIL: Final = "(SELECT number FROM parts WHERE at <= {} ORDER BY at DESC LIMIT 1)"
IN_PARTS: Final = """
    SELECT {row} FROM parts
    WHERE number = ANY(ARRAY(SELECT find_in_parts({query}, {lowest}, {highest}, {since}, {until}, {size})))
    ORDER BY number DESC
"""
DATED: Final = """
    at >= {since} AND at < {until}
    AND number >= (SELECT number FROM {table} WHERE at >= {since} ORDER BY at LIMIT 1)
    AND number <= (SELECT number FROM {table} WHERE at <= {until} ORDER BY at DESC LIMIT 1)
"""


def searches(events: int) -> list[Search]:
    edited = {"verb": "key.edited", "organisation_id": ""}
    since, until = NEWEST - timedelta(days=430), NEWEST - timedelta(days=400)
    return [
        Search("newest page"),
        Search("page far back", below=events // 3),
        Search("one organisation", {"organisation_id": ""}),
        Search("one rare actor", {"actor_id": RARE_ACTOR}),
        Search("common action", {"verb": "key.edited"}),
        Search("common action and organisation", edited),
        Search("the same, far back", edited, below=events // 3),
        Search("rare action and organisation", {"verb": "tier.edited", "organisation_id": ""}),
        Search("rare word", words=("zanzibar",)),
        Search("word that does not occur", words=("nowhere",)),
        Search("common word", words=("quarterly",)),
        Search("common word and action", {"verb": "key.edited"}, ("quarterly",)),
        Search("common word and organisation", {"organisation_id": ""}, ("quarterly",)),
        Search("two common words, far back", words=("quarterly", "maya"), below=events // 3),
        Search("common word, a month a year ago", words=("quarterly",), since=since, until=until),
        Search("rare word, a month a year ago", words=("zanzibar",), since=since, until=until),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare two layouts of history.")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--bits", type=int, default=20)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--folder", type=Path, help="keep the server's data here, and use what it holds")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="keyadmin-history-"))
    try:
        with (
            EmbeddedPostgres(folder, settings=SERVER) as server,
            psycopg.connect(server.url(), autocommit=True, cursor_factory=psycopg.ClientCursor) as connection,
        ):
            report(f"{options.events:,} events, partitions of 2^{options.bits}, {connection.info.server_version}\n")
            layouts = ("parts", fill(connection, options.events, options.bits))
            compare(connection, layouts, options.events, options.runs)
            insert(connection, layouts, options.events)
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


def report(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the result


@contextmanager
def timed(name: str) -> Iterator[None]:
    began = perf_counter()
    yield
    report(f"- {name}: {perf_counter() - began:.0f} s")


def value(connection: psycopg.Connection[Any], statement: sql.Composed) -> Any:
    row = connection.execute(statement).fetchone()
    return row[0] if row else None


def fill(connection: psycopg.Connection[Any], events: int, bits: int) -> str:
    """Make both tables with the same events and indexes, unless they exist. Return the partitioned table's name."""
    execute = connection.execute
    sizes = {
        "newest": NEWEST,
        "days": DAYS,
        "events": events,
        "keys": KEYS,
        "organisations": ORGANISATIONS,
        "rare_actor": RARE_ACTOR,
    }
    if not value(connection, sql.SQL("SELECT to_regclass('parts') IS NOT NULL").format()):
        execute(Path(__file__).with_suffix(".sql").read_bytes())
        with timed("parts: rows"):
            execute(GENERATE, sizes | {"first": 1, "last": events})
        execute("INSERT INTO chain_head VALUES (%s)", [events])
        index(connection, "parts")
        execute("CREATE TABLE later (LIKE parts, PRIMARY KEY (number))")
        execute(GENERATE.replace("INTO parts", "INTO later"), sizes | {"first": events + 1, "last": events + INSERTED})
    layout = f"partitions_{bits}"
    if not value(connection, sql.SQL("SELECT to_regclass({}) IS NOT NULL").format(layout)):
        table = sql.Identifier(layout)
        terms: LiteralString = "terms tsvector GENERATED ALWAYS AS (" + TERMS_OF_PARTITIONS + ") STORED"
        columns: LiteralString = "CREATE TABLE {} (LIKE parts, " + terms + ", PRIMARY KEY (number))"
        execute(sql.SQL(columns + " PARTITION BY RANGE (number)").format(table))
        with timed(f"{layout}: rows"):
            for number in range(((events + INSERTED) >> bits) + 1):
                execute(
                    sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})").format(
                        sql.Identifier(f"{layout}_{number}"), table, number << bits, (number + 1) << bits
                    )
                )
            execute(sql.SQL("INSERT INTO {} SELECT * FROM parts ORDER BY number").format(table))
        index(connection, layout)
    return layout


def index(connection: psycopg.Connection[Any], layout: str) -> None:
    table = sql.Identifier(layout)
    with timed(f"{layout}: b-tree indexes"):
        for columns in B_TREES:
            connection.execute(sql.SQL("CREATE INDEX ON {} " + columns).format(table))
    with timed(f"{layout}: GIN index"):
        terms: LiteralString = "(" + TERMS_OF_PARTS + ")" if layout == "parts" else "terms"
        gin: LiteralString = "CREATE INDEX ON {} USING gin (" + terms + ") WITH (fastupdate = off)"
        connection.execute(sql.SQL(gin).format(table))
    if layout == "parts":  # as keyadmin: its search does not use statistics
        connection.execute("ALTER INDEX parts_search_terms_idx ALTER COLUMN 1 SET STATISTICS 0")
    with timed(f"{layout}: VACUUM ANALYZE"):
        connection.execute(sql.SQL("VACUUM ANALYZE {}").format(table))
    for name, function in (("rows", "pg_table_size"), ("indexes", "pg_indexes_size")):
        size = sql.SQL(SIZE).format(function=sql.Identifier(function), layout=layout)
        report(f"- {layout}: {value(connection, size) / 10**9:.2f} GB of {name}")


def compare(connection: psycopg.Connection[Any], layouts: tuple[str, str], events: int, runs: int) -> None:
    report("\n| search | one table p50 | p95 | partitioned p50 | p95 | same events |\n|---|---|---|---|---|---|")
    connection.execute(sql.SQL("SET statement_timeout = {}").format(LONGEST_SECONDS * 1000))
    for search in searches(events):
        figures, results = [], []
        for layout in layouts:
            random, times = Random(7), []  # noqa: S311 - the same organisations each time
            for run in range(runs + 3):
                number = random.randrange(1, ORGANISATIONS)
                chosen = value(connection, sql.SQL("SELECT md5({})::uuid::text").format(f"organisation {number}"))
                statement = search.statement(layout, chosen)
                began = perf_counter()
                try:
                    rows = connection.execute(statement).fetchall()
                except psycopg.errors.QueryCanceled:  # it is reported as LONGEST_SECONDS
                    times = [LONGEST_SECONDS * 1000.0] * 4
                    break
                times.append((perf_counter() - began) * 1000)
                if run < 5:
                    results.append([row[0] for row in rows])
                if sum(times) > LONGEST_SECONDS * 1000 and run >= 5:
                    break
            times = sorted(times[3:])
            figures += [statistics.median(times), times[int(len(times) * 0.95)]]
        same = "yes" if results[:5] == results[5:] else "cancelled" if len(results) < 10 else "NO"
        report(f"| {search.name} | {' | '.join(f'{figure:.1f} ms' for figure in figures)} | {same} |")


def insert(connection: psycopg.Connection[Any], layouts: tuple[str, str], events: int) -> None:
    """Insert later events one by one, each in a transaction of its own."""
    for layout in layouts:
        times = []
        for number in range(events + 1, events + INSERTED + 1):
            began = perf_counter()
            connection.execute(
                sql.SQL("INSERT INTO {} SELECT * FROM later WHERE number = {}").format(sql.Identifier(layout), number)
            )
            times.append((perf_counter() - began) * 1000)
        connection.execute(sql.SQL("DELETE FROM {} WHERE number > {}").format(sql.Identifier(layout), events))
        times.sort()
        report(
            f"\n{layout}: an insert takes {statistics.median(times):.2f} ms, p95 {times[INSERTED * 95 // 100]:.2f} ms"
        )


if __name__ == "__main__":
    main()
