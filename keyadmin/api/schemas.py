"""What the API answers with: the shapes of rows, as the OpenAPI document shows them."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from keyadmin.models import Status

Revision = Annotated[int, Field(description="What If-Match is compared with; the ETag has it too.", examples=[1])]


class OrganisationName(BaseModel):
    id: UUID
    slug: str = Field(examples=["northwind"])
    name: str = Field(examples=["Northwind"])

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(id=row.id, slug=row.slug, name=row.name)


class BotName(BaseModel):
    id: UUID
    name: str = Field(examples=["Release bot"])

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(id=row.id, name=row.name)


class TierName(BaseModel):
    id: UUID
    name: str = Field(examples=["Standard"])
    hourly_limit: int = Field(description="Calls in any rolling hour.", examples=[1000])

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(id=row.id, name=row.name, hourly_limit=row.hourly_limit)


class KeyOut(BaseModel):
    """A key, without its secret, which is told once, by the request that made it."""

    id: UUID
    key_id: str | None = Field(
        description="The public half; null in the compact format.", examples=["kad_a1b2c3d4e5f6a7b8"]
    )
    name: str = Field(examples=["CRM integration"])
    description: str
    kind: str = Field(description="master, standard, bot or public", examples=["standard"])
    masked: str = Field(description="Prefix and eight characters, for recognition.", examples=["kad_a1b2c3d4"])
    organisation: OrganisationName
    bot: BotName | None
    status: str = Field(description="revoked, expired, paused, expiring or active: the first that applies")
    scopes: list[str] = Field(description="Its own permissions; empty where it inherits.", examples=[["chats:read"]])
    inherits: bool = Field(description="It may do what its creator's current roles allow.")
    channels: list[str] = Field(description="Slugs of the channels it is restricted to; empty: all.")
    networks: list[str] = Field(description="Its own allow-list; empty: any address.", examples=[["203.0.113.0/24"]])
    tier: TierName
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_reason: str
    created_at: datetime
    created_by: str
    revision: Revision
    total_calls: int
    last_used_at: datetime | None
    last_used_ip: str | None
    old_secret_until: datetime | None = Field(description="When the secret before the present one stops working.")

    @classmethod
    def of(cls, key: Any) -> Self:
        """From a row of `keys.readable`."""
        bot = key.bot
        return cls(
            id=key.id,
            key_id=key.key_id,
            name=key.name,
            description=key.description,
            kind=key.kind,
            masked=key.masked,
            organisation=OrganisationName.of(key.organisation),
            bot=BotName.of(bot) if bot else None,
            status=key.status.value,
            scopes=key.scope_names,
            inherits=key.inherits,
            channels=key.channel_slugs,
            networks=[str(network) for network in key.own_networks],
            tier=TierName.of(key.tier),
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            revoked_reason=key.revoked_reason,
            created_at=key.created_at,
            created_by=key.created_by,
            revision=key.revision,
            total_calls=key.total or 0,
            last_used_at=key.last_used_at,
            last_used_ip=key.last_used_ip,
            old_secret_until=key.old_secret_until,
        )


class IssuedOut(KeyOut):
    """A key with its secret. The same Idempotency-Key again gets the key with `key` and `secret` null."""

    key: str | None = Field(description="The whole key, told this once.")
    secret: str | None = Field(description="The second half of the pair form; null in the compact format.")


class ActorOut(BaseModel):
    kind: str = Field(description="person, key, command or system")
    id: UUID | None
    label: str
    interface: str = Field(description="page, api, command or background")
    ip: str | None
    user_agent: str


class TargetOut(BaseModel):
    kind: str = Field(examples=["key"])
    id: str
    label: str


class EventOut(BaseModel):
    """What was done. Labels are those of that time."""

    number: int
    format: int = Field(description="The version of the canonical form that the hash is made of.")
    at: str = Field(description="To the microsecond, as it is hashed.", json_schema_extra={"format": "date-time"})
    type: str = Field(examples=["key.edited"])
    actor: ActorOut
    organisation: UUID | None
    organisation_label: str
    target: TargetOut
    changes: dict[str, list[Any]] = Field(description="By field: before and after.")
    reason: str
    request_id: str
    previous_hash: str = Field(description="That of the event before it.")
    hash: str = Field(description="SHA-256 over this event and the hash before it, in hexadecimal.")

    @classmethod
    def of(cls, event: Any) -> Self:
        return cls.model_validate(event.serialize())


def is_alive(key: Any) -> bool:
    return key.status in (Status.ACTIVE, Status.EXPIRING)
