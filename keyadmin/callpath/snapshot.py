"""Snapshots: immutable views of keys with everything that decides their calls, cached in this process.

A cached snapshot may allow a call, because consumption checks that its versions are the current ones. It never denies
a call: before a denial the snapshot is loaded again.

One statement loads a key together with its versions. With two, a change between them could pair old fields with the
new version, and consumption would accept the stale snapshot.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from threading import Lock
from uuid import UUID

from psycopg.rows import class_row, scalar_row

from keyadmin.callpath.connection import Database
from keyadmin.conf import conf
from keyadmin.core import cidr
from keyadmin.core.callers import KeyIdentity
from keyadmin.core.key_shapes import replace_keys
from keyadmin.core.redaction import REDACTED
from keyadmin.models.scope import scopes_of_role


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """A row of load_snapshot.sql.

    `prefixes` are that of the key and that of its organisation's new keys. For a key that inherits, `scopes` has all
    scopes that its kind may have. `build_snapshot` reduces them to those of its creator's roles.
    """

    secret_id: UUID
    pepper_id: int
    is_in_grace: bool
    expires_at: datetime | None
    is_revoked: bool
    is_expired: bool
    is_paused: bool
    used: int
    key_version: int
    organisation_version: int
    catalogue_version: int
    id: UUID
    key_id: str | None
    name: str
    kind: str
    prefixes: list[str]
    organisation_id: UUID
    organisation_slug: str
    organisation_name: str
    bot_id: UUID | None
    bot_name: str | None
    tier: str
    limit: int
    scopes: list[str]
    channels: list[str]
    key_networks: list[str]
    bot_networks: list[str]
    inherits: bool
    creator_is_active: bool
    creator_system_role: str
    creator_role: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A key, as its calls with one of its secrets see it.

    `is_in_grace`: the secret has been replaced and is in its grace period. `expires_at` is the expiry of the key or the
    end of the grace period, whichever is earlier. `is_revoked`, `is_expired`, `is_paused` and `used` (calls in the
    rolling hour) are as of the time of loading.
    """

    secret_id: UUID
    pepper_id: int
    is_in_grace: bool
    expires_at: datetime | None
    is_revoked: bool
    is_expired: bool
    is_paused: bool
    used: int
    catalogue_version: int
    key: KeyIdentity
    scopes: frozenset[str]
    channels: frozenset[str]
    key_allow_list: cidr.CompiledNetworks
    bot_allow_list: cidr.CompiledNetworks
    #: Parameters 1 to 7 of consume.sql as text, the same for each call: key, organisation, versions, expiry and limit.
    consume_params: tuple[bytes | None, ...]


class SnapshotCache:
    """The most recently used snapshots, at most `conf.max_cached_snapshots`, by the current digest of their token.

    Thread-safe.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()
        self._snapshots: OrderedDict[bytes, Snapshot] = OrderedDict()

    def get(self, digest: bytes) -> Snapshot | None:
        """The cached snapshot. Sends no statement."""
        with self._lock:
            if digest in self._snapshots:
                self._snapshots.move_to_end(digest)
            return self._snapshots.get(digest)

    def load(self, digests: Sequence[bytes]) -> Snapshot | None:
        """Loads the key whose secret has one of the digests, and caches it.

        The first digest is the one under the current pepper. None if there is no such key. Raises
        DatabaseUnavailableError.
        """
        row = self.load_row(digests)
        snapshot = build_snapshot(row) if row else None
        with self._lock:
            self._snapshots.pop(digests[0], None)
            if snapshot is not None:
                self._snapshots[digests[0]] = snapshot
            while len(self._snapshots) > conf.max_cached_snapshots:
                self._snapshots.popitem(last=False)
        return snapshot

    def load_row(self, digests: Sequence[bytes]) -> SnapshotRow | None:
        """As `load`, but returns the row and does not cache."""
        rows = self._database.fetch(_LOAD, {"digests": list(digests)}, class_row(SnapshotRow))
        return rows[0] if rows else None

    def redigest(self, snapshot: Snapshot, digest: bytes, pepper_id: int) -> None:
        """Replaces the stored digest by `digest`, made with the pepper `pepper_id`. Raises DatabaseUnavailableError."""
        parameters = {"digest": digest, "pepper": pepper_id, "secret": snapshot.secret_id}
        self._database.fetch(_REDIGEST, parameters, scalar_row)

    def clear(self) -> None:
        with self._lock:
            self._snapshots.clear()


def build_snapshot(row: SnapshotRow) -> Snapshot:
    """The snapshot of a loaded row."""
    scopes: Iterable[str] = row.scopes
    if row.inherits:
        granted = scopes_of_role(system_role=row.creator_system_role, role=row.creator_role, catalogue=row.scopes)
        scopes = granted if row.creator_is_active else ()
    # A name that was stored before keys were refused in texts may contain one.
    shown = partial(replace_keys, replacement=REDACTED, known_prefixes=frozenset(row.prefixes).intersection)
    return Snapshot(
        secret_id=row.secret_id,
        pepper_id=row.pepper_id,
        is_in_grace=row.is_in_grace,
        expires_at=row.expires_at,
        is_revoked=row.is_revoked,
        is_expired=row.is_expired,
        is_paused=row.is_paused,
        used=row.used,
        catalogue_version=row.catalogue_version,
        key=KeyIdentity(
            id=row.id,
            key_id=row.key_id,
            name=shown(row.name),
            kind=row.kind,
            organisation_id=row.organisation_id,
            organisation_slug=row.organisation_slug,
            organisation_name=shown(row.organisation_name),
            bot_id=row.bot_id,
            bot_name=None if row.bot_name is None else shown(row.bot_name),
            tier=shown(row.tier),
            limit=row.limit,
        ),
        scopes=frozenset(scopes),
        channels=frozenset(row.channels),
        key_allow_list=cidr.compile_networks(map(ip_network, row.key_networks)),
        bot_allow_list=cidr.compile_networks(map(ip_network, row.bot_networks)),
        consume_params=_as_text(
            row.id,
            row.key_version,
            row.organisation_id,
            row.organisation_version,
            row.catalogue_version,
            row.expires_at and row.expires_at.isoformat(),
            row.limit,
        ),
    )


def _as_text(*values: object) -> tuple[bytes | None, ...]:
    return tuple(None if value is None else str(value).encode() for value in values)


_LOAD = Path(__file__).with_name("load_snapshot.sql").read_text()
_REDIGEST = Path(__file__).with_name("redigest.sql").read_text()
