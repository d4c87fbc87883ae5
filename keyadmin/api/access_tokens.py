"""Access tokens of people: short-lived JWTs that name a session, which decides (RFC 7519, RFC 9068)."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import jwt

from keyadmin.conf import conf
from keyadmin.models import Person, TokenSession
from keyadmin.operations.people.token_sessions import Begun

LIFE: Final = timedelta(minutes=10)
_ALGORITHM: Final = "HS256"
_NAME: Final = "keyadmin"  # issuer and audience
_TYPE: Final = "at+jwt"
_CLAIMS: Final = ["iss", "aud", "sub", "sid", "iat", "exp"]


def of(begun: Begun) -> str:
    """A token for the session, good for LIFE."""
    claims = {
        "iss": _NAME,
        "aud": _NAME,
        "sub": str(begun.person),
        "sid": str(begun.session),
        "iat": begun.at,
        "exp": begun.at + LIFE,
    }
    return jwt.encode(claims, conf.jwt_key, _ALGORITHM, {"typ": _TYPE})


def person_of(token: str) -> Person | None:
    """Whose token it is, while it is good: signed by us, not expired, its session living, all read now."""
    try:
        whole = jwt.decode_complete(
            token,
            conf.jwt_key,
            [_ALGORITHM],
            audience=_NAME,
            issuer=_NAME,
            options={"require": _CLAIMS, "verify_exp": False, "verify_iat": False},  # by the database's clock, below
        )
        claims = whole["payload"]
        session, person, until = UUID(claims["sid"]), UUID(claims["sub"]), float(claims["exp"])
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    found = TokenSession.of(session, person) if whole["header"].get("typ") == _TYPE else None
    if found is None or until <= found.now.timestamp():
        return None
    return found.person
