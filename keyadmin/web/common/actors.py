"""The person at the other end of a page's request."""

from uuid import UUID

from django.http import HttpRequest

from keyadmin.conf import conf
from keyadmin.core import request_origin
from keyadmin.core.actors import Actor, ActorKind, Interface
from keyadmin.models import Person


def of_person(request: HttpRequest, person: Person, organisations: tuple[UUID, ...] = ()) -> Actor:
    """The actor that `person` is in this request; `organisations` as in Actor."""
    return request_origin.build_actor(
        request.META,
        conf.trusted_proxies,
        kind=ActorKind.PERSON,
        actor_id=person.id,
        label=str(person),
        interface=Interface.PAGE,
        has_system_role=bool(person.system_role),
        organisations=organisations,
    )


def of_nobody(request: HttpRequest, label: str, door: Interface = Interface.PAGE) -> Actor:
    """Somebody who has not signed in, known only by what they typed."""
    return request_origin.build_actor(
        request.META, conf.trusted_proxies, kind=ActorKind.PERSON, actor_id=None, label=label, interface=door
    )


def client_ip(request: HttpRequest) -> str | None:
    """The client's address; None if it cannot be determined."""
    return request_origin.client_ip(request.META, conf.trusted_proxies)
