"""Actors: who performs an operation, and through which interface. Operations receive an actor, not a request."""

from dataclasses import dataclass
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

    `id` is the public id of the person or key, None for commands and the system. `label` is what history shows, also
    when the person or key has been deleted. `ip` is the normalised address, None if unknown.

    The last two are hints for queries and grant nothing. `has_system_role` (of a person) selects one of two
    statements, each of which checks the role itself; None if unknown. `organisations` are the only ones that the
    actor may be able to read, so that PostgreSQL can estimate the number of rows; empty if unknown.
    """

    kind: ActorKind
    id: UUID | None
    label: str
    ip: str | None = None
    interface: Interface | None = None
    user_agent: str = ""
    request_id: str = ""
    has_system_role: bool | None = None
    organisations: tuple[UUID, ...] = ()
