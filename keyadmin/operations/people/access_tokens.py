"""Access tokens of people for the API: short-lived JWTs (RFC 7519, RFC 9068) that name a person and a session.

The session is read from the database on each call, so that its end is the end of its tokens.
"""

from typing import Final
from uuid import UUID

import jwt
from django.views.decorators.debug import sensitive_variables

from keyadmin.conf import conf
from keyadmin.models import Person, TokenSession
from keyadmin.operations.people.token_sessions import ACCESS_TOKEN_LIFETIME, SessionGrant

_ALGORITHM: Final = "HS256"
_ISSUER: Final = "keyadmin"  # also the audience
_TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - RFC 9068's name of the type
_CLAIMS: Final = ["iss", "aud", "sub", "sid", "iat", "exp"]


def issue(session: SessionGrant) -> str:
    """Return an access token for the session, valid for ACCESS_TOKEN_LIFETIME."""
    claims = {
        "iss": _ISSUER,
        "aud": _ISSUER,
        "sub": str(session.person),
        "sid": str(session.session),
        "iat": session.at,
        "exp": session.at + ACCESS_TOKEN_LIFETIME,
    }
    return jwt.encode(claims, conf.jwt_key, _ALGORITHM, {"typ": _TOKEN_TYPE})


@sensitive_variables("token", "decoded", "claims")
def find_person(token: str) -> Person | None:
    """Return the person of a valid access token, else None.

    A token is valid if it is signed with KEYADMIN_JWT_KEY, has not expired by the database's clock, and its session
    still exists.
    """
    try:
        decoded = jwt.decode_complete(
            token,
            conf.jwt_key,
            [_ALGORITHM],
            audience=_ISSUER,
            issuer=_ISSUER,
            # Expiry is checked below, by the database's clock.
            options={"require": _CLAIMS, "verify_exp": False, "verify_iat": False},
        )
        claims = decoded["payload"]
        session_id, person_id, expires = UUID(claims["sid"]), UUID(claims["sub"]), float(claims["exp"])
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    session = TokenSession.find_alive(session_id, person_id) if decoded["header"].get("typ") == _TOKEN_TYPE else None
    if session is None or expires <= session.now.timestamp():
        return None
    person: Person = session.person
    return person
