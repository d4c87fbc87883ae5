"""Idempotency: a form that is submitted twice, or a request that is repeated, is carried out once."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import connection
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor
from keyadmin.core.errors import DuplicateRequestError, InvalidInputError
from keyadmin.models import IdempotencyRecord
from keyadmin.operations import audit
from keyadmin.operations.keys.secrets import IssuedKey
from keyadmin.operations.people import MadeLink
from keyadmin.operations.people.invitations import MadeInvitation

#: The time for which a repetition is recognised.
RETENTION: Final = timedelta(days=30)
_MAX_KEY_LENGTH: Final = 255
#: The `actor_id` of commands and of the system, which have no id.
_NO_ACTOR_ID: Final = UUID(int=0)


def run_once[Result](
    *, actor: Actor, idempotency_key: str, operation: Callable[[], Result], request_digest: str = ""
) -> Result:
    """Run `operation`, and record its result with the actor's idempotency key in the same transaction.

    Raises DuplicateRequestError if the actor has used the key within RETENTION. A repetition that arrives while the
    first request is running waits for it. `request_digest` is stored, so that the caller can distinguish a repetition
    from another request with the same key. If the idempotency key is "", the operation runs without a record. The
    database keeps only its digest, because a client may send a secret.
    """
    if not idempotency_key:
        return operation()
    if len(idempotency_key) > _MAX_KEY_LENGTH:
        message = _("Use at most %(count)d characters.") % {"count": _MAX_KEY_LENGTH}
        raise InvalidInputError({"idempotency_key": [message]})
    idempotency_key = hashlib.sha256(idempotency_key.encode("utf-8", "surrogatepass")).hexdigest()
    with audit.audited_transaction():
        record = _insert(actor, idempotency_key, request_digest)
        result = operation()
        IdempotencyRecord.objects.filter(id=record).update(result_id=id_of(result))
    return result


def delete_expired() -> int:
    """Delete the records that are older than RETENTION, and return their number. Records no event."""
    return IdempotencyRecord.objects.filter(created_at__lt=Now() - RETENTION).delete()[0]


def id_of(result: Any) -> str:
    """The primary key of the row in the result of an operation."""
    match result:
        case IssuedKey():
            return str(result.key.pk)
        case MadeLink():
            return str(result.person.pk)
        case MadeInvitation():
            return str(result.invitation.pk)
    return str(result.pk)


def _insert(actor: Actor, idempotency_key: str, request_digest: str) -> UUID:
    """Insert the record and return its id. This takes the first lock of the transaction."""
    actor_id, record = actor.id or _NO_ACTOR_ID, uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO idempotency_record (id, actor_id, idempotency_key, request_digest, result_id, created_at)"
            " VALUES (%s, %s, %s, %s, '', now()) ON CONFLICT (actor_id, idempotency_key) DO NOTHING",
            [record, actor_id, idempotency_key, request_digest],
        )
        if cursor.rowcount:
            return record
    first = IdempotencyRecord.objects.filter(actor_id=actor_id, idempotency_key=idempotency_key).first()
    if first is None:  # deleted as expired since the INSERT
        return _insert(actor, idempotency_key, request_digest)
    message = _("The secret was already shown. Regenerate to get a new one.")
    raise DuplicateRequestError(message, first.result_id, first.request_digest)
