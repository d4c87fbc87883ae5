"""The shape of keys: mint, parse and digest.

Default format: `<prefix>_<id16>_<secret43><crc6>`, base62. The key ID is `<prefix>_<id16>`, the secret is
the rest. The checksum is the CRC-32 of all before it as six base62 digits. Substituting one character or
swapping two neighbours changes at most 16 bits in a row, which CRC-32 always notices; dropping or adding
one breaks the fixed lengths or, inside the prefix, the checksum. (A swap across the edge of the checksum is
noticed too: it would have to change the number by a multiple of 62**5, so of 32, and the CRC of a last
character never moves that way.) So a typing mistake is refused without asking the database.

Compact format: `<prefix>_` and 32 lower-case hexadecimal digits. It has no key ID and no checksum.
"""

import hmac
import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from zlib import crc32

PREFIX_PATTERN = r"[a-z][a-z0-9]{1,11}"
"""What an organisation may choose as the prefix of its keys; match it against the whole text."""

LONGEST = 12 + 1 + 16 + 1 + 43 + 6
"""The most characters a key can have."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGIT_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)

_match_prefix = re.compile(PREFIX_PATTERN).fullmatch
_match_default = re.compile(rf"({PREFIX_PATTERN})_[0-9A-Za-z]{{16}}_[0-9A-Za-z]{{49}}").fullmatch
_match_compact = re.compile(rf"({PREFIX_PATTERN})_([0-9a-f]{{32}})").fullmatch

# `_` may arrive percent-encoded. A run of 43 or more letters and digits is a secret with or without its checksum.
KEY_SHAPED = r"""[a-z][a-z0-9]{1,11}(?:_|%5f)[0-9a-z]{16}(?:_|%5f)[0-9a-z]{43,}
    | [a-z][a-z0-9]{1,11}(?:_|%5f)[0-9a-f]{32}
    | [0-9a-z]{43,}"""
"""What is or looks like a key or its secret, anywhere in a text; case does not matter, blanks in it do not count."""

holds_secret = re.compile(KEY_SHAPED, re.IGNORECASE | re.VERBOSE).search
is_key_id = re.compile(rf"{PREFIX_PATTERN}_[0-9A-Za-z]{{16}}").fullmatch


class Format(StrEnum):
    """The two shapes a key can be minted in."""

    DEFAULT = "default"
    COMPACT = "compact"


@dataclass(frozen=True, slots=True)
class Token:
    """A whole key, taken apart. It carries the secret: show it once, keep it nowhere."""

    prefix: str
    format: Format
    key_id: str | None
    """`<prefix>_<id16>`; None in the compact format."""
    secret: str = field(repr=False)
    """`<secret43><crc6>`, or the 32 hexadecimal digits of the compact format."""

    @property
    def value(self) -> str:
        """The whole key, as a program sends it."""
        return f"{self.key_id or self.prefix}_{self.secret}"

    @property
    def recognition(self) -> str:
        """The eight characters after the prefix, for recognition on screen; nothing is looked up by it."""
        return (self.key_id[len(self.prefix) + 1 :] if self.key_id else self.secret)[:8]


def mint(prefix: str, format: Format = Format.DEFAULT, key_id: str | None = None) -> Token:  # noqa: A002
    """A new key from the operating system's randomness: 256 bits, or 128 in the compact format.

    `key_id` is that of a key whose secret alone is to be new. Raises ValueError when the prefix does not match
    PREFIX_PATTERN.
    """
    if not _match_prefix(prefix):
        raise ValueError(f"{prefix!r} is not a key prefix: it must match {PREFIX_PATTERN}")
    if format is Format.COMPACT:
        return Token(prefix, Format.COMPACT, None, secrets.token_hex(16))
    key_id = key_id or f"{prefix}_{_random_digits(16)}"
    body = _random_digits(43)
    return Token(prefix, Format.DEFAULT, key_id, body + _checksum(f"{key_id}_{body}"))


def parse(text: str) -> Token | None:
    """The key that `text` is, exactly; None for any other shape or a wrong checksum. Never raises."""
    if len(text) > LONGEST:
        return None
    if shape := _match_default(text):
        if text[-6:] != _checksum(text[:-6]):
            return None
        return Token(shape[1], Format.DEFAULT, text[:-50], text[-49:])
    if shape := _match_compact(text):
        return Token(shape[1], Format.COMPACT, None, shape[2])
    return None


def pair(key_id: str, secret: str) -> Token | None:
    """The key whose ID and secret were sent apart; None unless they are the halves of one default-format key.

    The compact format has no ID, so it has no pair.
    """
    token = parse(f"{key_id}_{secret}")
    return token if token is not None and token.key_id == key_id else None


def digest(token_value: str, pepper: bytes) -> bytes:
    """The 32 bytes by which a key is stored and looked up: HMAC-SHA256 of the whole key under the pepper.

    Takes any text, also what `parse` refuses, and never raises: imported keys may have a foreign shape.
    """
    keyed = _keyed(pepper).copy()
    keyed.update(token_value.encode("utf-8", "surrogatepass"))
    return keyed.digest()


@lru_cache(maxsize=64)
def _keyed(pepper: bytes) -> hmac.HMAC:
    """Copied for each digest: hmac.digest() lets another thread in, which may keep this one waiting."""
    return hmac.new(pepper, digestmod="sha256")


def _checksum(text: str) -> str:
    """CRC-32 of ASCII text as six base62 digits, the highest first."""
    number = crc32(text.encode())
    return _DIGIT_PAIRS[number // 14_776_336] + _DIGIT_PAIRS[number // 3_844 % 3_844] + _DIGIT_PAIRS[number % 3_844]


def _random_digits(count: int) -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(count))
