"""The addresses of clients in this process: as KEYADMIN_TRUSTED_PROXIES says, with a warning for what is unreadable."""

import re
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Final

import structlog

from keyadmin.conf import conf
from keyadmin.core import cidr
from keyadmin.core.client_address import client_address

log = structlog.get_logger("keyadmin.calls")

SECONDS_BETWEEN_WARNINGS: Final = 60.0
MAX_LOGGED_LENGTH: Final = 100
_UNEXPECTED: Final = re.compile(r"[^0-9A-Za-z.:,\[\] _-]")


class ClientAddresses:
    """Determines addresses of clients. An unreadable X-Forwarded-For of a trusted proxy is logged once a minute."""

    def __init__(self) -> None:
        self._warned_at = -SECONDS_BETWEEN_WARNINGS

    def find(self, peer: str, forwarded: Sequence[str]) -> cidr.Address | None:
        """The client's address; None if it cannot be determined. For the arguments see `client_address`."""
        address = client_address(peer, forwarded, conf.trusted_proxies)
        if address is None and forwarded and monotonic() - self._warned_at >= SECONDS_BETWEEN_WARNINGS:
            self._warned_at = monotonic()
            received = _UNEXPECTED.sub("?", ", ".join(forwarded)[-MAX_LOGGED_LENGTH:])
            log.warning("client address unknown: X-Forwarded-For is not readable", peer=peer, received=received)
        return address

    def find_text(self, environ: Mapping[str, Any]) -> str | None:
        """As `find`, from a WSGI environment: the address in its normal spelling."""
        forwarded = [environ["HTTP_X_FORWARDED_FOR"]] if "HTTP_X_FORWARDED_FOR" in environ else []
        address = self.find(environ.get("REMOTE_ADDR", ""), forwarded)
        return address.text if address else None
