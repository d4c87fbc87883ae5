"""Digest → all that a key's calls are decided by, as an immutable value cached in this process.

A cached snapshot may allow but never refuse: the draw notices that it is stale, and before a refusal it is
loaded anew. It is read in one statement with the versions it is of: read apart, a new version could be
paired with old fields for ever.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import UUID

from keyadmin.callpath.connection import execute
from keyadmin.conf import conf
from keyadmin.core import cidr
from keyadmin.core.callers import Identity
from keyadmin.models.scope import scopes_of_role


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`is_old`: in its grace. `revoked`, `expired`, `paused` and `used` (of the rolling hour) are as of its loading."""

    secret: UUID
    pepper: int
    is_old: bool
    expiry: datetime | None
    revoked: bool
    expired: bool
    paused: bool
    used: int
    version: int
    organisation_version: int
    catalogue_version: int
    key: Identity
    scopes: frozenset[str]
    channels: frozenset[str]
    allow_lists: tuple[cidr.Compiled, ...]
    #: What a draw compares and counts by, ready to be sent: key, versions, expiry, limit.
    drawing: tuple[bytes | None, ...]


def load(digests: Sequence[bytes]) -> Snapshot | None:
    """The key that one of the digests is of, cached under the first, which is the current pepper's."""
    rows = execute(LOAD, {"digests": list(digests)})
    snapshot = built(*rows[0]) if rows else None
    with _lock:
        _cache.pop(digests[0], None)
        if snapshot is not None:
            _cache[digests[0]] = snapshot
        while len(_cache) > conf.max_cached_snapshots:
            _cache.popitem(last=False)
    return snapshot


def cached(digest: bytes) -> Snapshot | None:
    with _lock:
        if digest in _cache:
            _cache.move_to_end(digest)
        return _cache.get(digest)


def built(*row: Any) -> Snapshot:
    """From the columns of load.sql. An inheriting key comes with the catalogue and its creator's roles."""
    scopes, channels, own, bots, inherits, active, system_role, role = row[22:]
    if inherits:
        scopes = scopes_of_role(system_role=system_role, role=role, catalogue=scopes) if active else ()
    lists = tuple(cidr.compile(map(ip_network, networks)) for networks in (own, bots) if networks)
    key, expiry = Identity(*row[11:22]), row[3] and row[3].isoformat()
    compared = (key.id, row[8], key.organisation_id, *row[9:11], expiry, key.limit)
    drawing = tuple(None if value is None else str(value).encode() for value in compared)
    fields: tuple[Any, ...] = (*row[:11], key, frozenset(scopes), frozenset(channels), lists, drawing)
    return Snapshot(*fields)


LOAD = Path(__file__).with_name("load_snapshot.sql").read_text()
_cache: OrderedDict[bytes, Snapshot] = OrderedDict()
_lock = Lock()
