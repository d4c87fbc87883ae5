"""Who calls the management API, as operations and QuerySets want to know them."""

from django.http import HttpRequest

from keyadmin import requests
from keyadmin.api.names import askable
from keyadmin.foundation.actors import Actor, ActorKind, Door
from keyadmin.foundation.callers import Caller
from keyadmin.models import Organisation, Person
from keyadmin.operations.errors import Invalid, NotFound


def person_of(request: HttpRequest) -> Actor | None:
    """The person whose token was sent (`people_tokens.py`)."""
    person: Actor | None = getattr(request, "person_actor", None)
    return person


def of_person(request: HttpRequest, person: Person) -> Actor:
    """The actor that `person` is, by this door."""
    role = bool(person.system_role)
    return requests.actor(request, ActorKind.PERSON, person.id, str(person), Door.API, has_system_role=role)


def actor_of(request: HttpRequest) -> Actor:
    """The person whose token was sent, else the key that was let through."""
    person = person_of(request)
    if person is not None:
        return person
    caller: Caller = request.caller  # type: ignore[attr-defined]
    key = caller.key
    reads = (key.organisation_id,)
    return requests.actor(request, ActorKind.KEY, key.id, key.name, Door.API, organisations=reads)


def organisation_of(request: HttpRequest, named: str = "") -> Organisation:
    """The organisation by slug or, unnamed, the only one that the caller reads; raises NotFound or Invalid."""
    readable = Organisation.objects.visible_to(actor_of(request))
    if named:
        found = readable.filter(slug=named).first() if askable(named) else None
        if found is None:
            raise NotFound
        return found
    some = list(readable.order_by("id")[:2])
    if not some:
        raise NotFound
    if len(some) > 1:
        raise Invalid({"organisation": ["Name the organisation: you have several."]})
    only: Organisation = some[0]
    return only
