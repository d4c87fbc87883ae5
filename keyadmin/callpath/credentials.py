"""Reads the one token from the headers of a call. Sends no statement."""

from collections.abc import Mapping, Sequence
from typing import Final

from keyadmin.core import tokens
from keyadmin.core.denials import Denial, DenialReason

type Headers = Mapping[str, Sequence[str]]
"""Lower-case name → values, in the order received. The server may have joined the values of a header by commas."""

CREDENTIAL_HEADERS: Final = ("x-api-key", "x-api-key-id", "x-api-key-secret", "authorization")


def parse_credentials(headers: Headers) -> tokens.Token | Denial:
    """The token from X-API-Key, or from a Bearer token, or from X-API-Key-Id and X-API-Key-Secret.

    A denial if there is not exactly one of these, or if it is not a valid key.
    """
    try:
        key, key_id, secret, authorization = [single_value(headers, name) for name in CREDENTIAL_HEADERS]
    except ValueError:
        return Denial(DenialReason.AMBIGUOUS_CREDENTIALS)
    scheme, _, bearer = (authorization or "").partition(" ")
    bearer = bearer.strip(" \t") if scheme.lower() == "bearer" else ""
    if sum(map(bool, (key, bearer, key_id or secret))) > 1 or bool(key_id) != bool(secret):
        return Denial(DenialReason.AMBIGUOUS_CREDENTIALS)
    if key_id and secret:
        return tokens.parse_pair(key_id, secret) or Denial(DenialReason.INVALID_CREDENTIAL)
    if not (key or bearer):
        return Denial(DenialReason.NO_CREDENTIAL)
    return tokens.parse(key or bearer) or Denial(DenialReason.INVALID_CREDENTIAL)


def has_credential(headers: Headers) -> bool:
    """Whether any credential header has a value, valid or not."""
    return any(value.strip(" \t") for name in CREDENTIAL_HEADERS for value in headers.get(name, ()))


def single_value(headers: Headers, name: str) -> str | None:
    """The value of the header, without surrounding blanks; None if it is absent or empty.

    Raises ValueError if the header has several values.
    """
    values = headers.get(name)
    if not values:
        return None
    value = values[0].strip(" \t")
    if len(values) > 1 or "," in value:
        raise ValueError(name)
    return value or None
