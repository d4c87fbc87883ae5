"""`POST /api/explain`: whether a key would be allowed a call, and which rule decides. Nothing is called or counted."""

from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Router
from pydantic import BaseModel, Field

from keyadmin.api import openapi
from keyadmin.api.auth import ApiRequest, actor_of
from keyadmin.api.schemas import Body
from keyadmin.explain.explanation import explain
from keyadmin.explain.inputs import MAX_INPUT_LENGTH, Method, find_key, parse_call
from keyadmin.explain.remedies import RemedyKind
from keyadmin.explain.rules import Rule

router = Router(tags=["Explain"])

OptionalText = Annotated[str | None, Field(max_length=MAX_INPUT_LENGTH)]


class HypotheticalCall(Body):
    """A call that a program could make with the key. Never send the secret: it is rejected."""

    key: str = Field(
        max_length=MAX_INPUT_LENGTH, description="The id or the key ID of a key.", examples=["kad_a1b2c3d4e5f6a7b8"]
    )
    method: Annotated[Method, Field(strict=False)]
    path: str = Field(max_length=MAX_INPUT_LENGTH, description="A query is ignored.", examples=["/api/chats"])
    address: OptionalText = Field(
        default=None, description="The client's address. null: unknown.", examples=["203.0.113.24"]
    )
    channel: OptionalText = Field(default=None, description="The value of X-Channel.")
    on_behalf_of: OptionalText = Field(default=None, description="The value of On-Behalf-Of.")


class ExplainedKey(BaseModel):
    id: UUID
    key_id: str | None = Field(examples=["kad_a1b2c3d4e5f6a7b8"])
    name: str = Field(examples=["CRM integration"])


class ExplainedCall(BaseModel):
    method: str = Field(examples=["GET"])
    path: str = Field(examples=["/api/export"])
    address: str | None = Field(examples=["203.0.113.24"])
    channel: str | None = Field(examples=["whatsapp"])
    on_behalf_of: str | None = Field(examples=["jonas@northwind.example"])


class RuleOut(BaseModel):
    """The result of a rule. A rule that was not reached says what its result would be."""

    rule: Rule = Field(examples=["permission"])
    title: str = Field(examples=["Permission"])
    state: Literal["pass", "decides", "not_reached"] = Field(examples=["decides"])
    reason: str | None = Field(description="Why the rule denies the call. null: it does not.", examples=["scope"])
    detail: str = Field(examples=["GET /api/export needs Export data. The key has Read chats."])


class RemedyOut(BaseModel):
    kind: RemedyKind = Field(examples=["permissions"])
    detail: str = Field(examples=["Give the key Export data."])


class RateLimitOut(BaseModel):
    limit: int = Field(description="The maximum number of calls in any rolling hour.", examples=[1000])
    remaining: int = Field(description="Calls that are left before this one.", examples=[588])


class ExplanationOut(BaseModel):
    allowed: bool = Field(examples=[False])
    status: int = Field(description="HTTP status that the call would get.", examples=[403])
    reason: str = Field(description="ok, or why the call would be denied.", examples=["scope"])
    detail: str | None = Field(
        description="Text of the problem that the caller would get.",
        examples=["This key lacks the permission for this method and path."],
    )
    decided_by: Rule | None = Field(description="null: all rules allow it.", examples=["permission"])
    key: ExplainedKey
    call: ExplainedCall
    rules: list[RuleOut] = Field(description="In the order in which they apply.")
    remedies: list[RemedyOut] = Field(description="Everything that would have to change for the call to be allowed.")
    needs: list[str] = Field(
        description="Scopes that allow the call. One of them is enough.", examples=[["chats:export"]]
    )
    rate_limit: RateLimitOut


@router.post("/explain", url_name="explain", **openapi.action(ExplanationOut, scope="keys:read", is_read_only=True))
def explain_(request: ApiRequest, body: HypotheticalCall) -> dict[str, Any]:
    """Explain whether this key would be allowed this call, and which rule decides. Nothing is called or counted."""
    key = find_key(actor_of(request), body.key)
    call = parse_call(
        method=body.method.value,
        path=body.path,
        address=body.address or "",
        channel=body.channel or "",
        on_behalf_of=body.on_behalf_of or "",
    )
    return explain(key, call).as_json()
