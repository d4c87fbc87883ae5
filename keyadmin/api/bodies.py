"""What the API takes in: JSON that can be read in one way only."""

import json
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser
from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """A closed shape: an unknown field, or a value of another type, is an error. No error repeats what was sent."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


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
