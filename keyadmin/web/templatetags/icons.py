"""`{% lucide %}`: an icon as inline SVG. The tag of the package `lucide`, with its results cached.

A page has about fifty icons. The package opens its archive for each new one, and builds the tree of an icon for each
use.
"""

from functools import cache, lru_cache
from importlib.resources import files
from io import BytesIO
from typing import Final
from xml.etree import ElementTree
from zipfile import ZipFile

from django import template
from django.utils.safestring import SafeString

register = template.Library()

_NAMESPACE: Final = "{http://www.w3.org/2000/svg}"
#: Attributes of the lines; all others are attributes of the icon.
_OF_PATHS: Final = frozenset({"stroke-linecap", "stroke-linejoin", "vector-effect"})


@register.simple_tag
def lucide(name: str, *, size: int | None = 24, **attributes: object) -> SafeString:
    """The icon with this name. An underscore in the name of an attribute becomes a hyphen. KeyError: no such icon."""
    # A template passes texts as safe strings, which they need not be.
    return _svg(str(name), size, tuple((key.replace("_", "-"), f"{value}") for key, value in attributes.items()))


@lru_cache(maxsize=1024)
def _svg(name: str, size: int | None, attributes: tuple[tuple[str, str], ...]) -> SafeString:
    svg = ElementTree.fromstring(_archive().read(f"{name}.svg"))  # noqa: S314 - a file of the package
    for element in svg.iter():
        element.tag = element.tag.removeprefix(_NAMESPACE)
    if size is not None:
        svg.attrib.update(width=str(size), height=str(size))
    for key, value in attributes:
        for element in svg.findall("path") if key in _OF_PATHS else (svg,):
            element.set(key, value)
    return SafeString(ElementTree.tostring(svg, encoding="unicode"))


@cache
def _archive() -> ZipFile:
    """The package's icons, in memory: processes that are forked later share no position in a file."""
    return ZipFile(BytesIO(files("lucide").joinpath("lucide.zip").read_bytes()))
