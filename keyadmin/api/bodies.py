"""What the API takes in: JSON that can be read in one way only."""

import json
import re
from typing import Annotated, Any, Final

from django.http import HttpRequest
from ninja.parser import Parser
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

_RFC3339: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})?", re.ASCII)


class Body(BaseModel):
    """A closed shape: an unknown field, or a value of another type, is an error. No error repeats what was sent."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


def _written(value: Any) -> Any:
    """Pydantic would also take seconds since 1970, and dates in other spellings."""
    if value is not None and not (isinstance(value, str) and _RFC3339.fullmatch(value)):
        raise ValueError("Write it as RFC 3339 does: 2026-12-31T23:59:59Z.")
    return value


Moment = Annotated[
    AwareDatetime | None,
    Field(strict=False, description="RFC 3339, with a time zone; null: no end."),
    BeforeValidator(_written),
]


class StrictParser(Parser):
    """Refuses what JSON's readers disagree on: a field named twice, NaN, and depth without end."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(request.body, object_pairs_hook=_once, parse_constant=_refuse)
        return read


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field is named twice")
    return fields


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
