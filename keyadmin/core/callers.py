"""Callers: the key, and perhaps the person, behind an allowed call. A verdict is a `Caller` or a `Denial`."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from keyadmin.core.denials import Denial, Quota


@dataclass(frozen=True, slots=True)
class KeyIdentity:
    """A key and its owner. `limit` is its tier's: calls in a rolling hour."""

    id: UUID
    key_id: str | None
    name: str
    kind: str
    organisation_id: UUID
    organisation_slug: str
    organisation_name: str
    bot_id: UUID | None
    bot_name: str | None
    tier: str
    limit: int


@dataclass(frozen=True, slots=True)
class Person:
    """The person on whose behalf a call acts, as On-Behalf-Of says."""

    id: UUID
    email: str
    name: str


class Caller(NamedTuple):
    """An allowed and counted call. `secret` is set if the call used a replaced one; `opened_by`: scopes."""

    key: KeyIdentity
    replaced_secret: UUID | None
    scopes: frozenset[str]
    quota: Quota
    on_behalf_of: Person | None = None
    used_scopes: frozenset[str] = frozenset()


type Verdict = Caller | Denial

current_call: Final[ContextVar[tuple[UUID, str] | None]] = ContextVar("keyadmin_current_call", default=None)
"""The key's id and the request id of the call that this thread or task answers. Log lines carry both."""
