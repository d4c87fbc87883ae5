"""The draw: is the snapshot still true, has the rolling hour room, and count the call, in one statement."""

from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import NamedTuple
from uuid import UUID

from keyadmin.authn.snapshots import Snapshot
from keyadmin.foundation import measures
from keyadmin.foundation.cidr import Address
from keyadmin.models.connections import Statement, execute


class Outcome(StrEnum):
    """STALE: the snapshot is no longer true, or the key has expired since. The other two are final."""

    DRAWN = "drawn"
    FULL = "full"
    STALE = "stale"


class Draw(NamedTuple):
    """`used` calls of the rolling hour, a drawn one included; when full, `wait` seconds until there is room."""

    outcome: Outcome
    used: int
    wait: int | None


def draw(snapshot: Snapshot, cost: int, address: Address | None) -> Draw:
    """Counts `cost` calls if the snapshot is still true and they fit. One statement in a minute already begun."""
    key, began = snapshot.key, perf_counter()
    values = (
        key.id.hex, snapshot.version, key.organisation_id.hex, snapshot.organisation_version,
        snapshot.catalogue_version, snapshot.expiry, key.limit, cost, address and address.text,
    )  # fmt: skip
    texts = [None if value is None else str(value).encode() for value in values]
    outcome, used, wait = (execute(_DRAW, texts) or execute(_SETTLE, texts))[0]
    measures.drawn(perf_counter() - began)
    return Draw(Outcome(outcome.decode()), int(used or 0), wait and int(wait))


def redigest(secret: UUID, digest: bytes, pepper: int) -> None:
    """Stores a secret under the current pepper, now that a call has shown it."""
    execute(_REDIGEST, {"digest": digest, "pepper": pepper, "secret": secret})


_REDIGEST = Path(__file__).with_name("redigest.sql").read_text()
_DRAW, _SETTLE = (Statement(name, Path(__file__).with_name(f"{name}.sql").read_text()) for name in ("draw", "settle"))
