"""The headers of a call → the one token it presents, or a refusal. Nothing here asks the database."""

from collections.abc import Mapping, Sequence

from keyadmin.core import tokens
from keyadmin.core.denials import Denial, DenialReason

type Headers = Mapping[str, Sequence[str]]
"""Lower-case name → values in the order received. A server may have joined repeated ones by commas."""

CREDENTIALS = ("x-api-key", "x-api-key-id", "x-api-key-secret", "authorization")


def present(headers: Headers) -> tokens.Token | Denial:
    """Exactly one of X-API-Key, a Bearer token, or the pair X-API-Key-Id and X-API-Key-Secret."""
    try:
        key, identity, secret, authorization = [single(headers, name) for name in CREDENTIALS]
    except ValueError:
        return Denial(DenialReason.AMBIGUOUS)
    scheme, _, bearer = (authorization or "").partition(" ")
    bearer = bearer.strip(" \t") if scheme.lower() == "bearer" else ""
    if sum(map(bool, (key, bearer, identity or secret))) > 1 or bool(identity) != bool(secret):
        return Denial(DenialReason.AMBIGUOUS)
    if identity and secret:
        return tokens.pair(identity, secret) or Denial(DenialReason.UNPROVEN)
    if not (key or bearer):
        return Denial(DenialReason.NO_CREDENTIAL)
    return tokens.parse(key or bearer) or Denial(DenialReason.UNPROVEN)


def single(headers: Headers, name: str) -> str | None:
    """The header's one value without blanks around it, or None. Raises ValueError for a repeated or an empty one."""
    values = headers.get(name)
    if not values:
        return None
    value = values[0].strip(" \t")
    if len(values) > 1 or not value or "," in value:
        raise ValueError(name)
    return value
