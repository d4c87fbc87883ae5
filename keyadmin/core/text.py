"""The normal form of names and of other texts in one line that people type."""

import re
import unicodedata

#: The characters of Unicode's category Zs, and the tab.
_BLANKS = re.compile("[\t \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")


def normalise(text: str) -> str:
    """The text in NFC, with each run of blanks as one blank and none at either end.

    It is applied to what is saved, searched for and compared. Texts that look alike in this form are equal.
    `normalise` in static/js/dom.js does the same in the browser. Line breaks and control characters stay.
    """
    return _BLANKS.sub(" ", unicodedata.normalize("NFC", text)).strip()
