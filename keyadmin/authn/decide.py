"""A request as a server received it → the verdict on it. What every door in front of an API has in common."""

from uuid import UUID

from django.conf import settings

from keyadmin.authn.authenticate import Call, authenticate
from keyadmin.authn.credentials import CREDENTIALS, Headers, present, single
from keyadmin.authn.verdict import Verdict
from keyadmin.foundation import routes, tokens
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
    if method == "TRACE":
        return tally.noted(Refusal(Reason.METHOD))
    token = present(headers)
    if not isinstance(token, tokens.Token):
        return tally.noted(token)
    try:
        channel, person = single(headers, "x-channel"), single(headers, "on-behalf-of")
    except ValueError:
        return tally.noted(Refusal(Reason.UNDECIDABLE))
    if not routes.canonical(path):
        return tally.noted(Refusal(Reason.UNDECIDABLE))
    forwarded = headers.get("x-forwarded-for", ())
    address = client_address(peer, forwarded, settings.KEYADMIN_TRUSTED_PROXIES)
    return authenticate(token, Call(method, path, address, channel, person, cost, organisation, needs))
