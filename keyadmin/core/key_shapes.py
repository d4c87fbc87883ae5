"""Finds API keys in text that people and programs send, also keys that are percent-encoded or split.

Stricter than `tokens.KEY_SHAPED`, which redacts logs: a name of 85 letters is not a key.
"""

import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise
from typing import Final
from urllib.parse import unquote

from keyadmin.core import tokens

#: A prefix, and 32 or more characters of a key ID and secret.
_PREFIXED: Final = re.compile(r"(?<![0-9A-Za-z])(?=([A-Za-z][0-9A-Za-z]{1,11})_[0-9A-Za-z_]{32})")
_WHOLE_KEY: Final = re.compile(r"(?<=([0-9A-Za-z]))_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}")
_COMPACT_KEY: Final = re.compile(r"([0-9A-Za-z]{2,12})_[0-9A-Fa-f]{32}(?![0-9A-Za-z])")
#: A key ID, and at least a part of the secret after it.
_KEY_ID_AND_SECRET: Final = re.compile(r"([a-z][a-z0-9]{1,11}_[0-9A-Za-z]{16})_[0-9A-Za-z]+")
_COMPACT_PARTS: Final = re.compile(r"([a-z][a-z0-9]{1,11}_[0-9a-f]{8})[0-9a-f]{24}")
_LETTERS_AND_DIGITS: Final = re.compile(r"[0-9A-Za-z]+")
_SEPARATORS: Final = re.compile(r"[\s/\\]+")
_ESCAPED_PERCENT_ROUNDS: Final = 3
#: Characters of a secret of the default format, without and with its checksum.
_SECRET_LENGTHS: Final = (43, 49)
#: Share of neighbours in a random text that are not both digits, both capitals or both small letters: about 0.62.
_MIN_CHANGES: Final = 0.3


def contains_key(text: str, is_prefix: Callable[[str], bool] = lambda prefix: True) -> bool:
    """Whether the text contains a whole key or the secret of one.

    `is_prefix` says of a text in lower case whether keys of this installation begin with it. It is only called for
    texts that look like a key.
    """
    if len(text) < min(_SECRET_LENGTHS) and "_" not in text and "%" not in text:
        return False
    text = _decode(text)
    if any(is_prefix(match[1].lower()) for match in _PREFIXED.finditer(text)):
        return True
    pieces = [piece for piece in _SEPARATORS.split(text) if piece]
    joined = "".join(pieces)
    if any(_is_whole_key(joined, match) for match in _WHOLE_KEY.finditer(joined)):
        return True
    if len(pieces) > 1 and any(_is_compact_key(match[1].lower(), is_prefix) for match in _COMPACT_KEY.finditer(joined)):
        return True
    return any(map(_is_random, _LETTERS_AND_DIGITS.findall(text))) or _has_split_secret(pieces)


def public_part(text: str) -> str:
    """What a text that contains a key may show of it: the key ID, or prefix and eight characters of a compact key.

    "" if it contains only a secret.
    """
    joined = "".join(_SEPARATORS.split(_decode(text)))
    match = _KEY_ID_AND_SECRET.search(joined) or _COMPACT_PARTS.search(joined)
    return match[1] if match else ""


def _decode(text: str) -> str:
    """The text without other forms of the same characters, and without percent-encoding."""
    text = unicodedata.normalize("NFKC", text)
    for _ in range(_ESCAPED_PERCENT_ROUNDS):
        text = unquote(text)
    return text


def _is_whole_key(joined: str, match: re.Match[str]) -> bool:
    """Whether a key with a valid checksum ends with this match. The end of another word may precede its prefix."""
    starts = range(max(0, match.start() - 12), match.start() - 1)
    return any(tokens.parse(joined[start : match.end()]) is not None for start in starts)


def _is_compact_key(before: str, is_prefix: Callable[[str], bool]) -> bool:
    """Whether the characters before `_` end with a prefix."""
    return any(is_prefix(before[start:]) for start in range(len(before) - 1))


def _has_split_secret(pieces: list[str]) -> bool:
    """Whether consecutive pieces add up to a secret."""
    for first in range(len(pieces)):
        secret = ""
        for piece in pieces[first:]:
            secret += piece
            if len(secret) > max(_SECRET_LENGTHS):
                break
            if secret != piece and _is_random(secret):
                return True
    return False


def _is_random(text: str) -> bool:
    """Whether a text is as long as a secret, and changes between digits, capitals and small letters as often."""
    if len(text) not in _SECRET_LENGTHS or not (text.isascii() and text.isalnum()):
        return False
    kinds = ["0" if char.isdigit() else "A" if char.isupper() else "a" for char in text]
    return len(set(kinds)) == 3 and sum(a != b for a, b in pairwise(kinds)) >= _MIN_CHANGES * len(text)
