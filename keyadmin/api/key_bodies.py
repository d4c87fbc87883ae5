"""What requests say of keys, and how operations take it."""

from collections.abc import Collection, Sequence
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field

from keyadmin.api.bodies import Body, Moment
from keyadmin.api.crud import Reasoned, Slug, Text
from keyadmin.api.text import tier_named
from keyadmin.core import cidr
from keyadmin.models import Channel, Kind
from keyadmin.operations.validation import FieldErrors

Names = Annotated[list[str], Field(max_length=1000)]


class Limits(Body):
    """What new and changed keys have in common."""

    description: Text = ""
    scopes: Names = Field(default=[], examples=[["chats:read"]])
    inherits: bool = Field(default=False, description="Instead of scopes: what its creator's current roles allow.")
    channels: Names = Field(default=[], description="Slugs; empty: all channels.")
    networks: Names = Field(default=[], description="CIDR; empty: any address.", examples=[["203.0.113.0/24"]])
    expires_at: Moment = None
    tier: str = Field(default="", description="A tier's name; absent: the organisation's own.")


class NewKey(Limits):
    name: Text = Field(examples=["CRM integration"])
    organisation: Slug = ""
    bot: Annotated[UUID | None, Field(strict=False)] = None
    kind: Annotated[Kind | None, Field(strict=False)] = None


class ChangedKey(Limits):
    """Only what is given is changed."""

    name: Text = Field(default="", examples=["CRM integration"])
    allow_any: bool = Field(default=False, description="Needed to take the last network away, which opens the key.")


class Regeneration(Body):
    grace_seconds: Annotated[int, Field(ge=0, le=7 * 24 * 3600)] = Field(
        default=0, examples=[3600], description="How long the old secret keeps working; never beyond the key's own end."
    )


class Reactivation(Reasoned):
    expires_at: Moment = None


#: Fields that operations know by the same name and in the same form.
_PLAIN: Final = ("name", "description", "scopes", "inherits", "expires_at", "allow_any")


def values(body: Limits, organisation: UUID) -> dict[str, Any]:
    """The keyword arguments for what the body gives. Raises Invalid with every problem of every field."""
    errors, given = FieldErrors(), body.model_fields_set
    found: dict[str, Any] = {name: getattr(body, name) for name in _PLAIN if name in given}
    if "channels" in given:
        found["channels"] = _channels(errors, body.channels, organisation)
    if "networks" in given:
        found["networks"] = _networks(errors, body.networks)
    if body.tier:
        found["tier"] = _tier(errors, body.tier)
    errors.raise_if_any()
    return found


def _channels(errors: FieldErrors, slugs: Collection[str], organisation: UUID) -> list[UUID]:
    known = dict(Channel.objects.filter(organisation=organisation).values_list("slug", "id"))
    for slug in slugs:
        if slug not in known:
            errors.add("channels", "Choose channels of this organisation.")
            break
    return [known[slug] for slug in slugs if slug in known]


def _networks(errors: FieldErrors, texts: Sequence[str]) -> list[cidr.Network]:
    networks = []
    for place, text in enumerate(texts):
        try:
            networks.append(cidr.parse(text))
        except cidr.CidrError as error:
            errors.add(f"networks.{place}", error.message)
    return networks


def _tier(errors: FieldErrors, name: str) -> UUID | None:
    found = tier_named(name)
    if found is None:
        errors.add("tier", "There is no tier of this name.")
    return found
