"""The normal form of email addresses."""

import pytest

from keyadmin.core.email_address import EmailAddressError, normal_form


@pytest.mark.parametrize(
    "address",
    [
        "Ann@Example.com",
        " ann@example.com ",
        "ANN@EXAMPLE.COM",
        "ａｎｎ@example.com",
        "ann@ｅｘａｍｐｌｅ．com",
        "ann＠example.com",
    ],
)
def test_forms_of_one_address_are_equal(address: str) -> None:
    assert normal_form(address) == "ann@example.com"


@pytest.mark.parametrize(
    "address", ["sam@bücher.example", "SAM@BÜCHER.example", "sam@xn--bcher-kva.example", "ſam@BÜCHER.example"]
)
def test_domain_is_ascii(address: str) -> None:
    assert normal_form(address) == "sam@xn--bcher-kva.example"


@pytest.mark.parametrize("address", ["jürgen@example.com", "аnn@example.com", "ann\u0130@example.com"])
def test_local_part_outside_ascii_is_rejected(address: str) -> None:
    with pytest.raises(EmailAddressError) as raised:
        normal_form(address)
    assert raised.value.is_local_part_foreign


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "@example.com",
        '"ann"@example.com',
        "ann@a..b",
        "ann@a b.example",
        "a\x00nn@example.com",
        "ann@ex\x00.example",
        "a nn@example.com",
        "ann@",
        "ann@" + "a" * 70 + ".example",
        "ann@straße.example",
        "ann@STRAẞE.example",
        "ann@βόλος.example",
        "ann@a\u200cb.example",
        "ann@[192.0.2.1]",
    ],
)
def test_text_that_is_no_address_is_rejected(address: str) -> None:
    with pytest.raises(EmailAddressError) as raised:
        normal_form(address)
    assert not raised.value.is_local_part_foreign
