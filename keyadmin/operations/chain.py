"""The chain of history: whether it is whole, and signed heads of it to keep elsewhere.

Each event holds the hash of the one before it, so whoever changes one must change all that follow. Who can write
to the database can do that, or cut the newest off: a checkpoint kept where they cannot write shows it.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.utils import timezone

from keyadmin.models import ChainCheck, Event
from keyadmin.models.event import ChainHead
from keyadmin.operations.recording import hash_of, rfc3339

#: Events in one statement: each is a transaction of its own, so that a long walk holds nobody up.
BATCH: Final = 2000
NO_HASH: Final = bytes(32)


class Broken(Exception):  # noqa: N818 - what is said of the chain
    """The first event at which the chain is not what it was, and why."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"Event {number}: {why}")
        self.number, self.why = number, why


class BadCheckpoint(Exception):  # noqa: N818 - what is said of the file
    """It is no checkpoint, or nobody who has the key signed it."""


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


def verify(checkpoint: Checkpoint | None = None, progress: Callable[[int, int], None] | None = None) -> Event | None:
    """Walk the whole chain; returns the newest event, None where there is none yet. Raises Broken.

    `progress` is told (events walked, events in all). What is appended meanwhile is walked as well.
    """
    head = ChainHead.objects.get()
    newest: Event | None = None
    for event in _events():
        _check(event, newest)
        if checkpoint is not None and event.number == checkpoint.number and event.hash.hex() != checkpoint.hash:
            raise Broken(event.number, "it is not the one of the checkpoint: the past was rewritten")
        newest = event
        if progress and event.number % BATCH == 0:
            progress(event.number, max(head.number, event.number))
    last = newest.number if newest else 0
    if last < max(head.number, checkpoint.number if checkpoint else 0):
        raise Broken(last + 1, "it is missing, and all after it: the end was cut off")
    return newest


def note(newest: Event | None, broken: Broken | None) -> None:
    """Keep when the chain was last walked, and how far it is whole."""
    number = broken.number - 1 if broken else newest.number if newest else 0
    values = {"at": timezone.now(), "number": number, "problem": broken.why if broken else ""}
    ChainCheck.objects.update_or_create(id=1, defaults=values)


def checkpoint(private_key: Ed25519PrivateKey) -> Checkpoint:
    """The present head, signed."""
    head = ChainHead.objects.get()
    public = private_key.public_key().public_bytes_raw().hex()
    unsigned = Checkpoint(head.number, bytes(head.hash).hex(), str(rfc3339(timezone.now())), public)
    return Checkpoint(**{**asdict(unsigned), "signature": private_key.sign(unsigned.signed_bytes()).hex()})


def read_checkpoint(text: str, public_key: Ed25519PublicKey | None) -> Checkpoint:
    """The checkpoint that the text is, if its signature holds under the key (None: the one it names itself)."""
    try:
        fields: dict[str, Any] = json.loads(text)
        found = Checkpoint(**fields)
        key = public_key or Ed25519PublicKey.from_public_bytes(bytes.fromhex(found.key))
        key.verify(bytes.fromhex(found.signature), found.signed_bytes())
    except (ValueError, TypeError, AttributeError) as error:
        raise BadCheckpoint("This is not a checkpoint.") from error
    except InvalidSignature as error:
        raise BadCheckpoint("The checkpoint's signature does not hold.") from error
    return found


def _check(event: Event, before: Event | None) -> None:
    expected = before.number + 1 if before else 1
    if event.number != expected:
        raise Broken(expected, "it is missing")
    if event.previous_hash != (before.hash if before else NO_HASH):
        raise Broken(event.number, "it does not follow the event before it")
    if hash_of(event) != event.hash:
        raise Broken(event.number, "its content is not what was recorded")


def _events() -> Iterator[Event]:
    """All, in order, each batch read by itself."""
    after = 0
    while batch := list(Event.objects.filter(number__gt=after).order_by("number")[:BATCH]):
        for event in batch:
            event.hash, event.previous_hash = bytes(event.hash), bytes(event.previous_hash)
        yield from batch
        after = batch[-1].number
