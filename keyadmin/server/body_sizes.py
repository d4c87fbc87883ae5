"""How large the body of a request may be. gunicorn's first process imports this, without Django's applications."""

from typing import Final

from keyadmin.conf import conf

#: Bytes of a body.
MAX_BODY_SIZE: Final = 1024 * 1024
#: Bytes of a body on a path that needs no credential.
MAX_OPEN_BODY_SIZE: Final = 16 * 1024
#: Paths of pages that need no session: sign-in, password reset, invitation.
_OPEN_PAGES: Final = ("/account/", "/password/", "/welcome/")


def is_open(path: str) -> bool:
    """Whether requests of this path need no credential."""
    return path.startswith((*_OPEN_PAGES, f"{conf.api_prefix}token"))


def max_body_size(path: str) -> int:
    """Bytes that a request of this path may have in its body."""
    return MAX_OPEN_BODY_SIZE if is_open(path) else MAX_BODY_SIZE
