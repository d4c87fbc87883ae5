"""Denied calls. The enum `DenialReason` lists all reasons. Usage, charts, metrics, the API and `explain/` read it.

A key is *identified* if one of its secrets matches the credential of the call. Some reasons apply only after that, for
example EXPIRED; others, for example NO_CREDENTIAL, mean that no key was identified. docs/contributing/how-to-extend.md
lists the steps to add a reason.

Scopes are called permissions in the texts, as on pages.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from keyadmin.core.messages import marked as _

#: The label of an allowed call. Denied calls have the label of their reason.
ALLOWED: Final = "ok"


class DenialGroup(StrEnum):
    """Groups of reasons: charts and the API's totals have one number for each group."""

    PERMISSION = "permission"
    ADDRESS = "address"
    LIMITED = "limited"
    #: The key is expired, revoked or paused. Pages call this group "Inactive key".
    EXPIRED = "expired"


# The response for all reasons with status 401. It is the same, so that a client cannot distinguish an unknown key from
# a revoked one.
_INVALID_KEY = (401, "unauthenticated", "A valid API key is required.")


class DenialReason(Enum):
    """Why a call is denied: label, HTTP status, slug of the problem type, and detail.

    `label` is the value in logs, metrics, the database and the API. `detail` is the message to the program that called.

    If a key was identified, the denied call is counted for that key. The reasons for which this is possible also have a
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
    #: The method is TRACE. All other methods are left to the routes.
    HTTPS_REQUIRED = (
        "https_required",
        403,
        "https-required",
        "The credential of this call was sent over plain HTTP. Consider the key exposed: regenerate it, and use HTTPS.",
    )
    METHOD = ("method", 405, "method-not-allowed", "The method TRACE is not allowed.")
    NO_CREDENTIAL = ("no_credential", *_INVALID_KEY)
    #: The credential is malformed, its checksum is wrong, or no secret matches it.
    INVALID_CREDENTIAL = ("invalid_credential", *_INVALID_KEY)
    REVOKED = ("revoked", *_INVALID_KEY, _("Revoked"), _("revoked"), DenialGroup.EXPIRED)
    EXPIRED = ("expired", *_INVALID_KEY, _("Expired"), _("expired"), DenialGroup.EXPIRED)
    #: The key's bot or organisation is disabled.
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
    #: No route matches the method and path, so no key may make this call.
    UNMAPPED = (
        "unmapped",
        403,
        "insufficient-scope",
        "No permission allows this method and path.",
        _("No permission covers this request"),
        _("no permission allows the request"),
        DenialGroup.PERMISSION,
    )
    #: A route matches the method and path, but the key has none of its scopes.
    SCOPE = (
        "scope",
        403,
        "insufficient-scope",
        "This key lacks the permission for this method and path.",
        _("No permission"),
        _("no permission"),
        DenialGroup.PERMISSION,
    )
    #: The call does not name one of the channels to which the key is restricted.
    CHANNEL = (
        "channel",
        403,
        "insufficient-scope",
        "This key is restricted to channels. Name one of them in the request.",
        _("Channel not allowed"),
        _("channel not allowed"),
        DenialGroup.PERMISSION,
    )
    #: The call has the header On-Behalf-Of, but the key lacks the scope to act on behalf of people.
    IMPERSONATION = (
        "impersonation",
        403,
        "insufficient-scope",
        "This key may not act on behalf of a person.",
        _("May not act for people"),
        _("may not act on behalf of users"),
        DenialGroup.PERMISSION,
    )
    #: The key may act on behalf of people, but On-Behalf-Of names no active person of the organisation.
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
    def counted_per_key(cls) -> list["DenialReason"]:
        """The reasons whose denials are counted per key, in the order of their definition."""
        return [reason for reason in cls if reason.group is not None]


class Quota(NamedTuple):
    """`limit` is the number of calls that the key's tier allows in a rolling hour; `remaining` of them are left."""

    limit: int
    remaining: int


@dataclass(frozen=True, slots=True)
class Denial:
    """The verdict on a denied call.

    `key` is the id of the identified key. `quota` is set if the key was identified and the status is not 401; the
    response then has rate-limit headers. `sufficient_scopes` is set for the reason SCOPE: any one of these scopes would
    allow the call. `retry_after` is in seconds.
    """

    reason: DenialReason
    key: UUID | None = None
    quota: Quota | None = None
    sufficient_scopes: frozenset[str] = frozenset()
    retry_after: int | None = None
    expires_at: datetime | None = None
