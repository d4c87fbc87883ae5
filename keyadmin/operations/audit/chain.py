"""The chain of history: whether it is whole, and signed heads of it to keep elsewhere.

Each event holds the hash of the one before it, so whoever changes one must change all that follow. Who can write
to the database can do that, or cut the newest off: a checkpoint kept where they cannot write shows it.
"""

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.db.models import QuerySet
from django.utils import timezone

from keyadmin.models import ChainCheck, Event
from keyadmin.models.event import ChainHead
from keyadmin.operations.audit.transaction import hash_of, rfc3339

#: Events in one statement: each is a transaction of its own, so that a long walk holds nobody up.
BATCH: Final = 2000
NO_HASH: Final = bytes(32)


class BrokenChainError(Exception):
    """The first event at which the chain is not what it was, and why."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"Event {number}: {why}")
        self.number, self.why = number, why


class InvalidCheckpointError(Exception):
    """It is no checkpoint, or nobody who has the key signed it."""


@dataclass(frozen=True, slots=True)
class Place:
    """The event that the chain has been walked to; 0 and no time where there is none yet."""

    number: int
    hash: bytes
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of the chain at a time; hash, key (public) and signature (Ed25519) in hexadecimal."""

    number: int
    hash: str
    at: str
    key: str
    signature: str = ""

    def text(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    def signed_bytes(self) -> bytes:
        fields = {name: value for name, value in asdict(self).items() if name != "signature"}
        return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def verify(
    checkpoints: Collection[Checkpoint] = (),
    *,
    after: Checkpoint | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Place:
    """Walk the chain, all of it or what came `after` a checkpoint; returns its end. Raises Broken.

    `progress` is told (the event reached, the last one). What is appended meanwhile is walked as well.
    """
    head = ChainHead.objects.get()
    known: dict[int, list[tuple[str, str]]] = {head.number: [(bytes(head.hash).hex(), _NOT_THE_HEADS)]}
    for one in checkpoints:
        known.setdefault(one.number, []).append((one.hash, _REWRITTEN))
    number, before, at = 0, NO_HASH, None
    if after is not None and after.number:
        number, before, at = after.number, bytes.fromhex(after.hash), _unchanged(after).at
    _compare(number, before, known.get(number, ()))
    while batch := _following(number):
        for event in batch:
            _check(event, number, before)
            number, before, at = event.number, event.hash, event.at
            if number in known:
                _compare(number, before, known[number])
        if progress:
            progress(number, max(head.number, number))
    if number < max(known):
        raise BrokenChainError(number + 1, "it is missing, and all after it: the end was cut off")
    if number > (end := ChainHead.objects.get().number):
        raise BrokenChainError(end + 1, "the head of history does not know it: nothing was recorded here")
    return Place(number, before, at)


def note(end: int, problem: str, *, since: int = 0) -> bool:
    """Keep when the chain was walked and up to which event it is whole; what follows that one may have a problem.

    False where that would say too much: what came before `since` was not walked now, nor found whole before.
    """
    before = ChainCheck.objects.first()
    if since and not problem and (before is None or before.problem or before.number < since):
        return False
    values = {"at": timezone.now(), "number": end, "problem": problem}
    ChainCheck.objects.update_or_create(id=1, defaults=values)
    return True


def checkpoint(private_key: Ed25519PrivateKey) -> Checkpoint:
    """The present head, signed. Raises Broken where it is not the newest event's: that is nothing to sign."""
    head = ChainHead.objects.get()
    public = private_key.public_key().public_bytes_raw().hex()
    unsigned = Checkpoint(head.number, bytes(head.hash).hex(), str(rfc3339(timezone.now())), public)
    if head.number:
        _unchanged(unsigned)
    return Checkpoint(**{**asdict(unsigned), "signature": private_key.sign(unsigned.signed_bytes()).hex()})


def read_checkpoint(text: str, known: Collection[str]) -> Checkpoint:
    """The checkpoint that the text is, signed with one of the known public keys, in hexadecimal.

    Where none is known the signature only shows that nobody has changed the text since.
    """
    try:
        fields: dict[str, Any] = json.loads(text)
        found = Checkpoint(**fields)
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(found.key))
        key.verify(bytes.fromhex(found.signature), found.signed_bytes())
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidCheckpointError("This is not a checkpoint.") from error
    except InvalidSignature as error:
        raise InvalidCheckpointError("The checkpoint's signature does not hold.") from error
    if not isinstance(found.number, int) or len(found.hash) != 2 * len(NO_HASH):
        raise InvalidCheckpointError("This is not a checkpoint.")
    if known and found.key not in known:
        raise InvalidCheckpointError(f"The checkpoint's signature is by {found.key}, which is none of the known keys.")
    return found


def _unchanged(known: Checkpoint) -> Any:
    """The event that a checkpoint names, if it is that one still."""
    event = next(iter(_following(known.number - 1)[:1]), None)
    if event is None or event.number != known.number:
        raise BrokenChainError(known.number, "it is missing")
    _check(event, known.number - 1, event.previous_hash)
    if event.hash.hex() != known.hash:
        raise BrokenChainError(known.number, _REWRITTEN)
    return event


def _compare(number: int, found: bytes, known: Iterable[tuple[str, str]]) -> None:
    for expected, why in known:
        if found.hex() != expected:
            raise BrokenChainError(number, why)


def _check(event: Any, number: int, before: bytes) -> None:
    """Whether the event is the one after that number and hash."""
    if event.number != number + 1:
        raise BrokenChainError(number + 1, "it is missing")
    if event.previous_hash != before:
        raise BrokenChainError(event.number, "it does not follow the event before it")
    if hash_of(event) != event.hash:
        raise BrokenChainError(event.number, "its content is not what was recorded")


def _following(number: int) -> QuerySet[Any, Any]:
    """The next events, as rows with the names of their fields: a walk has no use for what models add."""
    return Event.objects.filter(number__gt=number).order_by("number").values_list(*_FIELDS, named=True)[:BATCH]


_FIELDS: Final = [field.attname for field in Event._meta.concrete_fields]
_NOT_THE_HEADS: Final = "it is not the one that the head of history names"
_REWRITTEN: Final = "it is not the one of the checkpoint: the past was rewritten"
