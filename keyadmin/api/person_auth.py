"""Lets people into keyadmin's own endpoints by their access tokens, and everybody to those that ask for nothing.

It stands before KeyMiddleware, and adds only: whatever is not a person's good token, alone, is KeyMiddleware's to
decide, so that a bad one, or two credentials, are answered as for keys.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve

from keyadmin.api import access_tokens, errors
from keyadmin.api.callers import of_person
from keyadmin.callpath.credentials import CREDENTIAL_HEADERS
from keyadmin.conf import conf
from keyadmin.models import Person

#: No key has a dot in it.
_bearer = re.compile(r"bearer[ \t]+([\w-]+\.[\w-]+\.[\w-]+)[ \t]*", re.IGNORECASE | re.ASCII).fullmatch
_HEADERS: Final = {name: "HTTP_" + name.upper().replace("-", "_") for name in CREDENTIAL_HEADERS}
_LONGEST: Final = 2000


class PersonTokenMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(conf.api_prefix):
            return self.get_response(request)
        view = _own_view(request)
        if getattr(view, "is_open", False):
            return self._pass(request)
        if view is None or not (token := _token(request)):
            return self.get_response(request)
        try:
            person = access_tokens.person_of(token)
        except (OperationalError, InterfaceError) as error:
            return errors.broken(request, error)
        if person is None:
            return self.get_response(request)
        with structlog.contextvars.bound_contextvars(person=str(person.id)):
            return self._pass(request, person)

    def _pass(self, request: HttpRequest, person: Person | None = None) -> HttpResponseBase:
        if person is not None:
            request.person_actor = of_person(request, person)  # type: ignore[attr-defined]
        request.keyadmin_passes = True  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["Cache-Control"] = "no-store"
        return response


def _own_view(request: HttpRequest) -> Any:
    """The view of keyadmin's that the path leads to, if it is one of `urls.py`."""
    try:
        view = resolve(request.path_info, getattr(request, "urlconf", None)).func
    except Resolver404:
        return None
    return view if getattr(view, "is_keyadmins", False) else None


def _token(request: HttpRequest) -> str:
    """What looks like an access token, where it is the only credential; else ""."""
    sent = {name: request.META[key] for name, key in _HEADERS.items() if key in request.META}
    match = _bearer(sent["authorization"].strip(" \t")) if sent.keys() == {"authorization"} else None
    return match[1] if match and conf.jwt_key and len(match[1]) <= _LONGEST else ""
