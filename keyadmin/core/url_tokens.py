"""Encoded and signed values in URLs, in a form that cannot be taken for an API key.

Pages remove keys from URLs, and a run of random letters and digits may be the secret of one. So a value is written in
pieces that are shorter than a secret.
"""

from typing import Final

_PIECE_LENGTH: Final = 20
#: Unreserved in URLs (RFC 3986), and not part of base64url or of Django's signatures.
_SEPARATOR: Final = "~"


def split(value: str) -> str:
    """The value in pieces."""
    return _SEPARATOR.join(value[start : start + _PIECE_LENGTH] for start in range(0, len(value), _PIECE_LENGTH))


def join(text: str) -> str:
    """The value of a text that `split` returned."""
    return text.replace(_SEPARATOR, "")
