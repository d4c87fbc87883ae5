"""What pages show of a person besides their own columns."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from keyadmin.models import Organisation, Person, Presence
from keyadmin.operations.policy import Permission
from keyadmin.web.common.current_user import CurrentUser


def managed(visitor: CurrentUser) -> list[Organisation]:
    """The organisations whose people the visitor manages."""
    return [o for o in visitor.organisations if Permission.MANAGE_PEOPLE in visitor.permissions(o.id)]


def readable(visitor: CurrentUser) -> QuerySet[Any]:
    """The people a visitor may see, each with all that `prepare` reads."""
    people = Person.objects.visible_to(visitor.actor).with_presence().with_roles_for(visitor.actor)
    rows: QuerySet[Any] = people.with_others_than([organisation.id for organisation in managed(visitor)])
    return rows


def prepare(people: Iterable[Any], visitor: CurrentUser) -> None:
    """Set `may`, the acts that the visitor is allowed and that the person's state leaves open."""
    for person in people:
        person.may = may(person, visitor)


def may(person: Any, visitor: CurrentUser) -> dict[str, bool]:
    """As the operations decide: who belongs to others as well, or to all, is not one owner's to manage."""
    theirs = not person.system_role and person.roles_seen and not person.is_elsewhere
    over = visitor.is_administrator or bool(theirs)
    active = person.presence != Presence.DEACTIVATED
    return {
        "edit": over,
        "link": over and active,
        "deactivate": over and active and person.id != visitor.person.id,
        "reactivate": over and not active,
        "system_role": visitor.is_administrator,
    }


def may_in(visitor: CurrentUser, organisation: UUID) -> bool:
    """Whether the visitor gives and takes roles there."""
    return Permission.MANAGE_PEOPLE in visitor.permissions(organisation)
