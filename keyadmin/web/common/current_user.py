"""The signed-in person of a request: who they are, what they may read, and what they may do where.

Read at most once a request, however many parts of a page ask, and only when one asks.
"""

import re
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext

from keyadmin.core.actors import Actor
from keyadmin.core.errors import NotFoundError
from keyadmin.models import Membership, Organisation, Person, Role, SystemRole
from keyadmin.models.usage_sums import INSTALLATION, KeySubset, Subject
from keyadmin.operations import policy
from keyadmin.operations.policy import Permission
from keyadmin.web.common import actors

#: Organisations that the switcher offers; whoever has more reaches the others by their address.
MOST: Final = 100


class CurrentUser:
    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        #: The organisation that the page is about, for the shell; the view sets it.
        self.page_organisation: Organisation | None = None

    @cached_property
    def person(self) -> Person:
        person: Person = self._request.user  # type: ignore[assignment]
        return person

    @cached_property
    def actor(self) -> Actor:
        organisations = () if self.person.system_role else tuple(one.id for one in self.organisations)
        return actors.of_person(self._request, self.person, organisations)

    @cached_property
    def memberships(self) -> dict[UUID, Membership]:
        """By organisation."""
        rows = Membership.objects.filter(person=self.person.id).select_related("organisation__default_tier")
        return {row.organisation_id: row for row in rows.order_by("organisation__name", "organisation_id")}

    @cached_property
    def organisations(self) -> list[Organisation]:
        """By name those that the user may read; of more than MOST the first, the page's and the one asked for."""
        if self.person.system_role:
            first = self._readable().order_by("name", "id").values("id")[:MOST]
            asked = Q(slug=self._asked_for) | Q(id=self.page_organisation and self.page_organisation.id)
            shown = Organisation.objects.filter(Q(id__in=first) | asked)
            return list(self._readable().filter(id__in=shown.values("id")).order_by("name", "id"))
        return [m.organisation for m in self.memberships.values() if m.role in (Role.OWNER, Role.AUDITOR)]

    @property
    def _asked_for(self) -> str:
        """The organisation's name in the address, if there is one."""
        match = self._request.resolver_match
        named = match.kwargs.get("slug", "") if match else ""
        asked = str(named or self._request.GET.get("organisation", ""))
        return asked if re.fullmatch(r"[-a-zA-Z0-9_]{1,60}", asked) else ""

    @property
    def can_read_anything(self) -> bool:
        """Whether there is anything here for the user to see."""
        return bool(self.person.system_role or self.organisations)

    @property
    def is_administrator(self) -> bool:
        return self.person.system_role == SystemRole.ADMINISTRATOR

    def organisation(self, slug: str) -> Organisation | None:
        """The readable organisation of that name in the address; None for any other."""
        for organisation in self.organisations:
            if organisation.slug == slug:
                return organisation
        if slug and slug != self._asked_for and len(self.organisations) >= MOST:
            found: Organisation | None = self._readable().filter(slug=slug).first()
            return found
        return None

    def get_organisation_or_404(self, slug: str) -> Organisation | None:
        """As `organisation`; None for no name at all, and NotFound for one that the user may not read."""
        found = self.organisation(slug)
        if slug and found is None:
            raise NotFoundError
        return found

    def subjects(self, organisation: Organisation | None, part: KeySubset = KeySubset.ALL) -> list[Subject]:
        """Whose usage is that of the organisation, or of all that the user reads."""
        if organisation is None and self.person.system_role:
            return [Subject(INSTALLATION, part)]
        return [Subject(one.id, part) for one in ([organisation] if organisation else self.organisations)]

    def _readable(self) -> QuerySet[Any]:
        return Organisation.objects.visible_to(self.actor).select_related("default_tier")

    def role_in(self, organisation: UUID) -> str:
        membership = self.memberships.get(organisation)
        return membership.role if membership else ""

    def permissions(self, organisation: UUID) -> frozenset[Permission]:
        """The same as `policy.permissions`, without a statement for every organisation."""
        roles = policy.principal_roles_of(system_role=self.person.system_role, role=self.role_in(organisation))
        return policy.permissions_of(roles)

    @property
    def role_label(self) -> str:
        """What the user is, in the words under their name."""
        if self.person.system_role:
            return str(self.person.get_system_role_display())
        roles = [m.get_role_display() for m in self.memberships.values()]
        return str(roles[0]) if roles else gettext("No role yet")


def get_current_user(request: HttpRequest) -> CurrentUser:
    """The request's user; the page must be one that asks for sign-in."""
    user: CurrentUser | None = getattr(request, "keyadmin_user", None)
    if user is None:
        user = CurrentUser(request)
        request.keyadmin_user = user  # type: ignore[attr-defined]
    return user
