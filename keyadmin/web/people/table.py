"""What pages show of a person besides their own columns."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from keyadmin.models import AccountStatus, Organisation, Person
from keyadmin.operations.policy import Permission
from keyadmin.web.common.current_user import CurrentUser


def managed(user: CurrentUser) -> list[Organisation]:
    """The organisations whose people the user manages."""
    return [o for o in user.organisations if Permission.MANAGE_PEOPLE in user.permissions(o.id)]


def readable(user: CurrentUser) -> QuerySet[Any]:
    """The people a user may see, each with all that `prepare` reads."""
    people = Person.objects.visible_to(user.actor).with_account_status().with_memberships_visible_to(user.actor)
    rows: QuerySet[Any] = people.with_memberships_outside([organisation.id for organisation in managed(user)])
    return rows


def prepare(people: Iterable[Any], user: CurrentUser) -> None:
    """Set `may`, the acts that the user is allowed and that the person's state leaves open."""
    for person in people:
        person.may = may(person, user)


def may(person: Any, user: CurrentUser) -> dict[str, bool]:
    """As the operations decide: who belongs to others as well, or to all, is not one owner's to manage."""
    theirs = not person.system_role and person.visible_memberships and not person.has_memberships_outside
    over = user.is_administrator or bool(theirs)
    active = person.account_status != AccountStatus.DEACTIVATED
    return {
        "edit": over,
        "link": over and active,
        "deactivate": over and active and person.id != user.person.id,
        "reactivate": over and not active,
        "system_role": user.is_administrator,
    }


def may_in(user: CurrentUser, organisation: UUID) -> bool:
    """Whether the user gives and takes roles there."""
    return Permission.MANAGE_PEOPLE in user.permissions(organisation)
