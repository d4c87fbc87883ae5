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


class Interface(StrEnum):
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
    `Door`. The last two are no proof of anything, and say nothing where they are not known: `has_system_role`, of a
    person, tells reads which of two statements to make, each of which asks for the role itself; `organisations` are
    those that the actor can read at most, named so that the database knows how many rows to expect of them.
    """

    kind: ActorKind
    id: UUID | None
    label: str
    ip: str | None = None
    via: str = ""
    user_agent: str = ""
    request_id: str = ""
    has_system_role: bool | None = None
    organisations: tuple[UUID, ...] = ()
