"""Decides a request as a server received it. Every integration and `POST /api/verify` start here."""

from typing import Final
from uuid import UUID

from keyadmin.callpath.authorize import authorize
from keyadmin.callpath.credentials import CREDENTIAL_HEADERS, Headers, has_credential, parse_credentials, single_value
from keyadmin.callpath.rules import Call
from keyadmin.callpath.state import state
from keyadmin.conf import conf
from keyadmin.core import routes, tokens
from keyadmin.core.callers import Verdict
from keyadmin.core.denials import Denial, DenialReason

#: Every header that a verdict depends on, in lower case.
REQUEST_HEADERS: Final = (*CREDENTIAL_HEADERS, "on-behalf-of", "x-channel", "x-forwarded-for")


def decide(
    method: str,
    path: str,
    headers: Headers,
    peer: str,
    declared_route: routes.Match | None = None,
    cost: int = 1,
    organisation: UUID | None = None,
    *,
    is_plain_http: bool = False,
) -> Verdict:
    """Decides a request and records the verdict.

    `path` is as sent, without the query. `headers` has at least those of REQUEST_HEADERS that were sent. `peer` is the
    address at the other end of the connection. `is_plain_http`: the client sent the request without TLS. For the other
    parameters see `Call`.
    """
    parsed = parse_request(method, path, headers, peer, declared_route, cost, organisation, is_plain_http=is_plain_http)
    return state.usage.record_denial(parsed) if isinstance(parsed, Denial) else authorize(*parsed)


def parse_request(
    method: str,
    path: str,
    headers: Headers,
    peer: str,
    declared_route: routes.Match | None = None,
    cost: int = 1,
    organisation: UUID | None = None,
    *,
    is_plain_http: bool = False,
) -> tuple[tokens.Token, Call] | Denial:
    """The arguments of `authorize`, or a denial. Sends no statement. See `decide` for the parameters."""
    if method == "TRACE":
        return Denial(DenialReason.METHOD)
    if is_plain_http and conf.require_https and has_credential(headers):
        return Denial(DenialReason.HTTPS_REQUIRED)
    token = parse_credentials(headers)
    if isinstance(token, Denial):
        return token
    try:
        channel, person = single_value(headers, "x-channel"), single_value(headers, "on-behalf-of")
    except ValueError:
        return Denial(DenialReason.AMBIGUOUS_REQUEST)
    if not routes.is_canonical(path):
        return Denial(DenialReason.AMBIGUOUS_REQUEST)
    address = state.client_addresses.find(peer, headers.get("x-forwarded-for", ()))
    return token, Call(method, path, address, channel, person, cost, organisation, declared_route)
