"""The verdict on a call: a `Caller` if the call is allowed, a `Denial` if not."""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from keyadmin.core.denials import Denial, Quota


@dataclass(frozen=True, slots=True)
class KeyIdentity:
    """A key and its owner.

    `id` is the primary key and `key_id` the public key ID, None for a key in the compact format. `kind` is a value of
    `models.KeyKind`. `tier` is the name of the key's tier, and `limit` the calls that the tier allows in a rolling
    hour.
    """

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
    """The person that the header On-Behalf-Of names: the call acts on this person's behalf."""

    id: UUID
    email: str
    name: str


class Caller(NamedTuple):
    """An allowed call, which has been counted against the key's limit.

    `replaced_secret` is the id of the secret that the call used, if that secret has been replaced and is in its grace
    period; otherwise None. `scopes` are all scopes of the key, and `used_scopes` those of them that the call's route
    accepts. `quota` is what is left after the call. After `expires_at` the secret of the call no longer works; None: it
    never expires.
    """

    key: KeyIdentity
    replaced_secret: UUID | None
    scopes: frozenset[str]
    quota: Quota
    on_behalf_of: Person | None = None
    used_scopes: frozenset[str] = frozenset()
    expires_at: datetime | None = None


type Verdict = Caller | Denial

current_call: Final[ContextVar[tuple[UUID, str] | None]] = ContextVar("keyadmin_current_call", default=None)
"""(key's id, request id) of the call that this thread or task answers. Log lines contain both."""
