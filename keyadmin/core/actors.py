"""Actors: who performs an operation, and through which interface. Operations receive an actor, not a request."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class ActorKind(StrEnum):
    """The kind of an actor. History stores the value."""

    PERSON = "person"
    KEY = "key"
    COMMAND = "command"
    SYSTEM = "system"


class Interface(StrEnum):
    """The interface through which an actor reached an operation. History stores the value."""

    PAGE = "page"
    API = "api"
    COMMAND = "command"
    BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class Actor:
    """An actor during one operation.

    `id` is the primary key of the person or key, None for commands and the system. `label` is the name that history
    shows, also after the person or key has been deleted. `ip` is the client's address in its normal spelling, None if
    unknown.

    `replaced_secret_until` is set if the acting key called with a secret that has been replaced: when its grace period
    ends. Such a call may neither replace the key's secret nor create anything that lasts longer.

    `has_system_role` and `organisations` are hints for the query planner. They grant nothing, because each statement
    reads the actor's current roles. `has_system_role` selects the statement for people with or without a system role;
    None if unknown. `organisations` lists every organisation that the actor may read, so that PostgreSQL can estimate
    the number of rows; empty if unknown.
    """

    kind: ActorKind
    id: UUID | None
    label: str
    ip: str | None = None
    interface: Interface | None = None
    user_agent: str = ""
    request_id: str = ""
    replaced_secret_until: datetime | None = None
    has_system_role: bool | None = None
    organisations: tuple[UUID, ...] = ()
