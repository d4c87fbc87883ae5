"""The origin of a request, from its WSGI environ: client address, user agent and request id."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from keyadmin.core import cidr
from keyadmin.core.actors import Actor, ActorKind, Interface
from keyadmin.core.client_address import client_address

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def client_ip(environ: Mapping[str, Any], trusted_proxies: cidr.CompiledNetworks) -> str | None:
    """The client's address in its normal spelling; None if it cannot be determined.

    X-Forwarded-For counts only if the peer is one of `trusted_proxies`.
    """
    forwarded = [environ["HTTP_X_FORWARDED_FOR"]] if "HTTP_X_FORWARDED_FOR" in environ else []
    address = client_address(environ.get("REMOTE_ADDR", ""), forwarded, trusted_proxies)
    return address.text if address else None


def build_actor(
    environ: Mapping[str, Any],
    trusted_proxies: cidr.CompiledNetworks,
    *,
    kind: ActorKind,
    actor_id: UUID | None,
    label: str,
    interface: Interface,
    has_system_role: bool | None = None,
    organisations: tuple[UUID, ...] = (),
) -> Actor:
    """The actor of a request, with the origin that history records. `environ` is the WSGI environ.

    See `Actor` for the other parameters. Label and user agent are cut to the lengths that `Event` stores.
    """
    return Actor(
        kind=kind,
        id=actor_id,
        label=without_control_characters(label, 254),
        ip=client_ip(environ, trusted_proxies),
        interface=interface,
        user_agent=without_control_characters(environ.get("HTTP_USER_AGENT", ""), 300),
        request_id=environ.get("keyadmin.request_id", ""),
        has_system_role=has_system_role,
        organisations=organisations,
    )


def without_control_characters(text: str, max_length: int) -> str:
    """Text from a client without control characters, cut to `max_length` characters."""
    return _CONTROL.sub("", text)[:max_length]
