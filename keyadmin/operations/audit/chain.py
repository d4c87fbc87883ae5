"""The hash chain of history: verification, and signed checkpoints.

Each event contains the hash of the event before it. To change an event without a trace, an attacker with write access
to the database must change all later events as well, or remove them. A checkpoint detects both, if it is kept where the
attacker cannot change it.
"""

import json
from collections import namedtuple
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.db.models import CharField, F, JSONField
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor
from keyadmin.core.errors import NotFoundError
from keyadmin.core.time import rfc3339
from keyadmin.models import ChainCheck, ChainHead, Event, Organisation, texts
from keyadmin.operations import locks
from keyadmin.operations.audit.canonical import UnknownFormatError, hash_of

#: Events in one statement. Each statement is a transaction of its own, so that verification does not delay operations.
BATCH_SIZE: Final = 2000
#: Events that `verify_next` verifies at most: about two seconds of work.
MAX_NEXT_EVENTS: Final = 20_000
#: ID of the advisory lock: one `verify_next` runs at a time.
VERIFICATION_LOCK_ID: Final = 7_302_212
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
_DIFFERS_FROM_LAST: Final = "its hash differs from that of the last verification: history was rewritten"
_MISSING: Final = "it is missing"
_END_IS_MISSING: Final = "it is missing, and so are all later events: the end of history was removed"


class BrokenChainError(Exception):
    """The chain is broken at the event `number`, for `reason`. All events before it are intact.

    `intact_hash` is the hash of the event before it; empty if the events before it may have been rewritten.
    """

    def __init__(self, number: int, reason: str, intact_hash: bytes = b"") -> None:
        super().__init__(f"Event {number}: {reason}")
        self.number, self.reason, self.intact_hash = number, reason, intact_hash

    @property
    def intact(self) -> "ChainPosition":
        """The position after the last intact event."""
        return ChainPosition(self.number - 1, self.intact_hash, None)


@dataclass(frozen=True, slots=True)
class NextVerified:
    """The result of `verify_next`: the verified events, and how many newer ones are left for the next time.

    `problem` is the sentence about the broken event; "" if there is none.
    """

    first: int
    last: int
    left: int
    problem: str = ""


class InvalidCheckpointError(Exception):
    """The text is not a checkpoint, its signature is not valid, or it was not signed with a known key."""


@dataclass(frozen=True, slots=True)
class ChainPosition:
    """A position in the chain, after a verified event. Before the first event, `number` is 0 and `at` is None."""

    number: int
    hash: bytes
    at: datetime | None


_START: Final = ChainPosition(0, ZERO_HASH, None)


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
    position = _START
    if after is not None and after.number:
        position = ChainPosition(after.number, bytes.fromhex(after.hash), _require_unchanged(after).at)
    _compare(position, expected.get(position.number, ()))
    while batch := _events_after(position.number):
        position = _check_batch(batch, position, expected)
        if progress:
            progress(position.number, max(head.number, position.number))
    if position.number < max(expected):
        raise BrokenChainError(position.number + 1, _END_IS_MISSING, position.hash)
    _require_not_beyond_head(position)
    return position


def verify_next(*, actor: Actor) -> NextVerified:
    """Verify the newest events, at most MAX_NEXT_EVENTS, and store the position. For any reader of history.

    Starts at the first event if the whole history is that short. Otherwise it continues after the position of the last
    verification, and only compares the hash of that event with the stored one: `verify`, which `manage.py
    verify_history` runs, also finds a changed event before it.

    Raises NotFoundError for an actor that may not read history, and ConflictError while another process verifies.
    """
    if not Organisation.objects.visible_to(actor).exists():
        raise NotFoundError
    with locks.advisory_lock(VERIFICATION_LOCK_ID, _("Another verification is running. Try again in a moment.")):
        # In this order: another process may store the position of an event that is newer than the head read here.
        previous, head = ChainCheck.objects.first(), ChainHead.objects.get()
        is_short = head.number <= MAX_NEXT_EVENTS
        if previous and previous.problem and not previous.hash:
            # The chain differs from the one that was verified. It may be consistent in itself, which proves nothing.
            error = BrokenChainError(previous.number + 1, previous.problem)
            return NextVerified(previous.number + 1, previous.number, 0, str(error))
        known = ChainPosition(previous.number, bytes(previous.hash), None) if previous and previous.hash else _START
        start = _START if is_short else known
        try:
            position = _verify_from(start, known, head)
        except BrokenChainError as error:
            save_check(error.intact, error.reason)
            return NextVerified(start.number + 1, error.number - 1, 0, str(error))
        save_check(position, "")
        return NextVerified(start.number + 1, position.number, max(0, head.number - position.number))


def _verify_from(start: ChainPosition, known: ChainPosition, head: ChainHead) -> ChainPosition:
    """Verify at most MAX_NEXT_EVENTS events after `start`. The event at `known` must have its hash."""
    if known.number > head.number:
        raise BrokenChainError(head.number + 1, _END_IS_MISSING)
    if start.number:
        _require_unchanged(Checkpoint(start.number, start.hash.hex(), "", ""), _DIFFERS_FROM_LAST)
    expected = {head.number: [(bytes(head.hash).hex(), _DIFFERS_FROM_HEAD)]}
    expected.setdefault(known.number, []).append((known.hash.hex(), _DIFFERS_FROM_LAST))
    position = start
    while position.number < head.number and position.number - start.number < MAX_NEXT_EVENTS:
        left = start.number + MAX_NEXT_EVENTS - position.number
        batch = _events_after(position.number, limit=min(BATCH_SIZE, left))
        if not batch:
            raise BrokenChainError(position.number + 1, _END_IS_MISSING, position.hash)
        position = _check_batch(batch, position, expected)
    _require_not_beyond_head(position)
    return position


def save_check(position: ChainPosition, problem: str, *, since: int = 0) -> bool:
    """Store the result of a verification: the chain is intact up to the position; `problem` is in the next event.

    `since` is the number of the event after which the verification started. Stores nothing and returns False if the
    events up to there were not verified before, because the result would then be wrong.
    """
    previous = ChainCheck.objects.first()
    if since and not problem and (previous is None or previous.problem or previous.number < since):
        return False
    values = {"at": timezone.now(), "number": position.number, "hash": position.hash, "problem": problem}
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


def _require_unchanged(checkpoint: Checkpoint, difference: str = _DIFFERS_FROM_CHECKPOINT) -> Any:
    """The event of the checkpoint. Raises BrokenChainError, with `difference` as the reason if it has another hash."""
    event = next(iter(_events_after(checkpoint.number - 1, limit=1)), None)
    if event is None or event.number != checkpoint.number:
        raise BrokenChainError(checkpoint.number, _MISSING)
    _check(event, checkpoint.number - 1, event.previous_hash)
    if event.hash.hex() != checkpoint.hash:
        raise BrokenChainError(checkpoint.number, difference)
    return event


def _compare(position: ChainPosition, expected: Iterable[tuple[str, str]]) -> None:
    for expected_hash, reason in expected:
        if position.hash.hex() != expected_hash:
            raise BrokenChainError(position.number, reason)


def _check_batch(
    batch: Iterable[Any], position: ChainPosition, expected: Mapping[int, Iterable[tuple[str, str]]]
) -> ChainPosition:
    """Check the events, which follow `position`, and return the position of the last. Raises BrokenChainError."""
    for event in batch:
        try:
            _check(event, position.number, position.hash)
            _compare(ChainPosition(event.number, event.hash, event.at), expected.get(event.number, ()))
        except BrokenChainError as error:
            if error.reason != _DIFFERS_FROM_LAST:
                error.intact_hash = position.hash
            raise
        position = ChainPosition(event.number, event.hash, event.at)
    return position


def _require_not_beyond_head(position: ChainPosition) -> None:
    if position.number > (newest := ChainHead.objects.get().number):
        raise BrokenChainError(newest + 1, "it is newer than the chain head, so keyadmin has not recorded it")


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
