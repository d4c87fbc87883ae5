"""`/api/token`: a person signs in for the API, stays signed in, and signs out. None of it asks for a credential."""

from contextlib import suppress
from typing import Annotated, Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponse
from django.views.decorators.debug import sensitive_variables
from ninja import Body as FromBody
from ninja import Router, Status
from pydantic import BaseModel, Field

from keyadmin.api import access_tokens, errors
from keyadmin.api.bodies import Body
from keyadmin.api.callers import of_person
from keyadmin.conf import conf
from keyadmin.core.actors import Actor
from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.models import Person
from keyadmin.operations.people import token_sessions
from keyadmin.operations.people.sign_in import SignInAdapter
from keyadmin.operations.people.token_sessions import Begun

router = Router(tags=["Tokens of people"])

_WRONG: Final = "The e-mail address or the password is wrong."
_ENDED: Final = "This refresh token is not good. Sign in again."


class SignIn(Body):
    email: Annotated[str, Field(max_length=254, examples=["jonas@northwind.example"])]
    password: Annotated[str, Field(max_length=1000, examples=["correct horse battery staple"])]


class Refresh(Body):
    refresh_token: Annotated[str, Field(max_length=200)]


class Tokens(BaseModel):
    access_token: str = Field(description="A JWT for `Authorization: Bearer`.")
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int = Field(description="Seconds in which the access token is good.", examples=[600])
    refresh_token: str = Field(description="Good for one use; used twice, it ends the session.")


@router.post("/token", response=Tokens, url_name="token")
@sensitive_variables("who", "adapter")
def sign_in(request: HttpRequest, who: SignIn = FromBody(...)) -> Any:  # noqa: B008
    """Sign in with e-mail address and password. Too many failures are answered 429."""
    _require_key()
    email = who.email.strip()
    try:
        validate_email(email)
    except ValidationError:
        raise InvalidInputError({"email": ["Enter an e-mail address."]}) from None
    adapter = SignInAdapter(request)
    try:
        person = adapter.authenticate(request, email=email, password=who.password)
    except ValidationError:
        return errors.too_many(request, adapter.seconds_left(request, email=email))
    if not isinstance(person, Person):
        return errors.not_signed_in(request, _WRONG)
    try:
        begun = token_sessions.begin(actor=of_person(request, person), binding=person.get_session_auth_hash())
    except NotFoundError:  # shut out, or another password, at this very moment
        return errors.not_signed_in(request, _WRONG)
    return _tokens(begun)


@router.post("/token/refresh", response=Tokens, url_name="token-refresh")
@sensitive_variables("sent")
def refresh(request: HttpRequest, sent: Refresh = FromBody(...)) -> Any:  # noqa: B008
    """New tokens for a refresh token, which is used up by it."""
    _require_key()
    try:
        begun = token_sessions.refresh(actor=_holder(request, sent), token=sent.refresh_token)
    except NotFoundError:
        begun = None
    return errors.not_signed_in(request, _ENDED) if begun is None else _tokens(begun)


@router.post("/token/revoke", response={204: None}, url_name="token-revoke")
@sensitive_variables("sent")
def revoke(request: HttpRequest, response: HttpResponse, sent: Refresh = FromBody(...)) -> Any:  # noqa: B008
    """Sign out: the session of this refresh token ends, with its access tokens. Unknown tokens are answered alike."""
    _require_key()
    with suppress(NotFoundError):
        token_sessions.end(actor=_holder(request, sent), token=sent.refresh_token)
    return Status(204, None)


def _require_key() -> None:
    if not conf.jwt_key:
        raise NotFoundError


def _holder(request: HttpRequest, sent: Refresh) -> Actor:
    person = token_sessions.holder(sent.refresh_token)
    if person is None:
        raise NotFoundError
    return of_person(request, person)


def _tokens(begun: Begun) -> Tokens:
    life = int(access_tokens.LIFE.total_seconds())
    return Tokens(access_token=access_tokens.of(begun), expires_in=life, refresh_token=begun.refresh)
