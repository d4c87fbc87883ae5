"""The draw: is the snapshot still true, has the rolling hour room, and count the call, in one statement."""

from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import NamedTuple
from uuid import UUID

from keyadmin.authn.snapshots import Snapshot
from keyadmin.foundation import measures
from keyadmin.foundation.cidr import Address
from keyadmin.models.connections import execute


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
    parameters = {
        "key": snapshot.key.id, "version": snapshot.version, "organisation": snapshot.key.organisation_id,
        "organisation_version": snapshot.organisation_version, "catalogue_version": snapshot.catalogue_version,
        "expiry": snapshot.expiry, "limit": snapshot.key.limit, "cost": cost, "address": address and address.text,
    }  # fmt: skip
    began = perf_counter()
    outcome, used, wait = (execute(_DRAW, parameters) or execute(_SETTLE, parameters))[0]
    measures.drawn(perf_counter() - began)
    return Draw(Outcome(outcome), used, wait)


def redigest(secret: UUID, digest: bytes, pepper: int) -> None:
    """Stores a secret under the current pepper, now that a call has shown it."""
    execute(_REDIGEST, {"digest": digest, "pepper": pepper, "secret": secret})


_DRAW, _SETTLE, _REDIGEST = (Path(__file__).with_name(f"{n}.sql").read_text() for n in ("draw", "settle", "redigest"))
