"""The origin of a request, from its WSGI environ: user agent and request id."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from keyadmin.core.actors import Actor, ActorKind, Interface

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def build_actor(
    environ: Mapping[str, Any],
    ip: str | None,
    *,
    kind: ActorKind,
    actor_id: UUID | None,
    label: str,
    interface: Interface,
    has_system_role: bool | None = None,
    organisations: tuple[UUID, ...] = (),
    replaced_secret_until: datetime | None = None,
) -> Actor:
    """The actor of a request from the address `ip`, with the origin that history records.

    `environ` is the WSGI environ. See `Actor` for the other parameters. Label and user agent are cut to the lengths
    that `Event` stores.
    """
    return Actor(
        kind=kind,
        id=actor_id,
        label=without_control_characters(label, 254),
        ip=ip,
        interface=interface,
        user_agent=without_control_characters(environ.get("HTTP_USER_AGENT", ""), 300),
        request_id=environ.get("keyadmin.request_id", ""),
        has_system_role=has_system_role,
        organisations=organisations,
        replaced_secret_until=replaced_secret_until,
    )


def without_control_characters(text: str, max_length: int) -> str:
    """Text from a client without control characters, cut to `max_length` characters."""
    return _CONTROL.sub("", text)[:max_length]
