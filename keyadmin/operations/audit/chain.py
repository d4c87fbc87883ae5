"""The hash chain of history: verification, and signed checkpoints.

Each event contains the hash of the event before it, so a change of one event requires a change of all later ones.
Write access to the database suffices for that, or for cutting off the newest events. A checkpoint, kept where this
access does not reach, detects both.
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

from keyadmin.core.time import rfc3339
from keyadmin.models import ChainCheck, ChainHead, Event
from keyadmin.operations.audit.canonical import UnknownFormatError, hash_of

#: Events read by one statement. Each statement is a transaction of its own, so that verification delays no change.
BATCH_SIZE: Final = 2000
#: The previous hash of the first event.
ZERO_HASH: Final = bytes(32)

_FIELDS: Final = [field.attname for field in Event._meta.concrete_fields]
_DIFFERS_FROM_HEAD: Final = "it is not the event that the head of history names"
_DIFFERS_FROM_CHECKPOINT: Final = "it is not the event of the checkpoint: the past was rewritten"
_MISSING: Final = "it is missing"


class BrokenChainError(Exception):
    """The chain is intact up to the event before `number`; `reason` says what is wrong with that one."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"Event {number}: {reason}")
        self.number, self.reason = number, reason


class InvalidCheckpointError(Exception):
    """The text is not a checkpoint, or none of the known keys signed it."""


@dataclass(frozen=True, slots=True)
class ChainPosition:
    """A verified event. Before the first event, `number` is 0 and `at` is None."""

    number: int
    hash: bytes
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of the chain at a time, signed with Ed25519. `hash`, `key` (public) and `signature` are hexadecimal."""

    number: int
    hash: str
    at: str
    key: str
    signature: str = ""

    def text(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    def signed_bytes(self) -> bytes:
        """What the signature covers: canonical JSON of all other fields."""
        fields = {name: value for name, value in asdict(self).items() if name != "signature"}
        return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def verify(
    checkpoints: Collection[Checkpoint] = (),
    *,
    after: Checkpoint | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ChainPosition:
    """Verify the chain, or only the events after a checkpoint, and return its end. Raises BrokenChainError.

    Events that are recorded meanwhile are verified as well. `progress` is called with the number of the last verified
    event and the number of the newest event.
    """
    head = ChainHead.objects.get()
    expected: dict[int, list[tuple[str, str]]] = {head.number: [(bytes(head.hash).hex(), _DIFFERS_FROM_HEAD)]}
    for checkpoint in checkpoints:
        expected.setdefault(checkpoint.number, []).append((checkpoint.hash, _DIFFERS_FROM_CHECKPOINT))
    position = ChainPosition(0, ZERO_HASH, None)
    if after is not None and after.number:
        position = ChainPosition(after.number, bytes.fromhex(after.hash), _require_unchanged(after).at)
    _compare(position, expected.get(position.number, ()))
    while batch := _events_after(position.number):
        for event in batch:
            _check(event, position.number, position.hash)
            position = ChainPosition(event.number, event.hash, event.at)
            if position.number in expected:
                _compare(position, expected[position.number])
        if progress:
            progress(position.number, max(head.number, position.number))
    if position.number < max(expected):
        raise BrokenChainError(position.number + 1, "it is missing, and all after it: the end was cut off")
    if position.number > (newest := ChainHead.objects.get().number):
        raise BrokenChainError(newest + 1, "the head of history does not know it: it was not recorded by keyadmin")
    return position


def save_check(number: int, problem: str, *, since: int = 0) -> bool:
    """Store the result of a verification: the chain is intact up to the event `number`; the next has the problem.

    `since` is the checkpoint after which the verification began. Returns False, and stores nothing, if no earlier
    verification covers the events up to there: the result would claim too much.
    """
    previous = ChainCheck.objects.first()
    if since and not problem and (previous is None or previous.problem or previous.number < since):
        return False
    values = {"at": timezone.now(), "number": number, "problem": problem}
    ChainCheck.objects.update_or_create(id=1, defaults=values)
    return True


def create_checkpoint(private_key: Ed25519PrivateKey) -> Checkpoint:
    """The current head, signed. Raises BrokenChainError if the head is not the newest event's."""
    head = ChainHead.objects.get()
    public_key = private_key.public_key().public_bytes_raw().hex()
    unsigned = Checkpoint(head.number, bytes(head.hash).hex(), rfc3339(timezone.now()), public_key)
    if head.number:
        _require_unchanged(unsigned)
    return Checkpoint(**{**asdict(unsigned), "signature": private_key.sign(unsigned.signed_bytes()).hex()})


def parse_checkpoint(text: str, known_keys: Collection[str]) -> Checkpoint:
    """Parse a checkpoint and verify its signature. Raises InvalidCheckpointError.

    `known_keys` are the accepted public keys in hexadecimal. If it is empty, any key is accepted: the signature then
    only shows that the text was not changed.
    """
    try:
        fields: dict[str, Any] = json.loads(text)
        checkpoint = Checkpoint(**fields)
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(checkpoint.key))
        key.verify(bytes.fromhex(checkpoint.signature), checkpoint.signed_bytes())
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidCheckpointError("This is not a checkpoint.") from error
    except InvalidSignature as error:
        raise InvalidCheckpointError("The checkpoint's signature is not valid.") from error
    if not isinstance(checkpoint.number, int) or len(checkpoint.hash) != 2 * len(ZERO_HASH):
        raise InvalidCheckpointError("This is not a checkpoint.")
    if known_keys and checkpoint.key not in known_keys:
        raise InvalidCheckpointError(f"The checkpoint was signed by {checkpoint.key}, which is none of the known keys.")
    return checkpoint


def _require_unchanged(checkpoint: Checkpoint) -> Any:
    """The event that the checkpoint names. Raises BrokenChainError if it is missing or differs."""
    event = next(iter(_events_after(checkpoint.number - 1)[:1]), None)
    if event is None or event.number != checkpoint.number:
        raise BrokenChainError(checkpoint.number, _MISSING)
    _check(event, checkpoint.number - 1, event.previous_hash)
    if event.hash.hex() != checkpoint.hash:
        raise BrokenChainError(checkpoint.number, _DIFFERS_FROM_CHECKPOINT)
    return event


def _compare(position: ChainPosition, expected: Iterable[tuple[str, str]]) -> None:
    for expected_hash, reason in expected:
        if position.hash.hex() != expected_hash:
            raise BrokenChainError(position.number, reason)


def _check(event: Any, previous_number: int, previous_hash: bytes) -> None:
    """Check that the event follows that number and hash, and that its content matches its own hash."""
    if event.number != previous_number + 1:
        raise BrokenChainError(previous_number + 1, _MISSING)
    if event.previous_hash != previous_hash:
        raise BrokenChainError(event.number, "it does not follow the event before it")
    try:
        computed = hash_of(event)
    except UnknownFormatError as error:
        reason = f"its format {event.format} is unknown to this version of keyadmin: verify with a newer one"
        raise BrokenChainError(event.number, reason) from error
    if computed != event.hash:
        raise BrokenChainError(event.number, "its content is not what was recorded")


def _events_after(number: int) -> QuerySet[Any, Any]:
    """The next batch of events, as named tuples: model instances would make verification slower."""
    return Event.objects.filter(number__gt=number).order_by("number").values_list(*_FIELDS, named=True)[:BATCH_SIZE]
