"""HTTP error responses: RFC 9457 problems, and RFC 6750 challenges for denied calls."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keyadmin.core.denials import Denial, DenialReason
from keyadmin.core.rate_limit_headers import rate_limit

TITLES = {
    400: "Bad request",
    401: "Unauthenticated",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    412: "Precondition failed",
    422: "Unprocessable",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}


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


def answer(refusal: Denial, request_id: str) -> Answer:
    """The refusal as its caller sees it."""
    reason = refusal.reason
    response = problem(reason.status, reason.slug, reason.detail, request_id)
    if (challenge := _challenge(refusal)) is not None:
        response.headers["WWW-Authenticate"] = challenge
    if reason is DenialReason.METHOD:
        response.headers["Allow"] = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE"
    if refusal.quota is not None:
        response.headers.update(rate_limit(refusal.quota, refusal.retry_after))
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def _challenge(refusal: Denial) -> str | None:
    """WWW-Authenticate. Who sent no credential is told no error."""
    if refusal.reason is DenialReason.NO_CREDENTIAL:
        return 'Bearer realm="api"'
    if refusal.reason.status == 401:
        return 'Bearer realm="api", error="invalid_token"'
    if refusal.reason.slug == "insufficient-scope":
        opening = f', scope="{" ".join(sorted(refusal.scopes))}"' if refusal.scopes else ""
        return f'Bearer realm="api", error="insufficient_scope"{opening}'
    return None
