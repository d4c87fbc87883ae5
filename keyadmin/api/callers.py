"""Who calls the management API, as operations and QuerySets want to know them."""

from django.http import HttpRequest

from keyadmin.api.text import askable
from keyadmin.conf import conf
from keyadmin.core import request_origin
from keyadmin.core.actors import Actor, ActorKind, Interface
from keyadmin.core.callers import Caller
from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.models import Organisation, Person


def person_of(request: HttpRequest) -> Actor | None:
    """The person whose token was sent (`people_tokens.py`)."""
    person: Actor | None = getattr(request, "person_actor", None)
    return person


def of_person(request: HttpRequest, person: Person) -> Actor:
    """The actor that `person` is, by this door."""
    return request_origin.build_actor(
        request.META,
        conf.trusted_proxies,
        kind=ActorKind.PERSON,
        actor_id=person.id,
        label=str(person),
        interface=Interface.API,
        has_system_role=bool(person.system_role),
    )


def actor_of(request: HttpRequest) -> Actor:
    """The person whose token was sent, else the key that was let through."""
    person = person_of(request)
    if person is not None:
        return person
    caller: Caller = request.caller  # type: ignore[attr-defined]
    key = caller.key
    return request_origin.build_actor(
        request.META,
        conf.trusted_proxies,
        kind=ActorKind.KEY,
        actor_id=key.id,
        label=key.name,
        interface=Interface.API,
        organisations=(key.organisation_id,),
    )


def organisation_of(request: HttpRequest, named: str = "") -> Organisation:
    """The organisation by slug or, unnamed, the only one that the caller reads; raises NotFound or Invalid."""
    readable = Organisation.objects.visible_to(actor_of(request))
    if named:
        found = readable.filter(slug=named).first() if askable(named) else None
        if found is None:
            raise NotFoundError
        return found
    some = list(readable.order_by("id")[:2])
    if not some:
        raise NotFoundError
    if len(some) > 1:
        raise InvalidInputError({"organisation": ["Name the organisation: you have several."]})
    only: Organisation = some[0]
    return only
