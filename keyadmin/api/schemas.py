"""Shared schemas: request bodies, queries and parts of responses."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from keyadmin.core.callers import KeyIdentity
from keyadmin.models import Role, texts

_RFC3339: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})?", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


Text = Annotated[str, Field(max_length=2000)]
Slug = Annotated[
    str,
    Field(
        description="The organisation's slug. Callers with several organisations must send it.", examples=["northwind"]
    ),
]
Revision = Annotated[int, Field(description="Changes with each edit. If-Match compares it.", examples=[1])]


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold the text: JSON allows NUL and lone surrogates, PostgreSQL does not."""
    return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text)


def _require_storable(value: Any) -> Any:
    """The value. Raises ValueError if a text in it, or in a list, cannot be stored."""
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, str) and not is_storable(item):
            raise ValueError("Remove control characters and incomplete Unicode characters.")
    return value


class StrictBody(BaseModel):
    """A request body. Unknown fields and values of another type are errors; no error message repeats the value."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class Body(StrictBody):
    """A request body whose values are stored or compared with stored ones."""

    @field_validator("*", mode="after")
    @classmethod
    def _require_storable(cls, value: Any) -> Any:
        return _require_storable(value)

    def sent_fields(self) -> dict[str, Any]:
        """The values of the fields that the client sent, without the defaults of the others."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class ReasonIn(Body):
    """The reason of an act. History records it."""

    reason: Text = Field(default="", examples=["Requested in ticket 4711"])


NO_REASON: Final = ReasonIn()


def _require_rfc3339(value: Any) -> Any:
    """Reject what Pydantic would also accept: seconds since 1970 and other forms of dates."""
    if value is not None and not (isinstance(value, str) and _RFC3339.fullmatch(value)):
        raise ValueError("Use RFC 3339, such as 2026-12-31T23:59:59Z.")
    return value


def _to_utc(value: datetime | None) -> datetime | None:
    """The time in UTC. Raises ValueError if its year in UTC is not between 1 and 9999."""
    try:
        return value and value.astimezone(UTC)
    except OverflowError:
        raise ValueError("Use a time between the years 1 and 9999 in UTC.") from None


Moment = Annotated[
    AwareDatetime | None,
    Field(strict=False, description="RFC 3339 with a time zone. null: never."),
    BeforeValidator(_require_rfc3339),
    AfterValidator(_to_utc),
]


def _require_iso_day(value: Any) -> Any:
    """Reject seconds since 1970, which Pydantic would also accept."""
    if value is not None and not _DAY.fullmatch(str(value)):
        raise ValueError("Use the form 2026-11-22.")
    return value


Day = Annotated[date, BeforeValidator(_require_iso_day)]


class ListFilters(BaseModel):
    """Query parameters of a list. Unknown parameters and texts that PostgreSQL cannot hold are errors."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="after")
    @classmethod
    def _require_storable(cls, value: Any) -> Any:
        return _require_storable(value)


class PageQuery(ListFilters):
    """Parameters of every list."""

    cursor: str = Field(default="", description="From the Link header of another page.")
    limit: Annotated[int, Field(ge=1, le=200, description="Rows of a page.")] = 50


class ListQuery(PageQuery):
    """Parameters of lists of an organisation's rows."""

    organisation: str = Field(
        default="", description="The slug of an organisation. Empty: all that the caller may read."
    )

    def own_filters(self) -> dict[str, Any]:
        """The filters of the subclass that have a value, by name, as `forms.filters` takes them."""
        common = ListQuery.model_fields.keys()
        return {name: value for name, value in self.model_dump().items() if name not in common and value}


class OrganisationName(BaseModel):
    id: UUID
    slug: str = Field(examples=["northwind"])
    name: str = Field(examples=["Northwind"])

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(id=row.id, slug=row.slug, name=row.name)

    @classmethod
    def of_key(cls, key: KeyIdentity) -> Self:
        """The organisation of a key that the call path has identified."""
        return cls(id=key.organisation_id, slug=key.organisation_slug, name=key.organisation_name)


class BotName(BaseModel):
    id: UUID
    name: str = Field(examples=["Release bot"])

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(id=row.id, name=row.name)

    @classmethod
    def of_key(cls, key: KeyIdentity) -> Self | None:
        """The bot of a key that the call path has identified; None if no bot owns it."""
        return cls(id=key.bot_id, name=key.bot_name or "") if key.bot_id else None


class PersonName(BaseModel):
    id: UUID
    email: str = Field(examples=["jonas@northwind.example"])
    name: str = Field(examples=["Jonas Lind"])

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(id=row.id, email=row.email, name=texts.redacted(row.name))


class RoleOut(BaseModel):
    organisation: OrganisationName
    role: Role


class TierName(BaseModel):
    id: UUID
    name: str = Field(examples=["Standard"])
    hourly_limit: int = Field(description="The maximum number of calls in any rolling hour.", examples=[1000])

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(id=row.id, name=row.name, hourly_limit=row.hourly_limit)


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(description="Stable, for programs to compare.", examples=["urn:keyadmin:problem:invalid"])
    title: str = Field(examples=["Unprocessable"])
    status: int = Field(examples=[422])
    detail: str = Field(
        description="A sentence for people.", examples=["Some fields are invalid. `errors` has a message for each."]
    )
    request_id: str = Field(description="The id of the request in the log and in history.", examples=["01hzxw3p5f"])
    errors: dict[str, list[str]] = Field(
        default_factory=dict,
        description="Messages by field. `calls.3.path` is a field of the fourth item of `calls`.",
        examples=[{"name": ["Enter a name."]}],
    )
