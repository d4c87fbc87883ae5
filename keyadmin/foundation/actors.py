"""Who does something, and by which door they came in: what operations receive instead of a request."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class ActorKind(StrEnum):
    """What sort of actor it is; history keeps the value."""

    PERSON = "person"
    KEY = "key"
    COMMAND = "command"
    SYSTEM = "system"


class Door(StrEnum):
    """How an actor reached the operation; history keeps the value."""

    PAGE = "page"
    API = "api"
    COMMAND = "command"
    BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class Actor:
    """One actor during one act.

    `id` is the public id of the person or key, None for commands and the system. `label` is what history
    shows when the person or key is long gone. `ip` is the normalised address, None when unknown. `via` is a
    `Door`. `has_system_role`, of a person and where it is known, is no proof of anything: it only tells reads which
    of two statements to make, each of which asks for the role itself.
    """

    kind: ActorKind
    id: UUID | None
    label: str
    ip: str | None = None
    via: str = ""
    user_agent: str = ""
    request_id: str = ""
    has_system_role: bool | None = None
