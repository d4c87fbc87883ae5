"""Filters of lists, as they stand in the query. What cannot be read is an error, other than on pages."""

import re
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from keyadmin.api.text import askable
from keyadmin.core.errors import InvalidInputError
from keyadmin.models import EventType, Kind, Status
from keyadmin.operations.audit.export import ExportFormat


def _written_as_a_day(value: Any) -> Any:
    """2026-11-22, and not what else could be taken for it, such as seconds since 1970."""
    if value is not None and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", str(value)):
        raise ValueError("Write the day as 2026-11-22.")
    return value


Day = Annotated[date, BeforeValidator(_written_as_a_day)]


def refuse_unknown(request: HttpRequest, query: BaseModel) -> None:
    """Raises Invalid for a parameter that the list does not know: a misspelt filter would show too much."""
    if unknown := sorted(request.GET.keys() - type(query).model_fields.keys()):
        raise InvalidInputError({name: ["This list has no such filter."] for name in unknown})


class Asked(BaseModel):
    """A closed query, whose texts the database can be asked about."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="after")
    @classmethod
    def _can_be_asked(cls, value: Any) -> Any:
        if isinstance(value, str) and not askable(value):
            raise ValueError("There is no such text.")
        return value


class PageQuery(Asked):
    """What every list takes."""

    cursor: str = Field(default="", description="From a Link header; nothing else is one.")
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class ListQuery(PageQuery):
    """What lists of an organisation's rows take."""

    organisation: str = Field(default="", description="A slug.")

    def chosen(self) -> dict[str, Any]:
        """The filters given, as `forms.filters` takes them."""
        common = ListQuery.model_fields.keys()
        return {name: value for name, value in self.model_dump().items() if name not in common and value}


class KeyQuery(ListQuery):
    q: str = Field(default="", max_length=120, description="Part of a name, key ID or bot's name.")
    status: Status | None = None
    kind: Kind | None = None
    bot: UUID | Literal["none"] | None = None
    scope: str = Field(default="", max_length=60)
    open: Literal["any", "limited"] | None = Field(default=None, description="Open to any address, or not.")
    used: Literal["never", "90"] | None = Field(default=None, description="Never used, or not for 90 days.")


class HistoryFilters(Asked):
    organisation: str = Field(default="", description="A slug.")
    q: str = Field(default="", max_length=120, description="Beginnings of words, addresses, ids.")
    actor: str = Field(default="", max_length=120, description="An id, or beginnings of words of a name.")
    type: EventType | None = None
    target: str = Field(default="", max_length=120, description="An id, or beginnings of words of a name.")
    since: Day | None = Field(default=None, description="The first day, UTC.")
    until: Day | None = Field(default=None, description="The last day, UTC.")


class HistoryQuery(HistoryFilters, PageQuery):
    pass


class ExportQuery(HistoryFilters):
    format: ExportFormat = Field(description="csv, or jsonl: one JSON object a line.")
