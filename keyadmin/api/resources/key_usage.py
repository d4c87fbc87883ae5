"""`/api/keys/{id}/usage`: a key's calls by day and what became of them."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import BaseModel, ConfigDict, Field

from keyadmin.api.callers import actor_of
from keyadmin.api.crud import one
from keyadmin.api.filters import refuse_unknown
from keyadmin.models import CallOutcomeGroup, Key
from keyadmin.models.usage import calls_of_last_days

router = Router(tags=["Keys"])


class UsageQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    days: Annotated[int, Field(ge=1, le=90, description="The last so many, UTC, with today.")] = 30


class Calls(BaseModel):
    ok: int = Field(description="Allowed.")
    permission: int = Field(description="Refused: no permission for the call.")
    address: int = Field(description="Refused: not from this address.")
    limited: int = Field(description="Refused: the hour was full.")
    expired: int = Field(description="Refused: the key was revoked, expired or paused.")


class Day(Calls):
    day: date


class UsageOut(BaseModel):
    days: list[Day] = Field(description="Oldest first; days without calls too.")
    total: Calls


@router.get("/keys/{uuid:key}/usage", response=UsageOut, url_name="key-usage")
def usage(request: HttpRequest, key: UUID, query: Query[UsageQuery]) -> Any:
    """Calls by day and outcome."""
    refuse_unknown(request, query)
    row = one(Key.objects.visible_to(actor_of(request)).with_window(), id=key)
    told = [Day(day=day, **calls) for day, calls in calls_of_last_days(row, query.days).items()]
    total = {group: sum(getattr(day, group) for day in told) for group in CallOutcomeGroup.values}
    return UsageOut(days=told, total=Calls(**total))
