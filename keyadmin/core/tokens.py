"""API keys as text ("tokens"): creation, parsing and digests.

Default format: `<prefix>_<id16>_<secret43><crc6>`, in base62. The key ID is `<prefix>_<id16>`, the secret is the rest.
The checksum is the CRC-32 of everything before it, as six base62 digits. It detects typing mistakes without the
database:

- One wrong character, or two neighbours swapped, changes at most 16 consecutive bits, which CRC-32 always detects.
- A swap of the checksum's first digit with the character before it changes the checksum by a multiple of 62**5, and so
  of 32. The CRCs of two texts that differ only in the last character never differ by a multiple of 32.
- A missing or extra character breaks the fixed lengths or, inside the prefix, the checksum.

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
"""Regular expression of the prefixes that an organisation may choose for its keys. Use it with `fullmatch`."""

MAX_TOKEN_LENGTH = 12 + 1 + 16 + 1 + 43 + 6
"""Characters of the longest key."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGIT_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)

_match_prefix = re.compile(PREFIX_PATTERN).fullmatch
_match_default = re.compile(rf"({PREFIX_PATTERN})_[0-9A-Za-z]{{16}}_[0-9A-Za-z]{{49}}").fullmatch
_match_compact = re.compile(rf"({PREFIX_PATTERN})_([0-9a-f]{{32}})").fullmatch

is_key_id = re.compile(rf"{PREFIX_PATTERN}_[0-9A-Za-z]{{16}}").fullmatch


class KeyFormat(StrEnum):
    """The formats of keys. The module's docstring describes them."""

    DEFAULT = "default"
    COMPACT = "compact"


@dataclass(frozen=True, slots=True)
class Token:
    """A key in parts. It contains the secret: show it once, and do not store it."""

    prefix: str
    format: KeyFormat
    key_id: str | None
    """`<prefix>_<id16>`; None in the compact format."""
    secret: str = field(repr=False)
    """`<secret43><crc6>`, or the 32 hexadecimal digits of the compact format."""

    @property
    def value(self) -> str:
        """The whole text of the key, as a program sends it."""
        return f"{self.key_id or self.prefix}_{self.secret}"

    @property
    def recognition(self) -> str:
        """The eight characters after the prefix, which pages show to tell keys apart. Calls are not looked up by it."""
        return (self.key_id[len(self.prefix) + 1 :] if self.key_id else self.secret)[:8]


def mint(prefix: str, token_format: KeyFormat = KeyFormat.DEFAULT, key_id: str | None = None) -> Token:
    """Create a key with 256 random bits, or 128 in the compact format, from the operating system.

    With `key_id`, only the secret is new. Raises ValueError if the prefix does not match PREFIX_PATTERN.
    """
    if not _match_prefix(prefix):
        raise ValueError(f"{prefix!r} is not a key prefix: it must match {PREFIX_PATTERN}")
    if token_format is KeyFormat.COMPACT:
        return Token(prefix, KeyFormat.COMPACT, None, secrets.token_hex(16))
    key_id = key_id or f"{prefix}_{_random_digits(16)}"
    body = _random_digits(43)
    return Token(prefix, KeyFormat.DEFAULT, key_id, body + _checksum(f"{key_id}_{body}"))


def parse(text: str) -> Token | None:
    """The key whose exact text this is; None for any other format or a wrong checksum. Never raises."""
    if len(text) > MAX_TOKEN_LENGTH:
        return None
    if shape := _match_default(text):
        if text[-6:] != _checksum(text[:-6]):
            return None
        return Token(shape[1], KeyFormat.DEFAULT, text[:-50], text[-49:])
    if shape := _match_compact(text):
        return Token(shape[1], KeyFormat.COMPACT, None, shape[2])
    return None


def parse_pair(key_id: str, secret: str) -> Token | None:
    """The key with this key ID and secret, which were sent in two headers; None if they do not belong together.

    Keys in the compact format have no key ID, so they cannot be sent in two headers. Never raises.
    """
    token = parse(f"{key_id}_{secret}")
    return token if token is not None and token.key_id == key_id else None


def digest(token_value: str, pepper: bytes) -> bytes:
    """HMAC-SHA256 of the whole key under the pepper: 32 bytes. Keys are stored and looked up by this digest.

    Accepts any text, also one that `parse` does not accept. Never raises.
    """
    keyed = _keyed(pepper).copy()
    keyed.update(token_value.encode("utf-8", "surrogatepass"))
    return keyed.digest()


@lru_cache(maxsize=64)
def _keyed(pepper: bytes) -> hmac.HMAC:
    """The HMAC object that `digest` copies. hmac.digest() would release the GIL and wait to get it back."""
    return hmac.new(pepper, digestmod="sha256")


def _checksum(text: str) -> str:
    """CRC-32 of ASCII text as six base62 digits, most significant first."""
    number = crc32(text.encode())
    return _DIGIT_PAIRS[number // 14_776_336] + _DIGIT_PAIRS[number // 3_844 % 3_844] + _DIGIT_PAIRS[number % 3_844]


def _random_digits(count: int) -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(count))
