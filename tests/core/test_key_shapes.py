"""Keys are found in text in every form in which people paste them; ordinary text is not taken for a key."""

from urllib.parse import quote

import pytest

from keyadmin.core import tokens
from keyadmin.core.key_shapes import contains_key, replace_keys
from keyadmin.core.tokens import KeyFormat
from keyadmin.core.url_tokens import join, split

known = frozenset(("kad", "whm")).intersection


def forms(key: str) -> list[str]:
    """The key as people paste it."""
    half = len(key) // 2
    return [
        key,
        f"the key is {key}, please check",
        f'{{"key":"{key}"}}',
        key.replace("_", "%5F"),
        quote(key.replace("_", "%5f")),
        f"{key[:half]} {key[half:]}",
        f"{key[:half]}%20{key[half:]}",
        f"/v1/{key[:half]}/{key[half:]}",
        f"{key[:10]}\n{key[10:30]}\n{key[30:]}",
        "".join(chr(ord(char) + 0xFEE0) if char.isalnum() else char for char in key),
    ]


@pytest.mark.parametrize("repeat", range(20))
def test_whole_key_is_found_in_every_form(repeat: int) -> None:
    for key in (tokens.mint("kad").value, tokens.mint("whm", KeyFormat.COMPACT).value):
        for text in forms(key):
            assert contains_key(text, known), text


@pytest.mark.parametrize("repeat", range(20))
def test_secret_without_its_key_id_is_found(repeat: int) -> None:
    secret = tokens.mint("kad").secret
    for text in (
        secret,
        f"secret: {secret}",
        f"{secret[:20]} {secret[20:]}",
        f"{secret[:9]}/{secret[9:]}",
        secret[:43],
    ):
        assert contains_key(text, known), text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CRM integration",
        "kad_a1b2c3d4e5f6a7b8",
        "kad_a1b2c3d4••••",
        "Northwindwarehouseinventorysynchronisationserviceforthenorthernandsouthernregions2026",
        "NorthwindWarehouseInventorySynchronisationServiceForTheNorthernAndSouthernRegions2026",
        "sha_d41d8cd98f00b204e9800998ecf8427e",
        "d41d8cd98f00b204e9800998ecf8427e",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "9b2d1c4e-5f60-4a7b-8c9d-0e1f2a3b4c5d",
        "Reads chats of WhatsApp and SMS for the CRM in Oslo, Bergen and Ålesund. Owner: Jonas Lind, room B12, 2026.",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
        "/api/v1/organisations/northwind/warehouses/oslo/inventories/2026/11/30/items",
        "100 % off for customers of the kad_ programme",
        "Import 12 Keys From 3 Regions For The CRM Team In Berlin And Paris",
        "Sync 3 CRM Systems Into The Data Warehouse Of Northwind Traders Every Night At 2",
        "ServiceForTheNorthernAndSouthernRegions2026",
        "Backup_of_the_production_database_in_Frankfurt_2026_and_of_all_its_replicas",
    ],
)
def test_ordinary_text_is_no_key(text: str) -> None:
    assert not contains_key(text, known)


@pytest.mark.parametrize("form", KeyFormat)
def test_only_the_key_is_replaced_in_a_text(form: KeyFormat) -> None:
    key = tokens.mint("kad", form).value
    for text, shown in (
        (f"the key is {key}, please check", "the key is [x], please check"),
        (f"{key} and {key}", "[x] and [x]"),
        (f"Old/{key[:30]} {key[30:]}: gone", "[x]: gone"),
        ("sha_d41d8cd98f00b204e9800998ecf8427e", "sha_d41d8cd98f00b204e9800998ecf8427e"),
    ):
        assert replace_keys(text, "[x]", known) == shown


@pytest.mark.parametrize("length", [1, 19, 20, 21, 43, 49, 200])
def test_encoded_value_in_a_url_is_no_key(length: int) -> None:
    secret = tokens.mint("kad").secret
    value = (secret * 5)[:length]
    assert join(split(value)) == value
    assert not contains_key(split(value), known)
    assert not contains_key(split(value))
