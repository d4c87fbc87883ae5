"""A request as a server received it → the verdict on it. What every door in front of an API has in common."""

from uuid import UUID

from keyadmin.callpath.authorize import Call, authenticate
from keyadmin.callpath.credentials import CREDENTIALS, Headers, present, single
from keyadmin.callpath.usage import recorder
from keyadmin.conf import conf
from keyadmin.core import routes, tokens
from keyadmin.core.callers import Verdict
from keyadmin.core.client_address import client_address
from keyadmin.core.denials import Denial, DenialReason

#: All that a verdict depends on.
HEADERS = (*CREDENTIALS, "on-behalf-of", "x-channel", "x-forwarded-for")


def decide(
    method: str,
    path: str,
    headers: Headers,
    peer: str,
    needs: routes.Match | None = None,
    cost: int = 1,
    organisation: UUID | None = None,
) -> Verdict:
    """The verdict on a request by its path as sent, without the query, its headers and the connection's other end."""
    read = question(method, path, headers, peer, needs, cost, organisation)
    return recorder.noted(read) if isinstance(read, Denial) else authenticate(*read)


def question(
    method: str,
    path: str,
    headers: Headers,
    peer: str,
    needs: routes.Match | None = None,
    cost: int = 1,
    organisation: UUID | None = None,
) -> tuple[tokens.Token, Call] | Denial:
    """What `authenticate` is to be asked about the request, or why nobody need be. Asks no database."""
    if method == "TRACE":
        return Denial(DenialReason.METHOD)
    token = present(headers)
    if isinstance(token, Denial):
        return token
    try:
        channel, person = single(headers, "x-channel"), single(headers, "on-behalf-of")
    except ValueError:
        return Denial(DenialReason.UNDECIDABLE)
    if not routes.canonical(path):
        return Denial(DenialReason.UNDECIDABLE)
    address = client_address(peer, headers.get("x-forwarded-for", ()), conf.trusted_proxies)
    return token, Call(method, path, address, channel, person, cost, organisation, needs)
