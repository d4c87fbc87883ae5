"""The person at the other end of a page's request."""

from uuid import UUID

from django.http import HttpRequest

from keyadmin import requests
from keyadmin.foundation.actors import Actor, ActorKind, Door
from keyadmin.models import Person


def of_person(request: HttpRequest, person: Person, organisations: tuple[UUID, ...] = ()) -> Actor:
    """The actor that `person` is in this request; `organisations` as in Actor."""
    role = bool(person.system_role)
    return requests.actor(
        request, ActorKind.PERSON, person.id, str(person), Door.PAGE, has_system_role=role, organisations=organisations
    )


def of_nobody(request: HttpRequest, label: str, door: Door = Door.PAGE) -> Actor:
    """Somebody who has not signed in, known only by what they typed."""
    return requests.actor(request, ActorKind.PERSON, None, label, door)
