"""Why a call is denied. `Reason` is the one table of denial reasons; a `Refusal` is the verdict that carries one."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple
from uuid import UUID

_NOT_PROVEN = (401, "unauthenticated", "A valid API key is required.")


class DenialReason(Enum):
    """A name for the log and for history; then status, slug of the problem type, and what the caller is told.

    What is not proven, or not alive, has one status, one slug and one text: from outside all of it is alike.
    """

    AMBIGUOUS = ("ambiguous", 400, "ambiguous-credentials", "Send exactly one credential, once.")
    UNDECIDABLE = ("undecidable", 400, "undecidable-request", "The request can be read in more than one way.")
    METHOD = ("method", 405, "method-not-allowed", "TRACE is never answered.")
    NO_CREDENTIAL = ("no_credential", *_NOT_PROVEN)
    UNPROVEN = ("unproven", *_NOT_PROVEN)
    REVOKED = ("revoked", *_NOT_PROVEN)
    EXPIRED = ("expired", *_NOT_PROVEN)
    PAUSED = ("paused", *_NOT_PROVEN)
    ADDRESS = ("address", 403, "address-not-allowed", "This key may not be used from this address.")
    UNMAPPED = ("unmapped", 403, "insufficient-scope", "No permission opens this method and path.")
    SCOPE = ("scope", 403, "insufficient-scope", "This key lacks the permission for this method and path.")
    CHANNEL = ("channel", 403, "insufficient-scope", "The call names none of this key's channels.")
    IMPERSONATION = ("impersonation", 403, "insufficient-scope", "This key may not act on behalf of a person.")
    ON_BEHALF_OF = ("on_behalf_of", 403, "unknown-person", "On-Behalf-Of names nobody who can be acted for.")
    LIMITED = ("limited", 429, "rate-limited", "The calls of this rolling hour are used up.")
    UNAVAILABLE = ("unavailable", 503, "unavailable", "The call cannot be decided now. Try again.")

    def __init__(self, label: str, status: int, slug: str, detail: str) -> None:
        self.label, self.status, self.slug, self.detail = label, status, slug, detail


class Quota(NamedTuple):
    """Calls in any rolling hour: the tier's `limit`, and how many are `remaining`."""

    limit: int
    remaining: int


@dataclass(frozen=True, slots=True)
class Denial:
    """`key` and `quota` are a proven key's. Any of `scopes` would open the call. `retry_after` is in seconds."""

    reason: DenialReason
    key: UUID | None = None
    quota: Quota | None = None
    scopes: frozenset[str] = frozenset()
    retry_after: int | None = None
