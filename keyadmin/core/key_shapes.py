"""What looks like an API key in text, also if it is percent-encoded or split by blanks and slashes.

With `known_prefixes`, which knows the prefixes of this installation, ordinary text is not taken for a key: for what
people type, and for what was stored. Without it, a text that may be a key counts as one: for logs, which have no
database.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import pairwise
from typing import Final
from urllib.parse import unquote

type KnownPrefixes = Callable[[Collection[str]], Collection[str]]
"""Returns those of the texts, in lower case, with which keys of this installation begin. At most two calls a text."""

type Span = tuple[int, int]
"""The start and end of a part of a text."""

#: A key that stands alone: a prefix, and 32 or more characters of a key ID and secret.
_WITH_PREFIX: Final = re.compile(r"(?<![0-9A-Za-z])([A-Za-z][0-9A-Za-z]{1,11})_[0-9A-Za-z_]{32,}")
#: The same without knowledge of prefixes; a run of letters and digits may be a secret.
_WITHOUT_PREFIX: Final = re.compile(
    r"[a-z][a-z0-9]{1,11}_[0-9a-z]{16}_[0-9a-z]{43,} | [a-z][a-z0-9]{1,11}_[0-9a-f]{32} | [0-9a-z]{43,}",
    re.IGNORECASE | re.VERBOSE,
)
# In text without blanks and slashes.
_JOINED_KEY: Final = re.compile(r"[a-z][a-z0-9]{1,11}_[0-9a-z]{16}_[0-9a-z]{43,49}", re.IGNORECASE)
_JOINED_COMPACT_KEY: Final = re.compile(r"([a-z][a-z0-9]{1,11})_([0-9a-f]{32})", re.IGNORECASE)
_LETTERS_AND_DIGITS: Final = re.compile(r"[0-9A-Za-z]+")
#: A key ID, and at least a part of the secret after it.
_KEY_ID_AND_SECRET: Final = re.compile(r"([a-z][a-z0-9]{1,11}_[0-9A-Za-z]{16})_[0-9A-Za-z]+")
_COMPACT_PARTS: Final = re.compile(r"([a-z][a-z0-9]{1,11}_[0-9a-f]{8})[0-9a-f]{24}")

#: Part of no key.
_BARRIER: Final = "\0"
_SEPARATORS: Final = frozenset("/\\+")
_ESCAPE: Final = re.compile(r"%[0-9a-fA-F]{2}")
#: Times that a text may be percent-encoded.
_MAX_ENCODINGS: Final = 3
#: Characters of the shortest key: a prefix of two, `_`, and 32 hexadecimal digits.
_MIN_LENGTH: Final = 35
#: Text of ASCII characters without any of these contains no key. Most texts are decided by this, in a microsecond.
_may_contain_key: Final = re.compile(r"[_%][0-9A-Za-z_\s/\\+%]{32} | [0-9A-Za-z\s/\\+%]{43}", re.VERBOSE).search
#: Characters of a secret of the default format, without and with its checksum.
_SECRET_LENGTHS: Final = (43, 49)
# Letters and digits of words that follow each other can be as long as a secret. But a secret changes more often between
# digits, capitals and small letters (62 % of the characters of a random text differ in kind from the one before), has
# fewer words, and fewer vowels among its letters (19 %). One of ten thousand secrets is taken for words.
_MIN_CHANGES: Final = 0.3
_MANY_CHANGES: Final = 0.5
_MIN_WORDS: Final = 0.7
_MIN_VOWELS: Final = 0.3
_VOWEL: Final = re.compile(r"[AEIOUaeiou]")
_MIN_CHANGES_OF_KEY: Final = 4
#: Different prefixes in one text that are looked up.
_MAX_CANDIDATES: Final = 200
#: Every third place of a long run is examined: a random part has no fewer changes there.
_STEP: Final = 3
_WORD: Final = re.compile(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}|[0-9]{4,}")


def find_keys(text: str, known_prefixes: KnownPrefixes | None = None) -> list[Span]:
    """The places of keys and secrets in the text, in order and without overlaps."""
    if len(text) < _MIN_LENGTH or (text.isascii() and not _may_contain_key(text)):
        return []
    plain, places = _decode(text)
    found = list(_whole(plain, known_prefixes))
    for start, end in found:  # so that words around a whole key are not taken for parts of it
        plain = plain[:start] + _BARRIER * (end - start) + plain[end:]
    kept = [index for index, char in enumerate(plain) if not (char.isspace() or char in _SEPARATORS)]
    joined = "".join(plain[index] for index in kept)
    for start, end in (*_split(joined, known_prefixes), *_secrets(joined, kept, known_prefixes)):
        found.append((kept[start], kept[end - 1] + 1))
    return _merge([(places[start][0], places[end - 1][1]) for start, end in found])


def contains_key(text: str, known_prefixes: KnownPrefixes | None = None) -> bool:
    """Whether the text contains a whole key or the secret of one."""
    return bool(find_keys(text, known_prefixes))


def replace_keys(text: str, replacement: str, known_prefixes: KnownPrefixes | None = None) -> str:
    """The text with the replacement in place of each key and secret."""
    for start, end in reversed(find_keys(text, known_prefixes)):
        text = text[:start] + replacement + text[end:]
    return text


def public_part(text: str) -> str:
    """What a text that contains a key may show of it: the key ID, or prefix and eight characters of a compact key.

    "" if it contains only a secret.
    """
    plain = unicodedata.normalize("NFKC", text)
    for _ in range(_MAX_ENCODINGS):
        plain = unquote(plain)
    joined = "".join(char for char in plain if not (char.isspace() or char in _SEPARATORS))
    match = _KEY_ID_AND_SECRET.search(joined) or _COMPACT_PARTS.search(joined)
    return match[1] if match else ""


def _decode(text: str) -> tuple[str, list[Span]]:
    """The text without percent-encoding and other forms of the same characters, and the place of each character."""
    characters, places = text, [(index, index + 1) for index in range(len(text))]
    for _ in range(_MAX_ENCODINGS):
        if not (escapes := list(_ESCAPE.finditer(characters))):
            break
        decoded, decoded_places, end = [], [], 0
        for escape in escapes:
            decoded += [characters[end : escape.start()], chr(int(escape[0][1:], 16))]
            decoded_places += [*places[end : escape.start()], (places[escape.start()][0], places[escape.end() - 1][1])]
            end = escape.end()
        characters, places = "".join([*decoded, characters[end:]]), [*decoded_places, *places[end:]]
    if characters.isascii():
        return characters, places
    forms = [unicodedata.normalize("NFKC", char) for char in characters]
    return "".join(forms), [place for form, place in zip(forms, places, strict=True) for _ in form]


def _whole(plain: str, known_prefixes: KnownPrefixes | None) -> Iterator[Span]:
    """Keys that are not split."""
    if known_prefixes is None:
        yield from (match.span() for match in _WITHOUT_PREFIX.finditer(plain))
        return
    matches = [(match.span(), match[1].lower()) for match in _WITH_PREFIX.finditer(plain)]
    known = _known((prefix for _, prefix in matches), known_prefixes)
    yield from (span for span, prefix in matches if prefix in known)


def _split(joined: str, known_prefixes: KnownPrefixes | None) -> Iterator[Span]:
    """Keys in text from which blanks and slashes were removed. The end of another word may precede their prefix."""
    for match in _JOINED_KEY.finditer(joined):
        if _changes(match[0]) >= _MIN_CHANGES_OF_KEY:
            yield match.span()
    matches = [(match.span(), match[1].lower()) for match in _JOINED_COMPACT_KEY.finditer(joined)]
    if known_prefixes is None:
        yield from (span for span, _ in matches)
        return
    ends = {before: [before[start:] for start in range(len(before) - 1)] for _, before in matches}
    known = _known((end for texts in ends.values() for end in texts), known_prefixes)
    yield from (span for span, before in matches if not known.isdisjoint(ends[before]))


def _known(candidates: Iterable[str], known_prefixes: KnownPrefixes) -> frozenset[str]:
    """Those of the candidates that are prefixes of keys. All of them, if a text has more than any that people type."""
    distinct = frozenset(candidates)
    if not distinct or len(distinct) > _MAX_CANDIDATES:
        return distinct
    return frozenset(known_prefixes(distinct))


def _secrets(joined: str, kept: list[int], known_prefixes: KnownPrefixes | None) -> Iterator[Span]:
    """Secrets without a key ID. `kept` is the place of each character before blanks and slashes were removed.

    A secret begins and ends where a piece between blanks and slashes does. Without `known_prefixes`, it may be anywhere
    in a run of letters and digits, and all of the run is returned.
    """
    shortest = min(_SECRET_LENGTHS)
    for run in _LETTERS_AND_DIGITS.finditer(joined):
        first, last = run.span()
        if last - first < shortest:
            continue
        if known_prefixes is None:
            if any(_is_random(joined[start : start + shortest]) for start in range(first, last - shortest + 1, _STEP)):
                yield first, last
            continue
        gaps = [index for index in range(first + 1, last) if kept[index] != kept[index - 1] + 1]
        ends, end = {*gaps, last}, first
        for start in (first, *gaps):
            if start < end:  # in the secret before
                continue
            for length in _SECRET_LENGTHS:
                if start + length in ends and _is_random(joined[start : start + length]):
                    end = start + length
                    yield start, end


def _is_random(text: str) -> bool:
    """Whether a text of ASCII letters and digits looks like a secret rather than like words."""
    if text.islower() or text.isupper():
        return False
    size, changes = len(text), _changes(text)
    if not {"A", "a"} <= {_kind(char) for char in text} or changes < _MIN_CHANGES * size:
        return False
    words = sum(len(match[0]) for match in _WORD.finditer(text))
    vowels, letters = len(_VOWEL.findall(text)), sum(map(str.isalpha, text))
    is_words = changes < _MANY_CHANGES * size and words > _MIN_WORDS * size and vowels > _MIN_VOWELS * letters
    return not is_words


def _changes(text: str) -> int:
    """How often neighbours are not both digits, both capitals or both small letters."""
    return sum(_kind(one) != _kind(other) for one, other in pairwise(text))


def _kind(char: str) -> str:
    return "0" if char.isdigit() else "A" if char.isupper() else "a"


def _merge(spans: list[Span]) -> list[Span]:
    """The spans in order, those that overlap as one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
