"""Compares markup regardless of white space."""

import re


def collapse(html: str) -> str:
    """The markup with single spaces between words and none beside tags."""
    return re.sub(r" ?([<>]) ?", r"\1", " ".join(html.split()))
