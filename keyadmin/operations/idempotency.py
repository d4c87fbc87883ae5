"""What is asked for twice is done once: a form that is sent again, a request that is repeated."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import connection
from django.db.models.functions import Now

from keyadmin.core.actors import Actor
from keyadmin.core.errors import DuplicateRequestError
from keyadmin.models import IdempotencyRecord
from keyadmin.operations import audit
from keyadmin.operations.keys.secrets import Issued
from keyadmin.operations.people import Invited
from keyadmin.operations.validation import Problems

#: For so long a repetition is known as one.
KEPT: Final = timedelta(days=30)
#: What stands for a command or the system, which have no id.
_NOBODY: Final = UUID(int=0)


def do[Result](*, actor: Actor, nonce: str, act: Callable[[], Result], asked: str = "") -> Result:
    """What `act` returns, and remembers that it was done, both or neither.

    Raises AlreadyDone for a nonce that this actor has used within KEPT; who sends it while the first act is under way
    waits for that. `asked` is a digest of the request, kept for whoever is told of it. "" is no nonce.
    """
    if not nonce:
        return act()
    problems = Problems()
    problems.text("nonce", nonce, 255)
    problems.raise_any()
    with audit.audited_transaction():
        claim = _claim(actor, nonce, asked)
        result = act()
        IdempotencyRecord.objects.filter(id=claim).update(made=id_of(result))
    return result


def forget_old() -> int:
    """Removes what was done longer ago than KEPT; how many. Nothing is told of it: nothing that was made changes."""
    return IdempotencyRecord.objects.filter(created_at__lt=Now() - KEPT).delete()[0]


def _claim(actor: Actor, nonce: str, asked: str) -> UUID:
    """The row that says so. It comes before all other locks."""
    identity, claim = actor.id or _NOBODY, uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO done_once (id, actor_id, nonce, asked, made, created_at) VALUES (%s, %s, %s, %s, '', now())"
            " ON CONFLICT (actor_id, nonce) DO NOTHING",
            [claim, identity, nonce, asked],
        )
        if cursor.rowcount:
            return claim
    first = IdempotencyRecord.objects.filter(actor_id=identity, nonce=nonce).first()
    if first is None:  # forgotten a moment ago
        return _claim(actor, nonce, asked)
    raise DuplicateRequestError(first.made, first.asked)


def id_of(result: Any) -> str:
    """The primary key of what an operation made."""
    match result:
        case Issued():
            return str(result.key.pk)
        case Invited():
            return str(result.person.pk)
    return str(result.pk)
