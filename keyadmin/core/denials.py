"""Denied calls. `DenialReason` is the table of reasons that usage, charts, metrics, the API and explanations read.

To add a reason, add one entry here. If it concerns known keys, also add a member to `models.usage.CallOutcome` and a
migration that adds its label to the labels that the database accepts.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from keyadmin.core.messages import marked as _

#: The label of an allowed call. Denied calls have the label of their reason.
ALLOWED: Final = "ok"


class DenialGroup(StrEnum):
    """Groups of reasons: charts and sums show one number for each."""

    PERMISSION = "permission"
    ADDRESS = "address"
    LIMITED = "limited"
    EXPIRED = "expired"


# The same response for all of these: a caller cannot distinguish an unknown key from a revoked one.
_INVALID_KEY = (401, "unauthenticated", "A valid API key is required.")


class DenialReason(Enum):
    """Why a call is denied: label, HTTP status, slug of the problem type, and detail.

    `label` is the value in logs, metrics, the database and the API. `detail` is the message to the program that called.
    Calls that are denied for a reason that concerns a known key are counted for that key. Such a reason also has a
    title for pages, a phrase for the middle of a sentence, and a group.
    """

    AMBIGUOUS_CREDENTIALS = (
        "ambiguous_credentials",
        400,
        "ambiguous-credentials",
        "Send exactly one credential, and its header once.",
    )
    #: The path or a header has more than one possible meaning.
    AMBIGUOUS_REQUEST = (
        "ambiguous_request",
        400,
        "ambiguous-request",
        "The path or a header is ambiguous. Send a path without //, dot segments or unnecessary escapes.",
    )
    METHOD = ("method", 405, "method-not-allowed", "The method TRACE is not allowed.")
    NO_CREDENTIAL = ("no_credential", *_INVALID_KEY)
    #: The credential has a wrong form or checksum, or no secret matches it.
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
    #: No scope has a route for the method and path.
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
        "This key is restricted to channels. Name one of them in the request.",
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
    UNAVAILABLE = ("unavailable", 503, "unavailable", "The request cannot be checked at the moment. Try again.")

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
    """Calls in a rolling hour: the `limit` of the key's tier, and the number that is `remaining`."""

    limit: int
    remaining: int


@dataclass(frozen=True, slots=True)
class Denial:
    """The verdict on a denied call.

    `key` is the id of the key, if the key is known. `quota` is set for the responses that have rate-limit headers.
    `sufficient_scopes` are set if a scope is missing: with any of them the key could make the call. `retry_after` is in
    seconds.
    """

    reason: DenialReason
    key: UUID | None = None
    quota: Quota | None = None
    sufficient_scopes: frozenset[str] = frozenset()
    retry_after: int | None = None
