"""The tag `lucide`: the same SVG as that of the package, from a cache."""

from typing import Any

import pytest
from django.template import Context, Template
from lucide.templatetags.lucide import lucide as of_package

from keyadmin.web.templatetags import icons

NAMES = [name.removesuffix(".svg") for name in icons._archive().namelist() if name.endswith(".svg")]


@pytest.mark.parametrize(
    "attributes",
    [{}, {"size": 15}, {"size": None}, {"stroke_width": 2.25, "class": "lucide-flip"}, {"stroke_linecap": '"<&>'}],
    ids=str,
)
def test_icon_is_the_same_as_that_of_the_package(attributes: dict[str, Any]) -> None:
    for name in NAMES[:: 1 if not attributes else 20]:
        assert icons.lucide(name, **attributes) == of_package(name, **attributes), name


def test_icon_is_not_escaped_and_unknown_icon_raises() -> None:
    assert Template('{% lucide "key" size=15 %}').render(Context()).startswith("<svg")
    with pytest.raises(KeyError):
        icons.lucide("no-such-icon")
