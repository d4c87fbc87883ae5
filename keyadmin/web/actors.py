"""The person at the other end of a request, as operations and QuerySets want to know them."""

import re

from django.conf import settings
from django.http import HttpRequest

from keyadmin.foundation.actors import Actor, ActorKind, Door
from keyadmin.foundation.client_ip import client_address
from keyadmin.models import Person

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def client_ip(request: HttpRequest) -> str | None:
    """The client's address in its normal spelling, believing trusted proxies only; None when it cannot be told."""
    meta = request.META
    forwarded = [meta["HTTP_X_FORWARDED_FOR"]] if "HTTP_X_FORWARDED_FOR" in meta else []
    proxies = settings.KEYADMIN_TRUSTED_PROXIES
    address = client_address(meta.get("REMOTE_ADDR", ""), forwarded, proxies)
    return address.text if address else None


def of_person(request: HttpRequest, person: Person) -> Actor:
    """The actor that `person` is in this request."""
    return _actor(request, person, str(person))


def of_nobody(request: HttpRequest, label: str) -> Actor:
    """Somebody who has not signed in, known only by what they typed."""
    return _actor(request, None, label)


def clean(text: str, length: int) -> str:
    """Text from outside without control characters, at most `length` characters of it."""
    return _CONTROL.sub("", text)[:length]


def _actor(request: HttpRequest, person: Person | None, label: str) -> Actor:
    return Actor(
        kind=ActorKind.PERSON,
        id=person.id if person else None,
        label=clean(label, 254),
        ip=client_ip(request),
        via=Door.PAGE,
        user_agent=clean(request.META.get("HTTP_USER_AGENT", ""), 300),
        request_id=request.META.get("keyadmin.request_id", ""),
    )
