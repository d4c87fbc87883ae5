"""The canonical forms of events, from which their hashes are computed.

A form is the text of all fields of an event. Each event stores the number of its form in `format`. Do not change a form
that a release has used, because the hashes of existing events are computed from it. To change the form of new events,
add a function to FORMATS and set CURRENT_FORMAT.
"""

import hashlib
import json
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final

from keyadmin.core.time import rfc3339

CURRENT_FORMAT: Final = 1


class UnknownFormatError(Exception):
    """The event has a format that this version does not know."""


def hash_of(event: Any) -> bytes:
    """SHA-256 of the previous hash and the canonical form. `event` is an Event, or a row with the same field names.

    Raises UnknownFormatError if the event's format is not in FORMATS.
    """
    canonical = FORMATS.get(event.format)
    if canonical is None:
        raise UnknownFormatError(f"format {event.format}")
    return hashlib.sha256(bytes(event.previous_hash) + canonical(event).encode()).digest()


def _format_1(event: Any) -> str:
    """JSON of all fields except the hashes: names sorted, no white space, non-ASCII characters not escaped."""
    return _encode(
        {
            "format": 1,
            "number": event.number,
            "at": rfc3339(event.at),
            "type": event.type,
            "actor_kind": event.actor_kind,
            "actor_id": str(event.actor_id) if event.actor_id else None,
            "actor_label": event.actor_label,
            "interface": event.interface,
            "ip": _normalized(event.ip) if event.ip else None,
            "user_agent": event.user_agent,
            "request_id": event.request_id,
            "organisation_id": str(event.organisation_id) if event.organisation_id else None,
            "organisation_label": event.organisation_label,
            "target_kind": event.target_kind,
            "target_id": event.target_id,
            "target_label": event.target_label,
            "changes": event.changes,
            "reason": event.reason,
        }
    )


#: By number of the format, the function that writes the canonical form.
FORMATS: Final[dict[int, Callable[[Any], str]]] = {1: _format_1}

#: One encoder for all events, because `json.dumps` with options would create an encoder for each event.
_encode: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


@lru_cache(10_000)
def _normalized(address: str) -> str:
    """The address as Python writes it. PostgreSQL writes some IPv6 addresses differently."""
    return str(ip_address(address))
