"""`POST /api/verify`: a service without a gateway asks whether a call that it received is allowed.

Only keys with `keys:verify` may call it. The response names the reason for a denial, which the service must not pass on
to its own client. Every allowed call is counted.
"""

from time import monotonic
from typing import Annotated, Any, Final
from uuid import UUID

import structlog
from django.http import HttpResponse
from ninja import Body as FromBody
from ninja import Router
from pydantic import BaseModel, Discriminator, Field, Tag

from keyadmin.api import errors, openapi
from keyadmin.api.auth import ApiRequest
from keyadmin.api.schemas import BotName, OrganisationName, PersonName, StrictBody
from keyadmin.callpath.authorize import current_digest
from keyadmin.callpath.credentials import parse_credentials
from keyadmin.callpath.request import decide
from keyadmin.callpath.state import state
from keyadmin.core import cidr, tokens
from keyadmin.core.callers import Caller, KeyIdentity, Verdict
from keyadmin.core.denials import Denial, DenialReason
from keyadmin.core.errors import ForbiddenError
from keyadmin.core.headers import has_unsendable_characters
from keyadmin.models.key import KeyKind

router = Router(tags=["Verify"])
log = structlog.get_logger("keyadmin.calls")

MAX_CALLS: Final = 100
"""Calls in one request."""
START_WITHIN_SECONDS: Final = 0.8
"""Seconds after the arrival of the request within which a decision may start. It takes at most one more second."""


class ReceivedCall(StrictBody):
    """A call as the service received it. `address` is the client's; null if it is unknown."""

    key: str | None = Field(default=None, examples=["kad_a1b2c3d4e5f6a7b8_SECRET"])
    key_id: str | None = None
    secret: str | None = None
    method: str = Field(examples=["GET"])
    path: str = Field(examples=["/api/chats"])
    address: str | None = Field(default=None, examples=["203.0.113.24"])
    channel: str | None = None
    on_behalf_of: str | None = None
    cost: Annotated[int, Field(ge=1, le=2**31 - 1)] = 1


class ReceivedCalls(StrictBody):
    calls: Annotated[list[ReceivedCall], Field(min_length=1, max_length=MAX_CALLS)]


def _shape_of(body: Any) -> str:
    return errors.MANY_CALLS if isinstance(body, dict) and "calls" in body else errors.ONE_CALL


OneOrManyCalls = Annotated[
    Annotated[ReceivedCall, Tag(errors.ONE_CALL)] | Annotated[ReceivedCalls, Tag(errors.MANY_CALLS)],
    Discriminator(_shape_of),
]


class VerifiedKey(BaseModel):
    id: UUID
    key_id: str | None = Field(examples=["kad_a1b2c3d4e5f6a7b8"])
    name: str = Field(examples=["CRM integration"])
    organisation: OrganisationName
    bot: BotName | None


class UnknownKey(BaseModel):
    """A proven key whose details this process no longer has in its cache."""

    id: UUID


class VerifiedRateLimit(BaseModel):
    limit: int | None = Field(description="The maximum number of calls in any rolling hour.", examples=[1000])
    remaining: int | None = Field(examples=[588])
    retry_after: int | None = Field(description="Seconds to wait before the next attempt.", examples=[None])


class Decision(BaseModel):
    allowed: bool = Field(examples=[True])
    status: int = Field(description="HTTP status to answer the call with.", examples=[200])
    reason: str = Field(description="ok, or why the call is denied.", examples=["ok"])
    detail: str | None = Field(
        default=None, description="Text for the caller; null if the call is allowed.", examples=[None]
    )
    key: VerifiedKey | UnknownKey | None = Field(default=None, description="null: the secret was not proven.")
    scopes: list[str] = Field(default=[], examples=[["chats:read"]])
    on_behalf_of: PersonName | None = None
    rate_limit: VerifiedRateLimit | None = None


class Decisions(BaseModel):
    decisions: list[Decision] = Field(description="In the order of `calls`.")


@router.post("/verify", url_name="verify", **openapi.action(Decision | Decisions, scope="keys:verify"))
def verify(request: ApiRequest, calls: FromBody[OneOrManyCalls]) -> Decision | Decisions | HttpResponse:
    """Decide one call, or up to 100 calls in their order.

    A cost above the key's hourly limit can never be allowed. A single call then gets 422. In a list, the status of
    its decision is 422.
    """
    caller = request.auth
    if not isinstance(caller, Caller):
        raise ForbiddenError("Only API keys may verify calls. Send a key with keys:verify instead of an access token.")
    deadline = request.META.get("keyadmin.received_at", monotonic()) + START_WITHIN_SECONDS
    if isinstance(calls, ReceivedCalls):
        return Decisions(decisions=[_decide(call, caller, deadline) for call in calls.calls])
    decision = _decide(calls, caller, deadline)
    return errors.invalid(request, {"cost": [str(decision.detail)]}) if decision.status == 422 else decision


def _decide(call: ReceivedCall, caller: Caller, deadline: float) -> Decision:
    """Decide one call. After the deadline (monotonic seconds) the decision is that the service is unavailable."""
    headers = _headers(call)
    if monotonic() < deadline:
        verdict = _verdict(call, headers, caller)
    else:
        verdict = Denial(DenialReason.UNAVAILABLE, retry_after=1)
    decision = _allowed(verdict) if isinstance(verdict, Caller) else _denied(verdict, call, headers)
    key = str(decision.key.id) if decision.key else ""
    log.info("verified", outcome=decision.reason, verified_by=str(caller.key.id), key=key)
    return decision


def _verdict(call: ReceivedCall, headers: dict[str, list[str]], caller: Caller) -> Verdict:
    """The call path's verdict. Keys of other organisations are unknown, except to a master key."""
    values = (call.channel, call.on_behalf_of, call.method)
    if any(value and has_unsendable_characters(value) for value in values):
        return Denial(DenialReason.AMBIGUOUS_REQUEST)
    if call.address is not None and cidr.address_of(call.address) is None:
        return Denial(DenialReason.AMBIGUOUS_REQUEST)
    organisation = None if caller.key.kind == KeyKind.MASTER else caller.key.organisation_id
    return decide(call.method, call.path, headers, call.address or "", cost=call.cost, organisation=organisation)


def _headers(call: ReceivedCall) -> dict[str, list[str]]:
    """The credential, channel and On-Behalf-Of of the call as headers, so that the rules of `/verify` apply."""
    fields = {
        "x-api-key": call.key,
        "x-api-key-id": call.key_id,
        "x-api-key-secret": call.secret,
        "x-channel": call.channel,
        "on-behalf-of": call.on_behalf_of,
    }
    return {name: [value] for name, value in fields.items() if value is not None}


def _allowed(caller: Caller) -> Decision:
    person, quota = caller.on_behalf_of, caller.quota
    return Decision(
        allowed=True,
        status=200,
        reason="ok",
        key=_verified_key(caller.key),
        scopes=sorted(caller.scopes),
        on_behalf_of=PersonName.of(person) if person else None,
        rate_limit=VerifiedRateLimit(limit=quota.limit, remaining=quota.remaining, retry_after=None),
    )


def _denied(denial: Denial, call: ReceivedCall, headers: dict[str, list[str]]) -> Decision:
    """The decision on a denied call. It names the key only if the secret was proven."""
    reason, quota = denial.reason, denial.quota
    decision = Decision(allowed=False, status=reason.status, reason=reason.label, detail=reason.detail)
    if reason is DenialReason.LIMITED and quota and call.cost > quota.limit:
        decision.status, decision.reason = 422, "cost"
        decision.detail = f"The cost is above the key's limit of {quota.limit} calls an hour. Send a lower cost."
    if denial.key is not None:
        token = parse_credentials(headers)
        cached = state.snapshots.get(current_digest(token)) if isinstance(token, tokens.Token) else None
        decision.key = _verified_key(cached.key) if cached else UnknownKey(id=denial.key)
    if quota:
        decision.rate_limit = VerifiedRateLimit(
            limit=quota.limit, remaining=quota.remaining, retry_after=denial.retry_after
        )
    elif denial.retry_after:
        decision.rate_limit = VerifiedRateLimit(limit=None, remaining=None, retry_after=denial.retry_after)
    return decision


def _verified_key(key: KeyIdentity) -> VerifiedKey:
    return VerifiedKey(
        id=key.id,
        key_id=key.key_id,
        name=key.name,
        organisation=OrganisationName.of_key(key),
        bot=BotName.of_key(key),
    )
