"""HTTP error responses: RFC 9457 problems, and RFC 6750 challenges for denied calls."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keyadmin.core.denials import Denial, DenialReason
from keyadmin.core.headers import key_headers

TITLES = {
    400: "Bad request",
    401: "Unauthenticated",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    411: "Length required",
    412: "Precondition failed",
    413: "Content too large",
    415: "Unsupported media type",
    422: "Unprocessable",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response, independent of the server that sends it. Header names are in their usual spelling."""

    status: int
    headers: dict[str, str]
    body: bytes


def problem_response(
    status: int, slug: str, detail: str, request_id: str, errors: Mapping[str, Sequence[str]] | None = None
) -> Response:
    """An `application/problem+json` response of type `urn:keyadmin:problem:<slug>`.

    `status` is one of TITLES. `detail` is the message for the caller. `errors` has the messages for each field of the
    request.
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
    return Response(status, headers, body)


def denial_response(denial: Denial, request_id: str) -> Response:
    """The response to a denied call."""
    reason = denial.reason
    response = problem_response(reason.status, reason.slug, reason.detail, request_id)
    if (challenge := _challenge(denial)) is not None:
        response.headers["WWW-Authenticate"] = challenge
    if reason is DenialReason.METHOD:
        response.headers["Allow"] = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE"
    if denial.quota is not None:
        response.headers.update(key_headers(denial.quota, denial.expires_at, denial.retry_after))
    if denial.retry_after is not None:
        response.headers["Retry-After"] = str(denial.retry_after)
    return response


def _challenge(denial: Denial) -> str | None:
    """The value of WWW-Authenticate, None for no header. RFC 6750 has no error code for a missing credential."""
    if denial.reason is DenialReason.NO_CREDENTIAL:
        return 'Bearer realm="api"'
    if denial.reason.status == 401:
        return 'Bearer realm="api", error="invalid_token"'
    if denial.reason.slug == "insufficient-scope":
        scopes = f', scope="{" ".join(sorted(denial.sufficient_scopes))}"' if denial.sufficient_scopes else ""
        return f'Bearer realm="api", error="insufficient_scope"{scopes}'
    return None
