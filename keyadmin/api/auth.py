"""Authentication of the management API: one authenticator accepts a key or a person's access token.

`operations.people.access_tokens` reads access tokens. A key is authorised by the call path, which also counts the call.
"""

import logging
import re
from typing import Final

import structlog
from django.http import HttpRequest
from django.urls import reverse

from keyadmin.api.errors import CallDeniedError
from keyadmin.callpath.credentials import CREDENTIAL_HEADERS
from keyadmin.callpath.request import REQUEST_HEADERS, decide
from keyadmin.callpath.state import state
from keyadmin.conf import conf
from keyadmin.core import environ, request_origin
from keyadmin.core.actors import Actor, ActorKind, Interface
from keyadmin.core.callers import Caller, current_call
from keyadmin.core.denials import Denial
from keyadmin.models import Person
from keyadmin.operations.people import access_tokens

log = structlog.get_logger("keyadmin.calls")
_stdlib_log = logging.getLogger("keyadmin.calls")

MAX_ACCESS_TOKEN_LENGTH: Final = 2000
#: A JWT has two dots; a key has none.
_match_bearer_jwt = re.compile(r"bearer[ \t]+([\w-]+\.[\w-]+\.[\w-]+)[ \t]*", re.IGNORECASE | re.ASCII).fullmatch


class ApiRequest(HttpRequest):
    """A request as an operation receives it. For the type checker: `Authenticator` sets `auth`."""

    #: The key of the call, or the person of the access token.
    auth: Caller | Actor


class Authenticator:
    """Accept exactly one credential: a key, or a person's access token.

    django-ninja calls it before each operation. It sets `request.auth`, or raises CallDeniedError. With a list of two
    authenticators, a call with both a key and a token would pass.

    A request that already has a caller is not authorised and counted again. This concerns retried operations, and
    calls that the KeyMiddleware of a surrounding project has let pass.
    """

    def __call__(self, request: ApiRequest) -> Caller | Actor:
        for name in ("auth", "caller"):
            known = getattr(request, name, None)
            if isinstance(known, Caller | Actor):
                break
        else:
            known = _authenticate(request)
        request.auth = known
        return known


def _authenticate(request: HttpRequest) -> Caller | Actor:
    """The person of the access token, or the key. Raises CallDeniedError."""
    headers = environ.sent_headers(REQUEST_HEADERS, request.META, getattr(request, "scope", None))
    person = access_tokens.find_person(token) if (token := _access_token(headers)) else None
    if person is None:
        return _authorize_key(request, headers)
    structlog.contextvars.bind_contextvars(person=str(person.id))
    return person_actor(request, person)


def _authorize_key(request: HttpRequest, headers: dict[str, list[str]]) -> Caller:
    """Authorise and count the call by the call path. Raises CallDeniedError."""
    path = environ.sent_path(request.META, getattr(request, "scope", None), request.path_info)
    peer, is_plain_http = request.META.get("REMOTE_ADDR", ""), not request.is_secure()
    verdict = decide(request.META["REQUEST_METHOD"], path, headers, peer, is_plain_http=is_plain_http)
    request_id = request.META.get("keyadmin.request_id", "")
    if isinstance(verdict, Denial):
        fields = {"key": str(verdict.key or ""), "address": state.client_addresses.find_text(request.META) or ""}
        log.info("denied", reason=verdict.reason.label, request_id=request_id, **fields)
        raise CallDeniedError(verdict)
    current_call.set((verdict.key.id, request_id))  # ApiMiddleware resets it
    if _stdlib_log.isEnabledFor(logging.DEBUG):  # cheaper than structlog's own check
        log.debug("allowed")
    return verdict


def _access_token(headers: dict[str, list[str]]) -> str:
    """Return the value of a bearer header that looks like a JWT, if it is the only credential; else ""."""
    sent = [name for name in CREDENTIAL_HEADERS if any(value.strip(" \t") for value in headers.get(name, ()))]
    if not conf.jwt_key or sent != ["authorization"]:
        return ""
    values = headers["authorization"]
    match = _match_bearer_jwt(values[0].strip(" \t")) if len(values) == 1 else None
    return match[1] if match and len(match[1]) <= MAX_ACCESS_TOKEN_LENGTH else ""


def person_actor(request: HttpRequest, person: Person) -> Actor:
    """Return `person` as the actor of an operation called through the API."""
    return request_origin.build_actor(
        request.META,
        state.client_addresses.find_text(request.META),
        kind=ActorKind.PERSON,
        actor_id=person.id,
        label=str(person),
        interface=Interface.API,
        has_system_role=bool(person.system_role),
    )


def actor_of(request: ApiRequest) -> Actor:
    """Return the actor of an authenticated request: the person, or the key."""
    if isinstance(request.auth, Actor):
        return request.auth
    caller, key = request.auth, request.auth.key
    return request_origin.build_actor(
        request.META,
        state.client_addresses.find_text(request.META),
        kind=ActorKind.KEY,
        actor_id=key.id,
        label=key.name,
        interface=Interface.API,
        organisations=(key.organisation_id,),
        replaced_secret_until=caller.expires_at if caller.replaced_secret else None,
    )


def site_url(request: HttpRequest) -> str:
    """Scheme and host of the pages, for links."""
    return conf.site_url(request.build_absolute_uri("/"))


def link_url(request: HttpRequest, token: str) -> str | None:
    """The URL of the page of a link; None without a token."""
    return f"{site_url(request)}{reverse('choose_password', args=[token])}" if token else None
