"""A request as a server received it → the verdict on it. What every door in front of an API has in common."""

from uuid import UUID

from django.conf import settings

from keyadmin.authn.authenticate import Call, authenticate
from keyadmin.authn.credentials import CREDENTIALS, Headers, present, single
from keyadmin.foundation import routes, tokens
from keyadmin.foundation.callers import Verdict
from keyadmin.foundation.client_ip import client_address
from keyadmin.foundation.refusals import Reason, Refusal
from keyadmin.outcomes import tally

#: All that a verdict depends on.
HEADERS = (*CREDENTIALS, "on-behalf-of", "x-channel", "x-forwarded-for")


def decide(
    method: str, path: str, headers: Headers, peer: str,
    needs: routes.Match | None = None, cost: int = 1, organisation: UUID | None = None,
) -> Verdict:  # fmt: skip
    """The verdict on a request by its path as sent, without the query, its headers and the connection's other end."""
    read = question(method, path, headers, peer, needs, cost, organisation)
    return tally.noted(read) if isinstance(read, Refusal) else authenticate(*read)


def question(
    method: str, path: str, headers: Headers, peer: str,
    needs: routes.Match | None = None, cost: int = 1, organisation: UUID | None = None,
) -> tuple[tokens.Token, Call] | Refusal:  # fmt: skip
    """What `authenticate` is to be asked about the request, or why nobody need be. Asks no database."""
    if method == "TRACE":
        return Refusal(Reason.METHOD)
    token = present(headers)
    if isinstance(token, Refusal):
        return token
    try:
        channel, person = single(headers, "x-channel"), single(headers, "on-behalf-of")
    except ValueError:
        return Refusal(Reason.UNDECIDABLE)
    if not routes.canonical(path):
        return Refusal(Reason.UNDECIDABLE)
    address = client_address(peer, headers.get("x-forwarded-for", ()), settings.KEYADMIN_TRUSTED_PROXIES)
    return token, Call(method, path, address, channel, person, cost, organisation, needs)
