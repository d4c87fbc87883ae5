"""Well-formed secrets that the server must deny."""

from keyadmin.core import tokens


def unknown_token(token: tokens.Token) -> tokens.Token:
    """A well-formed key with the same prefix that does not exist."""
    return tokens.mint(token.prefix, token.format)


def wrong_secret(token: tokens.Token) -> tokens.Token:
    """Another secret for the same key ID, with a correct checksum."""
    fake = unknown_token(token)
    body = fake.secret[:43]
    wrong = tokens.parse_pair(str(token.key_id), body + tokens._checksum(f"{token.key_id}_{body}"))
    assert wrong is not None
    return wrong
