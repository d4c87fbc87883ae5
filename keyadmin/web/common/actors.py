"""The actor of a page's request."""

from uuid import UUID

from django.http import HttpRequest

from keyadmin.callpath.state import state
from keyadmin.conf import conf
from keyadmin.core import request_origin
from keyadmin.core.actors import Actor, ActorKind, Interface
from keyadmin.models import Person


def person_actor(request: HttpRequest, person: Person, organisations: tuple[UUID, ...] = ()) -> Actor:
    """The actor of a request that `person` sent. `organisations`: those that the person may read, as in Actor."""
    return request_origin.build_actor(
        request.META,
        client_ip(request),
        kind=ActorKind.PERSON,
        actor_id=person.id,
        label=str(person),
        interface=Interface.PAGE,
        has_system_role=bool(person.system_role),
        organisations=organisations,
    )


def anonymous_actor(request: HttpRequest, label: str, interface: Interface = Interface.PAGE) -> Actor:
    """The actor of a request without a signed-in person. `label` is what history shows for it."""
    return request_origin.build_actor(
        request.META, client_ip(request), kind=ActorKind.PERSON, actor_id=None, label=label, interface=interface
    )


def site_url(request: HttpRequest) -> str:
    """Scheme and host of the pages, for links."""
    return conf.site_url(request.build_absolute_uri("/"))


def client_ip(request: HttpRequest) -> str | None:
    """The client's address; None if it cannot be determined."""
    return state.client_addresses.find_text(request.META)
