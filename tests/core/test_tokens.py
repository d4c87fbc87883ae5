"""Keys: both formats, and texts that are not keys."""

import hashlib
import hmac
import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from keyadmin.core import tokens
from keyadmin.core.tokens import KeyFormat

PEPPER = bytes(range(32))
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
HEX = "0123456789abcdef"

prefixes = st.from_regex(tokens.PREFIX_PATTERN, fullmatch=True)
formats = st.sampled_from(KeyFormat)
anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=120)


def minted(shape):
    return st.builds(lambda prefix: tokens.mint(prefix, shape), prefixes)


default_keys = minted(KeyFormat.DEFAULT)
compact_keys = minted(KeyFormat.COMPACT)


@given(prefix=prefixes, shape=formats)
def test_minted_key_parses_to_itself(prefix, shape):
    token = tokens.mint(prefix, shape)
    assert tokens.parse(token.value) == token
    assert (token.prefix, token.format) == (prefix, shape)
    assert len(token.value) <= tokens.MAX_TOKEN_LENGTH


def test_default_key_has_the_documented_format():
    token = tokens.mint("kad")
    assert re.fullmatch(r"kad_[0-9A-Za-z]{16}_[0-9A-Za-z]{43}[0-9A-Za-z]{6}", token.value)
    assert token.value == f"{token.key_id}_{token.secret}"
    assert token.recognition == token.value[4:12]


def test_checksum_is_crc_32_in_base62():
    """A fixed example, so that issued keys stay valid when the code changes."""
    assert tokens.parse("kad_0123456789abcdef_" + "A" * 43 + "1Nvzno") is not None
    assert tokens.parse("kad_0123456789abcdef_" + "A" * 43 + "1Nvznp") is None


def test_compact_key_has_the_documented_format():
    token = tokens.mint("whm", KeyFormat.COMPACT)
    assert re.fullmatch(r"whm_[0-9a-f]{32}", token.value)
    assert token.key_id is None
    assert token.recognition == token.value[4:12]


def test_minted_keys_differ():
    assert len({tokens.mint("kad").secret for _ in range(1000)}) == 1000
    assert len({tokens.mint("kad").key_id for _ in range(1000)}) == 1000


@pytest.mark.parametrize("prefix", ["", "k", "1ad", "Kad", "ka_d", "ka-d", "kåd", "kad\n", "k" * 13, "ka١"])
def test_invalid_prefix_is_neither_minted_nor_parsed(prefix):
    with pytest.raises(ValueError, match="prefix"):
        tokens.mint(prefix)
    assert tokens.parse(f"{prefix}_{'0' * 32}") is None


@given(token=default_keys, place=st.integers(min_value=0), char=st.sampled_from(BASE62 + "_-. é"))
def test_substituted_character_is_rejected(token, place, char):
    value = token.value
    place %= len(value)
    assume(value[place] != char)
    assert tokens.parse(value[:place] + char + value[place + 1 :]) is None


@given(token=default_keys, place=st.integers(min_value=0), char=st.sampled_from(BASE62 + "_-. é"))
def test_inserted_character_is_rejected(token, place, char):
    place %= len(token.value) + 1
    assert tokens.parse(token.value[:place] + char + token.value[place:]) is None


@given(token=default_keys)
def test_dropped_character_is_rejected_at_every_position(token):
    value = token.value
    assert not any(tokens.parse(value[:i] + value[i + 1 :]) for i in range(len(value)))


@given(token=default_keys)
def test_swapped_neighbours_are_rejected_at_every_position(token):
    value = token.value
    for i in range(len(value) - 1):
        if value[i] != value[i + 1]:
            assert tokens.parse(value[:i] + value[i + 1] + value[i] + value[i + 2 :]) is None


def test_every_substitution_is_rejected():
    value = tokens.mint("kad").value
    for place, was in enumerate(value):
        for char in BASE62 + "_":
            assert char == was or tokens.parse(value[:place] + char + value[place + 1 :]) is None


@given(token=compact_keys)
def test_compact_key_in_capitals_is_rejected(token):
    assert tokens.parse(token.value.upper()) is None
    assert tokens.parse(token.prefix.upper() + "_" + token.secret) is None
    assert tokens.parse(token.prefix + "_" + token.secret[:-1] + "A") is None


@given(token=default_keys)
def test_default_key_with_a_prefix_in_capitals_is_rejected(token):
    assert tokens.parse(token.prefix.upper() + token.value[len(token.prefix) :]) is None


@pytest.mark.parametrize("secret", ["", "a" * 31, "a" * 33, "g" + "a" * 31, "a" * 31 + "\n", "a" * 31 + "١"])
def test_malformed_compact_key_is_rejected(secret):
    assert tokens.parse(f"whm_{secret}") is None


@pytest.mark.parametrize("shape", KeyFormat)
@pytest.mark.parametrize("around", ["{} ", " {}", "{}\n", "\t{}", "{}\x00", "Bearer {}", '"{}"', "{0}{0}"])
def test_text_around_a_key_is_rejected(shape, around):
    assert tokens.parse(around.format(tokens.mint("kad", shape).value)) is None


@given(text=anything)
@example("\udcff")
@example("kad_\x00")
@example("é" * 79)
def test_parse_pair_and_digest_never_raise_for_other_text(text):
    assert tokens.parse(text) is None
    assert tokens.parse_pair(text, text) is None
    assert len(tokens.digest(text, PEPPER)) == 32


@given(token=st.one_of(default_keys, compact_keys), place=st.integers(min_value=0), text=anything)
def test_parse_pair_and_digest_never_raise_for_a_key_with_text_in_it(token, place, text):
    place %= len(token.value)
    spoilt = token.value[:place] + text + "\x00" + token.value[place:]
    assert tokens.parse(spoilt) is None
    assert tokens.parse_pair(spoilt[:20], spoilt[21:]) is None
    assert len(tokens.digest(spoilt, PEPPER)) == 32


@pytest.mark.parametrize("char", ["a", "_", "\x00", "é", "\udcff", "\U0001f511"])
def test_text_of_a_hundred_kilobytes_is_rejected(char):
    text = char * 100_000
    assert tokens.parse(text) is None
    assert tokens.parse("kad_" + text) is None
    assert tokens.parse_pair(text, text) is None


@given(token=default_keys)
def test_pair_is_the_whole_key(token):
    assert tokens.parse_pair(token.key_id, token.secret) == token


@given(one=default_keys, other=default_keys)
def test_id_and_secret_of_different_keys_are_no_pair(one, other):
    assert tokens.parse_pair(one.key_id, other.secret) is None


@given(token=default_keys)
def test_key_split_elsewhere_is_no_pair(token):
    prefix, middle, secret = token.value.split("_")
    assert tokens.parse_pair(prefix, f"{middle}_{secret}") is None
    assert tokens.parse_pair(token.key_id, token.value) is None
    assert tokens.parse_pair(token.value, "") is None


@given(token=compact_keys)
def test_compact_key_has_no_pair(token):
    assert tokens.parse_pair(token.prefix, token.secret) is None


@given(text=st.text(max_size=80), pepper=st.binary(min_size=32, max_size=32))
def test_digest_is_hmac_sha256_under_the_pepper(text, pepper):
    expected = hmac.new(pepper, text.encode(), hashlib.sha256).digest()
    assert tokens.digest(text, pepper) == expected


def test_digest_depends_on_the_pepper():
    value = tokens.mint("kad").value
    assert tokens.digest(value, PEPPER) != tokens.digest(value, PEPPER[::-1])


@pytest.mark.parametrize("shape", KeyFormat)
def test_printed_token_does_not_show_the_secret(shape):
    token = tokens.mint("kad", shape)
    for shown in (repr(token), str(token), f"{token}", repr([token])):
        assert token.secret not in shown
        assert token.value not in shown


def test_new_secret_keeps_the_key_id() -> None:
    old = tokens.mint("kad")
    new = tokens.mint("kad", KeyFormat.DEFAULT, old.key_id)
    assert new.key_id == old.key_id
    assert new.secret != old.secret
    assert tokens.parse(new.value) == new
