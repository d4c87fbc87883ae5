"""Who may make a call. Who may not gets a `refusals.Refusal`; both are frozen values, and a verdict is either."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from keyadmin.core.denials import Denial, Quota


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a key is. `limit` is its tier's: calls in any rolling hour."""

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
    """Who performs the action, as the call's On-Behalf-Of says."""

    id: UUID
    email: str
    name: str


class Caller(NamedTuple):
    """A key whose call may pass, and was counted. `secret`: an old one, in its grace; `opened_by`: scopes."""

    key: Identity
    secret: UUID | None
    scopes: frozenset[str]
    quota: Quota
    on_behalf_of: Person | None = None
    opened_by: frozenset[str] = frozenset()


type Verdict = Caller | Denial
