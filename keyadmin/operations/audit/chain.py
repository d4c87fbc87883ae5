"""The hash chain of history: verification, and signed checkpoints.

Each event contains the hash of the event before it. To change an event without a trace, an attacker with write access
to the database must change all later events as well, or remove them. A checkpoint detects both, if it is kept where the
attacker cannot change it.
"""

import json
from collections import namedtuple
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.db.models import CharField, F, JSONField
from django.db.models.functions import Cast
from django.utils import timezone

from keyadmin.core.time import rfc3339
from keyadmin.models import ChainCheck, ChainHead, Event, texts
from keyadmin.operations.audit.canonical import UnknownFormatError, hash_of

#: Events in one statement. Each statement is a transaction of its own, so that verification does not delay operations.
BATCH_SIZE: Final = 2000
#: The previous hash of the first event.
ZERO_HASH: Final = bytes(32)
_STORED_AS: Final[dict[Any, Any]] = {texts.Text: CharField(), texts.JSONTexts: JSONField()}
#: Texts as they are stored, because the hashes are computed from them: without the redaction of the model's fields.
_COLUMNS: Final = {
    field.attname: Cast(field.attname, _STORED_AS[type(field)]) if type(field) in _STORED_AS else F(field.attname)
    for field in Event._meta.concrete_fields
}
_Row: Final = namedtuple("_Row", _COLUMNS)  # type: ignore[misc]
_DIFFERS_FROM_HEAD: Final = "its hash differs from that of the chain head"
_DIFFERS_FROM_CHECKPOINT: Final = "its hash differs from that of the checkpoint: history was rewritten"
_MISSING: Final = "it is missing"


class BrokenChainError(Exception):
    """The chain is broken at the event `number`, for `reason`. All events before it are intact."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"Event {number}: {reason}")
        self.number, self.reason = number, reason


class InvalidCheckpointError(Exception):
    """The text is not a checkpoint, its signature is not valid, or it was not signed with a known key."""


@dataclass(frozen=True, slots=True)
class ChainPosition:
    """A position in the chain, after a verified event. Before the first event, `number` is 0 and `at` is None."""

    number: int
    hash: bytes
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The number and hash of the newest event at the time `at` (RFC 3339), signed with Ed25519.

    `hash`, `key` (the public key) and `signature` are hexadecimal.
    """

    number: int
    hash: str
    at: str
    key: str
    signature: str = ""

    def text(self) -> str:
        """The checkpoint as JSON, which `parse_checkpoint` reads."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def signed_bytes(self) -> bytes:
        """The text that is signed: canonical JSON of all fields except the signature."""
        fields = {name: value for name, value in asdict(self).items() if name != "signature"}
        return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def verify(
    checkpoints: Collection[Checkpoint] = (),
    *,
    after: Checkpoint | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ChainPosition:
    """Verify the chain, or only the events after the checkpoint `after`, and return its end.

    Also compares the chain with the `checkpoints`. Includes events that are recorded in the meantime. `progress` is
    called after each batch with the numbers of the last verified event and of the newest event. Raises
    BrokenChainError.
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
        raise BrokenChainError(
            position.number + 1, "it is missing, and so are all later events: the end of history was removed"
        )
    if position.number > (newest := ChainHead.objects.get().number):
        raise BrokenChainError(newest + 1, "it is newer than the chain head, so keyadmin has not recorded it")
    return position


def save_check(number: int, problem: str, *, since: int = 0) -> bool:
    """Store the result of a verification: the chain is intact up to the event `number`; `problem` is in the next one.

    `since` is the number of the event after which the verification started. Stores nothing and returns False if the
    events up to there were not verified before, because the result would then be wrong.
    """
    previous = ChainCheck.objects.first()
    if since and not problem and (previous is None or previous.problem or previous.number < since):
        return False
    values = {"at": timezone.now(), "number": number, "problem": problem}
    ChainCheck.objects.update_or_create(id=1, defaults=values)
    return True


def create_checkpoint(private_key: Ed25519PrivateKey) -> Checkpoint:
    """A signed checkpoint of the chain head. Raises BrokenChainError if its event is missing or differs."""
    head = ChainHead.objects.get()
    public_key = private_key.public_key().public_bytes_raw().hex()
    unsigned = Checkpoint(head.number, bytes(head.hash).hex(), rfc3339(timezone.now()), public_key)
    if head.number:
        _require_unchanged(unsigned)
    return Checkpoint(**{**asdict(unsigned), "signature": private_key.sign(unsigned.signed_bytes()).hex()})


def parse_checkpoint(text: str, accepted_keys: Collection[str]) -> Checkpoint:
    """Parse a checkpoint and verify its signature. Raises InvalidCheckpointError.

    `accepted_keys` are public keys, in hexadecimal. If there are none, every key is accepted; the signature
    then shows only that the text was not changed by accident.
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
    if accepted_keys and checkpoint.key not in accepted_keys:
        raise InvalidCheckpointError(
            f"The checkpoint was signed with {checkpoint.key}, which is not one of the known keys."
        )
    return checkpoint


def _require_unchanged(checkpoint: Checkpoint) -> Any:
    """The event of the checkpoint. Raises BrokenChainError if it is missing or differs."""
    event = next(iter(_events_after(checkpoint.number - 1, limit=1)), None)
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
    """Check that the event follows the previous one, and that its content has its hash. Raises BrokenChainError."""
    if event.number != previous_number + 1:
        raise BrokenChainError(previous_number + 1, _MISSING)
    if event.previous_hash != previous_hash:
        raise BrokenChainError(event.number, "its previous hash is not the hash of the event before it")
    try:
        computed = hash_of(event)
    except UnknownFormatError as error:
        reason = f"its format {event.format} is unknown to this version of keyadmin: verify with a newer version"
        raise BrokenChainError(event.number, reason) from error
    if computed != event.hash:
        raise BrokenChainError(event.number, "its content was changed")


def _events_after(number: int, limit: int = BATCH_SIZE) -> list[Any]:
    """The next batch of events after `number`, as named tuples, which are faster than model instances."""
    rows = Event.objects.filter(number__gt=number).order_by("number").values_list(*_COLUMNS.values())
    return [_Row._make(row) for row in rows[:limit]]
