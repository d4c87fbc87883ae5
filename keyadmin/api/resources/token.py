"""`/api/token`: people sign in to the API, refresh their tokens and sign out. No credential is needed."""

from contextlib import suppress
from typing import Annotated, Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponse
from django.views.decorators.debug import sensitive_variables
from ninja import Router, Status
from pydantic import BaseModel, Field

from keyadmin.api import errors, openapi
from keyadmin.api.auth import person_actor
from keyadmin.api.schemas import Body
from keyadmin.conf import conf
from keyadmin.core.actors import Actor
from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.models import Person
from keyadmin.operations.people import access_tokens, token_sessions
from keyadmin.operations.people.sign_in import SignInAdapter
from keyadmin.operations.people.token_sessions import ACCESS_TOKEN_LIFETIME, SessionGrant

router = Router(tags=["Tokens of people"])

_WRONG_CREDENTIALS: Final = "Wrong email or password."
_SESSION_ENDED: Final = "This refresh token is not valid. Sign in again."


class SignIn(Body):
    email: Annotated[str, Field(max_length=254, examples=["jonas@northwind.example"])]
    password: Annotated[str, Field(max_length=1000, examples=["correct horse battery staple"])]


class Refresh(Body):
    refresh_token: Annotated[str, Field(max_length=200)] = Field(examples=["mF_9.B5f-4.1JqM"])


class Tokens(BaseModel):
    access_token: str = Field(
        description="A JWT for `Authorization: Bearer`.", examples=["eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.…"]
    )
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int = Field(description="Seconds for which the access token is valid.", examples=[600])
    refresh_token: str = Field(
        description="Valid for one use. A second use ends the session.", examples=["mF_9.B5f-4.1JqM"]
    )


@router.post("/token", auth=None, url_name="token", **openapi.public(Tokens))
@sensitive_variables("body", "adapter")
def sign_in(request: HttpRequest, body: SignIn) -> Tokens | HttpResponse:
    """Sign in with email address and password. After too many failures, the response is 429."""
    _require_signing_key()
    email = body.email.strip()
    try:
        validate_email(email)
    except ValidationError:
        raise InvalidInputError({"email": ["Enter an email address."]}) from None
    adapter = SignInAdapter(request)
    try:
        person = adapter.authenticate(request, email=email, password=body.password)
    except ValidationError:
        return errors.too_many_attempts(request, adapter.seconds_left(request, email=email))
    if not isinstance(person, Person):
        return errors.not_signed_in(request, _WRONG_CREDENTIALS)
    try:
        session = token_sessions.begin(actor=person_actor(request, person), binding=person.get_session_auth_hash())
    except NotFoundError:  # deactivated, or the password changed, a moment ago
        return errors.not_signed_in(request, _WRONG_CREDENTIALS)
    return _tokens(session)


@router.post("/token/refresh", auth=None, url_name="token-refresh", **openapi.public(Tokens))
@sensitive_variables("body")
def refresh(request: HttpRequest, body: Refresh) -> Tokens | HttpResponse:
    """Exchange a refresh token for new tokens. A refresh token can be used once."""
    _require_signing_key()
    try:
        session = token_sessions.refresh(actor=_session_owner(request, body), token=body.refresh_token)
    except NotFoundError:
        session = None
    return errors.not_signed_in(request, _SESSION_ENDED) if session is None else _tokens(session)


@router.post("/token/revoke", auth=None, url_name="token-revoke", **openapi.public(None))
@sensitive_variables("body")
def revoke(request: HttpRequest, response: HttpResponse, body: Refresh) -> Status[None]:
    """Sign out: the session of the refresh token ends, with its access tokens. Unknown tokens get 204, too."""
    _require_signing_key()
    with suppress(NotFoundError):
        token_sessions.end(actor=_session_owner(request, body), token=body.refresh_token)
    return Status(204, None)


def _require_signing_key() -> None:
    """Raise NotFoundError without KEYADMIN_JWT_KEY: these endpoints do not exist then."""
    if not conf.jwt_key:
        raise NotFoundError


def _session_owner(request: HttpRequest, body: Refresh) -> Actor:
    """The person of the refresh token's session. Raises NotFoundError."""
    person = token_sessions.person_of(body.refresh_token)
    if person is None:
        raise NotFoundError
    return person_actor(request, person)


def _tokens(session: SessionGrant) -> Tokens:
    lifetime = int(ACCESS_TOKEN_LIFETIME.total_seconds())
    return Tokens(access_token=access_tokens.issue(session), expires_in=lifetime, refresh_token=session.refresh)
