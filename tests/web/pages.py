"""Reads the HTML of pages."""

import re
from html import unescape
from typing import Any


def key_names(html: str) -> list[str]:
    """The names in a list of keys, bots or organisations, in order."""
    return re.findall(r'class="key-name"[^>]*>([^<]*)<', html)


def first_group(pattern: str, html: str) -> str:
    """The first group of the pattern's first match, which must be there."""
    match = re.search(pattern, html)
    assert match, html
    return match[1]


def secret_in(html: str) -> str:
    """The secret that the page shows after a key was created."""
    return first_group(r'id="reveal-key" data-secret>([^<]+)<', html)


def form_values(page: str, start: str = "data-keyform") -> dict[str, Any]:
    """The fields that a browser would send of the key form on the page, or of the form after `start`."""
    fields: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", page[page.index(start) :]):
        attributes = {name: unescape(value) for name, value in re.findall(r'([a-z-]+)="([^"]*)"', tag)}
        ticked = attributes.get("type") not in ("checkbox", "radio") or " checked" in tag
        if "name" in attributes and ticked:
            fields.setdefault(attributes["name"], []).append(attributes.get("value", "on"))
    fields.pop("csrfmiddlewaretoken", None)
    return fields
