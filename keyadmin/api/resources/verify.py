"""`POST /api/verify`: a service without a gateway asks whether a call that it received may be made.

The service is trusted with the reason, which whoever made the call is not. Every call that is allowed is counted.
"""

from time import monotonic
from typing import Annotated, Any, Final

import structlog
from django.http import HttpRequest
from ninja import Body as FromBody
from ninja import Router
from pydantic import Discriminator, Field, Tag

from keyadmin.api import errors
from keyadmin.api.bodies import Body
from keyadmin.api.callers import person_of
from keyadmin.callpath.authorize import current_digest
from keyadmin.callpath.credentials import parse_credentials
from keyadmin.callpath.request import decide
from keyadmin.callpath.state import state
from keyadmin.core import cidr, tokens
from keyadmin.core.callers import Caller, Identity, Verdict
from keyadmin.core.denials import Denial, DenialReason
from keyadmin.core.errors import ForbiddenError
from keyadmin.core.headers import has_unsendable_characters
from keyadmin.models.key import Kind

router = Router(tags=["Verify"])
log = structlog.get_logger("keyadmin.calls")

MOST: Final = 100
"""Calls in one request."""
PATIENCE: Final = 0.8
"""Seconds after a request's arrival in which a call is still begun. One takes a second at most: two in all."""


class Question(Body):
    """A call as the service received it. `address` is the client's; null where it cannot be told."""

    key: str | None = None
    key_id: str | None = None
    secret: str | None = None
    method: str
    path: str
    address: str | None = None
    channel: str | None = None
    on_behalf_of: str | None = None
    cost: Annotated[int, Field(ge=1, le=2**31 - 1)] = 1


class Questions(Body):
    calls: Annotated[list[Question], Field(min_length=1, max_length=MOST)]


def _shape(body: Any) -> str:
    return "many calls" if isinstance(body, dict) and "calls" in body else "one call"


Asked = Annotated[Annotated[Question, Tag("one call")] | Annotated[Questions, Tag("many calls")], Discriminator(_shape)]


@router.post("/verify", url_name="verify")
def verify(request: HttpRequest, asked: Asked = FromBody(...)) -> Any:  # noqa: B008
    """The decision on one call, or on each of up to a hundred in their order.

    A cost above the key's whole limit never fits: 422 for one call, in a list the status of its decision.
    """
    if person_of(request) is not None:
        raise ForbiddenError("Only a key may ask about other keys' calls.")
    until = request.META.get("keyadmin.began", monotonic()) + PATIENCE
    caller: Caller | None = getattr(request, "caller", None)
    if caller is None:
        return errors.answer(request, 403, "forbidden", "Only a key may ask.")
    if isinstance(asked, Questions):
        return {"decisions": [_decision(question, caller, until) for question in asked.calls]}
    decision = _decision(asked, caller, until)
    return errors.invalid(request, {"cost": [decision["detail"]]}) if decision["status"] == 422 else decision


def _decision(question: Question, caller: Caller, until: float) -> dict[str, Any]:
    """What became of one call. Once the time is up no further one is begun: it is undecided, as when PostgreSQL is
    away.
    """
    headers = _headers(question)
    verdict = (
        _verdict(question, headers, caller) if monotonic() < until else Denial(DenialReason.UNAVAILABLE, retry_after=1)
    )
    told = _allowed(verdict) if isinstance(verdict, Caller) else _refused(verdict, question, headers)
    asked = {"outcome": told["reason"], "asked_by": str(caller.key.id), "key": (told["key"] or {}).get("id", "")}
    log.info("verified", **asked)
    return told


def _verdict(question: Question, headers: dict[str, list[str]], caller: Caller) -> Verdict:
    """The caller is told of its own organisation's keys; a master key, of all."""
    values = (question.channel, question.on_behalf_of, question.method)
    if any(value and has_unsendable_characters(value) for value in values):
        return Denial(DenialReason.UNDECIDABLE)
    if question.address is not None and cidr.address_of(question.address) is None:
        return Denial(DenialReason.UNDECIDABLE)
    organisation = None if caller.key.kind == Kind.MASTER else caller.key.organisation_id
    peer = question.address or ""
    return decide(question.method, question.path, headers, peer, cost=question.cost, organisation=organisation)


def _headers(question: Question) -> dict[str, list[str]]:
    """As the call carried them, so that a gateway and this endpoint cannot disagree."""
    given = {
        "x-api-key": question.key,
        "x-api-key-id": question.key_id,
        "x-api-key-secret": question.secret,
        "x-channel": question.channel,
        "on-behalf-of": question.on_behalf_of,
    }
    return {name: [value] for name, value in given.items() if value is not None}


def _allowed(caller: Caller) -> dict[str, Any]:
    person = caller.on_behalf_of
    return _told(
        allowed=True,
        status=200,
        reason="ok",
        key=_key(caller.key),
        scopes=sorted(caller.scopes),
        on_behalf_of=person and {"id": str(person.id), "email": person.email, "name": person.name},
        rate_limit={"limit": caller.quota.limit, "remaining": caller.quota.remaining, "retry_after": None},
    )


def _refused(refusal: Denial, question: Question, headers: dict[str, list[str]]) -> dict[str, Any]:
    """Who is refused is named only where the secret is proven."""
    reason, quota = refusal.reason, refusal.quota
    told: dict[str, Any] = {"status": reason.status, "reason": reason.label, "detail": reason.detail}
    if reason is DenialReason.LIMITED and quota and question.cost > quota.limit:
        told = {"status": 422, "reason": "cost", "detail": f"More than the {quota.limit} calls of a whole hour."}
    if refusal.key is not None:
        token = parse_credentials(headers)
        known = isinstance(token, tokens.Token) and state.snapshots.get(current_digest(token))
        told["key"] = _key(known.key) if known else {"id": str(refusal.key)}
    if quota:
        told["rate_limit"] = {"limit": quota.limit, "remaining": quota.remaining, "retry_after": refusal.retry_after}
    elif refusal.retry_after:
        told["rate_limit"] = {"limit": None, "remaining": None, "retry_after": refusal.retry_after}
    return _told(allowed=False, **told)


def _told(**members: Any) -> dict[str, Any]:
    """Every decision has the same members."""
    none = dict.fromkeys(("allowed", "status", "reason", "detail", "key", "scopes", "on_behalf_of", "rate_limit"))
    return {**none, "scopes": [], **members}


def _key(key: Identity) -> dict[str, Any]:
    return {
        "id": str(key.id),
        "key_id": key.key_id,
        "name": key.name,
        "organisation": {"id": str(key.organisation_id), "slug": key.organisation_slug, "name": key.organisation_name},
        "bot": {"id": str(key.bot_id), "name": key.bot_name} if key.bot_id else None,
    }
