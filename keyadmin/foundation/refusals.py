"""Why a call is refused, and the HTTP that says so: RFC 9457 problems, RFC 6750 challenges, IETF RateLimit fields."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple
from uuid import UUID

TITLES = {
    400: "Bad request", 401: "Unauthenticated", 403: "Forbidden", 404: "Not found", 405: "Method not allowed",
    409: "Conflict", 412: "Precondition failed", 422: "Unprocessable", 429: "Too many requests",
    500: "Internal error", 503: "Unavailable",
}  # fmt: skip

_NOT_PROVEN = (401, "unauthenticated", "A valid API key is required.")


class Reason(Enum):
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
class Refusal:
    """`key` and `quota` are a proven key's. Any of `scopes` would open the call. `retry_after` is in seconds."""

    reason: Reason
    key: UUID | None = None
    quota: Quota | None = None
    scopes: frozenset[str] = frozenset()
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response; header names are in their usual spelling."""

    status: int
    headers: dict[str, str]
    body: bytes


def problem(
    status: int, slug: str, detail: str, request_id: str, errors: Mapping[str, Sequence[str]] | None = None
) -> Answer:
    """An `application/problem+json` answer. Its type is stable: `urn:keyadmin:problem:<slug>`.

    `errors` says what is wrong with each field of what was sent.
    """
    members: dict[str, object] = {
        "type": f"urn:keyadmin:problem:{slug}",
        "title": TITLES[status],
        "status": status,
        "detail": detail,
        "request_id": request_id,
    }
    if errors:
        members["errors"] = errors
    body = json.dumps(members).encode()
    headers = {
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
    }
    return Answer(status, headers, body)


def answer(refusal: Refusal, request_id: str) -> Answer:
    """The refusal as its caller sees it."""
    reason = refusal.reason
    response = problem(reason.status, reason.slug, reason.detail, request_id)
    if (challenge := _challenge(refusal)) is not None:
        response.headers["WWW-Authenticate"] = challenge
    if reason is Reason.METHOD:
        response.headers["Allow"] = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE"
    if refusal.quota is not None:
        response.headers.update(rate_limit(refusal.quota, refusal.retry_after))
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def rate_limit(quota: Quota, until: int | None = None) -> dict[str, str]:
    """The fields of draft-ietf-httpapi-ratelimit-headers; `until` is the seconds until there is room again."""
    reset = f";t={until}" if until is not None else ""
    return {
        "RateLimit-Policy": f'"hour";q={quota.limit};w=3600',
        "RateLimit": f'"hour";r={quota.remaining}{reset}',
    }


def _challenge(refusal: Refusal) -> str | None:
    """WWW-Authenticate. Who sent no credential is told no error."""
    if refusal.reason is Reason.NO_CREDENTIAL:
        return 'Bearer realm="api"'
    if refusal.reason.status == 401:
        return 'Bearer realm="api", error="invalid_token"'
    if refusal.reason.slug == "insufficient-scope":
        opening = f', scope="{" ".join(sorted(refusal.scopes))}"' if refusal.scopes else ""
        return f'Bearer realm="api", error="insufficient_scope"{opening}'
    return None
