"""`POST /api/explain`: would a key be allowed a call, and which rule decides. Nothing is called or counted."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Body as FromBody
from ninja import Router
from pydantic import BaseModel, Field

from keyadmin.api.bodies import Body
from keyadmin.api.callers import actor_of
from keyadmin.explain.explanation import explain
from keyadmin.explain.inputs import MAX_INPUT_LENGTH, Method, find_key, parse_call
from keyadmin.explain.remedies import RemedyKind
from keyadmin.explain.rules import Rule

router = Router(tags=["Explain"])

Given = Annotated[str | None, Field(max_length=MAX_INPUT_LENGTH)]


class Hypothesis(Body):
    """A call as a program would make it with the key. Never send the whole key: it is refused, and not kept."""

    key: str = Field(
        max_length=MAX_INPUT_LENGTH, description="The id or the key ID of a key.", examples=["kad_a1b2c3d4e5f6a7b8"]
    )
    method: Annotated[Method, Field(strict=False)]
    path: str = Field(max_length=MAX_INPUT_LENGTH, description="A query is left out.", examples=["/api/chats"])
    address: Given = Field(default=None, description="The client's; null: cannot be told.", examples=["203.0.113.24"])
    channel: Given = Field(default=None, description="What X-Channel says.")
    on_behalf_of: Given = Field(default=None, description="What On-Behalf-Of says.")


class ExplainedKey(BaseModel):
    id: UUID
    key_id: str | None
    name: str = Field(examples=["CRM integration"])


class ExplainedCall(BaseModel):
    method: str = Field(examples=["GET"])
    path: str = Field(examples=["/api/export"])
    address: str | None = Field(examples=["203.0.113.24"])
    channel: str | None
    on_behalf_of: str | None


class RuleOut(BaseModel):
    """What one rule says. One that is not reached says what it would."""

    rule: Rule = Field(examples=["permission"])
    title: str = Field(examples=["Permission"])
    state: Literal["pass", "decides", "not_reached"] = Field(examples=["decides"])
    reason: str | None = Field(description="Why it denies the call; null: it does not.", examples=["scope"])
    detail: str = Field(examples=["GET /api/export needs Export data. The key has Read chats."])


class RemedyOut(BaseModel):
    kind: RemedyKind = Field(examples=["permissions"])
    detail: str = Field(examples=["Give the key Export data."])


class RateLimitOut(BaseModel):
    limit: int = Field(description="Calls of any rolling hour.", examples=[1000])
    remaining: int = Field(description="Before this call.", examples=[588])


class ExplanationOut(BaseModel):
    allowed: bool = Field(examples=[False])
    status: int = Field(description="Of the answer that the call would get.", examples=[403])
    reason: str = Field(description="ok, or why it would be denied.", examples=["scope"])
    detail: str | None = Field(
        description="What the caller would be told.",
        examples=["This key lacks the permission for this method and path."],
    )
    decided_by: Rule | None = Field(description="Null: all rules let it pass.", examples=["permission"])
    key: ExplainedKey
    call: ExplainedCall
    rules: list[RuleOut] = Field(description="In the order in which they are applied.")
    remedies: list[RemedyOut] = Field(description="All that would have to change for the call to be allowed.")
    needs: list[str] = Field(description="Permissions of which any opens the call.", examples=[["chats:export"]])
    rate_limit: RateLimitOut


@router.post("/explain", response=ExplanationOut, url_name="explain")
def explain_(request: HttpRequest, asked: Hypothesis = FromBody(...)) -> Any:  # noqa: B008
    """Would this key be allowed this call, and which rule decides. The call is not made, and not counted."""
    key = find_key(actor_of(request), asked.key)
    call = parse_call(
        method=asked.method.value,
        path=asked.path,
        address=asked.address or "",
        channel=asked.channel or "",
        on_behalf_of=asked.on_behalf_of or "",
    )
    return explain(key, call).as_json()
