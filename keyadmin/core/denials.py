"""Denied calls. `DenialReason` is the one table of reasons: usage, charts, metrics, the API and explanations read it.

A new reason is one entry here. If it concerns known keys, `models.usage.CallOutcome` gets a member that refers to it,
and a migration adds its label to the labels that the database accepts.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from keyadmin.core.messages import marked as _

#: The label of an allowed call, beside the labels of denial reasons.
ALLOWED: Final = "ok"


class DenialGroup(StrEnum):
    """What charts and sums distinguish."""

    PERMISSION = "permission"
    ADDRESS = "address"
    LIMITED = "limited"
    EXPIRED = "expired"


# One status, slug and text: a caller cannot distinguish an unknown key from a revoked one.
_INVALID_KEY = (401, "unauthenticated", "A valid API key is required.")


class DenialReason(Enum):
    """Label (in logs, metrics, the database and the API), HTTP status, slug of the problem type, detail for the caller.

    Reasons that concern a known key are counted per key. They also have a title for pages, a phrase for the middle of a
    sentence, and their group.
    """

    AMBIGUOUS_CREDENTIALS = (
        "ambiguous_credentials",
        400,
        "ambiguous-credentials",
        "Send exactly one credential, once.",
    )
    AMBIGUOUS_REQUEST = ("ambiguous_request", 400, "ambiguous-request", "The request can be read in more than one way.")
    METHOD = ("method", 405, "method-not-allowed", "The method TRACE is not allowed.")
    NO_CREDENTIAL = ("no_credential", *_INVALID_KEY)
    INVALID_CREDENTIAL = ("invalid_credential", *_INVALID_KEY)
    REVOKED = ("revoked", *_INVALID_KEY, _("Revoked"), _("revoked"), DenialGroup.EXPIRED)
    EXPIRED = ("expired", *_INVALID_KEY, _("Expired"), _("expired"), DenialGroup.EXPIRED)
    PAUSED = ("paused", *_INVALID_KEY, _("Paused"), _("paused"), DenialGroup.EXPIRED)
    ADDRESS = (
        "address",
        403,
        "address-not-allowed",
        "This key may not be used from this address.",
        _("IP denied"),
        _("IP denied"),
        DenialGroup.ADDRESS,
    )
    UNMAPPED = (
        "unmapped",
        403,
        "insufficient-scope",
        "No permission allows this method and path.",
        _("No permission covers this request"),
        _("no permission allows the request"),
        DenialGroup.PERMISSION,
    )
    SCOPE = (
        "scope",
        403,
        "insufficient-scope",
        "This key lacks the permission for this method and path.",
        _("No permission"),
        _("no permission"),
        DenialGroup.PERMISSION,
    )
    CHANNEL = (
        "channel",
        403,
        "insufficient-scope",
        "The call names none of this key's channels.",
        _("Channel not allowed"),
        _("channel not allowed"),
        DenialGroup.PERMISSION,
    )
    IMPERSONATION = (
        "impersonation",
        403,
        "insufficient-scope",
        "This key may not act on behalf of a person.",
        _("May not act for people"),
        _("may not act on behalf of users"),
        DenialGroup.PERMISSION,
    )
    ON_BEHALF_OF = (
        "on_behalf_of",
        403,
        "unknown-person",
        "On-Behalf-Of names no active person of this organisation.",
        _("Unknown person to act for"),
        _("unknown person to act for"),
        DenialGroup.PERMISSION,
    )
    LIMITED = (
        "limited",
        429,
        "rate-limited",
        "The hourly limit of this key is used up.",
        _("Rate limited"),
        _("rate limited"),
        DenialGroup.LIMITED,
    )
    UNAVAILABLE = ("unavailable", 503, "unavailable", "The call cannot be decided now. Try again.")

    def __init__(
        self,
        label: str,
        status: int,
        slug: str,
        detail: str,
        title: str = "",
        phrase: str = "",
        group: DenialGroup | None = None,
    ) -> None:
        self.label, self.status, self.slug, self.detail = label, status, slug, detail
        self.title, self.phrase, self.group = title, phrase, group

    @classmethod
    def of_known_keys(cls) -> list["DenialReason"]:
        """The reasons that are counted per key, in the order of the table."""
        return [reason for reason in cls if reason.group is not None]


class Quota(NamedTuple):
    """Calls in a rolling hour: the tier's `limit`, and how many are `remaining`."""

    limit: int
    remaining: int


@dataclass(frozen=True, slots=True)
class Denial:
    """The verdict on a denied call. `key` and `quota` are set if the key is known.

    Any of `scopes` would open the call. `retry_after` is in seconds.
    """

    reason: DenialReason
    key: UUID | None = None
    quota: Quota | None = None
    sufficient_scopes: frozenset[str] = frozenset()
    retry_after: int | None = None
