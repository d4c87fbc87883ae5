"""The signed-in person of a request: what they may read, and what they may do in each organisation.

Values are read from the database on first use and kept for the request.
"""

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any, Concatenate, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django_htmx.middleware import HtmxDetails

from keyadmin.core.actors import Actor
from keyadmin.core.errors import NotFoundError
from keyadmin.models import Membership, Organisation, Person, Role, SystemRole
from keyadmin.models.usage_sums import INSTALLATION, KeySubset, Subject
from keyadmin.operations import policy
from keyadmin.operations.policy import Permission
from keyadmin.web.common import actors, preferences, querystring

#: Pages with the filter `organisation` in the query. On them, the switcher stays on the page. On all other pages, it
#: leads to the first of them.
SWITCHABLE_PAGES: Final = [
    "keys:list",
    "history:list",
    "bots:list",
    "security:public-keys",
    "security:allow-lists",
    "people:list",
    "channels:list",
    "settings",
    "home",
    "usage",
    "review:report",
    "explain",
]
#: The number of organisations that the switcher lists for a person with a system role. Others are reached by URL.
MAX_LISTED_ORGANISATIONS: Final = 100


def is_switchable(request: HttpRequest) -> bool:
    """Whether the request is for one of SWITCHABLE_PAGES, and not about one key."""
    match = request.resolver_match
    return match is not None and match.view_name in SWITCHABLE_PAGES and "key" not in request.GET


class CurrentUser:
    """The signed-in person of one request."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        #: The organisation that the page is about, which the switcher shows. The view sets it.
        self.page_organisation: Organisation | None = None

    @cached_property
    def person(self) -> Person:
        person = self._request.user
        if not isinstance(person, Person):
            raise TypeError("The view must require sign-in.")
        return person

    @cached_property
    def actor(self) -> Actor:
        readable = () if self.person.system_role else tuple(organisation.id for organisation in self.organisations)
        return actors.person_actor(self._request, self.person, readable)

    @cached_property
    def memberships(self) -> dict[UUID, Membership]:
        """The person's memberships by organisation."""
        rows = Membership.objects.filter(person=self.person.id).select_related("organisation__default_tier")
        return {row.organisation_id: row for row in rows.order_by("organisation__name", "organisation_id")}

    @cached_property
    def organisations(self) -> list[Organisation]:
        """The organisations that the person may read, by name.

        With a system role: the first MAX_LISTED_ORGANISATIONS, the page's, and the one in the URL.
        """
        if self.person.system_role:
            first = self._readable().order_by("name", "id").values("id")[:MAX_LISTED_ORGANISATIONS]
            named = Q(slug=self._slug_in_url) | Q(id=self.page_organisation and self.page_organisation.id)
            listed = Organisation.objects.filter(Q(id__in=first) | named)
            return list(self._readable().filter(id__in=listed.values("id")).order_by("name", "id"))
        return [m.organisation for m in self.memberships.values() if m.role in (Role.OWNER, Role.AUDITOR)]

    @property
    def has_unlisted_organisations(self) -> bool:
        """Whether there may be readable organisations besides `organisations`."""
        return bool(self.person.system_role) and len(self.organisations) >= MAX_LISTED_ORGANISATIONS

    def search_organisations(self, text: str) -> list[Organisation]:
        """The readable organisations whose name contains the text, by name; not more than `organisations` has."""
        found: Any = Organisation.objects.visible_to(self.actor).search(text).select_related("default_tier")
        return list(found.order_by("name", "id")[:MAX_LISTED_ORGANISATIONS])

    @property
    def _slug_in_url(self) -> str:
        """The organisation's slug in the path or the query; "" without one."""
        match = self._request.resolver_match
        in_path = match.kwargs.get("slug", "") if match else ""
        slug = str(in_path or self.selected_slug)
        return slug if preferences.is_slug(slug) else ""

    @property
    def selected_slug(self) -> str:
        """The slug of the switcher's organisation: that in the URL of a list; on other pages that of the last list."""
        if is_switchable(self._request) or "organisation" in self._request.GET:
            return str(self._request.GET.get("organisation", ""))
        return preferences.get_organisation_slug(self._request)

    @property
    def selected_organisation(self) -> Organisation | None:
        """The organisation that the switcher shows; None for all organisations."""
        return self.find_organisation(self.selected_slug)

    def list_url(self, name: str, **query: str) -> str:
        """The URL of the list `name` in the organisation that the switcher shows, so that a link does not change it."""
        selected = self.selected_organisation
        return querystring.link(reverse(name), query, organisation=selected.slug if selected else "")

    @property
    def can_read_anything(self) -> bool:
        """Whether any role of the person may read keys or history."""
        return bool(self.person.system_role or self.organisations)

    @property
    def is_administrator(self) -> bool:
        return self.person.system_role == SystemRole.ADMINISTRATOR

    def find_organisation(self, slug: str) -> Organisation | None:
        """The organisation with this slug, if the person may read it; else None."""
        for organisation in self.organisations:
            if organisation.slug == slug:
                return organisation
        is_listed = slug == self._slug_in_url or len(self.organisations) < MAX_LISTED_ORGANISATIONS
        if preferences.is_slug(slug) and not is_listed:
            unlisted: Organisation | None = self._readable().filter(slug=slug).first()
            return unlisted
        return None

    def get_organisation_or_404(self, slug: str) -> Organisation | None:
        """As `find_organisation`; None without a slug. Raises NotFoundError if the person may not read it."""
        organisation = self.find_organisation(slug)
        if slug and organisation is None:
            raise NotFoundError
        return organisation

    def subjects(self, organisation: Organisation | None, part: KeySubset = KeySubset.ALL) -> list[Subject]:
        """The subjects whose usage adds up to that of the organisation, or of all that the person may read."""
        if organisation is None and self.person.system_role:
            return [Subject(INSTALLATION, part)]
        organisations = [organisation] if organisation else self.organisations
        return [Subject(organisation.id, part) for organisation in organisations]

    def _readable(self) -> QuerySet[Organisation]:
        readable: QuerySet[Organisation] = Organisation.objects.visible_to(self.actor)
        return readable.select_related("default_tier")

    def role_in(self, organisation: UUID) -> str:
        """The person's role in the organisation; "" without a membership."""
        membership = self.memberships.get(organisation)
        return membership.role if membership else ""

    def permissions(self, organisation: UUID) -> frozenset[Permission]:
        """As `policy.permissions`, without a statement for each organisation."""
        membership = self.memberships.get(organisation)
        roles = policy.principal_roles_of(system_role=self.person.system_role, membership=membership)
        return policy.permissions_of(roles)

    @property
    def disabled_organisations(self) -> list[str]:
        """The names of the person's organisations that are disabled. A system role is not limited by that."""
        if self.person.system_role:
            return []
        return [row.organisation.name for row in self.memberships.values() if not row.organisation.is_active]

    def may_in_any(self, permission: Permission, organisation: Organisation | None = None) -> bool:
        """Whether the person has the permission in the organisation; without one, in any of `organisations`."""
        organisations = [organisation] if organisation else self.organisations
        return any(permission in self.permissions(organisation.id) for organisation in organisations)

    @property
    def role_label(self) -> str:
        """The person's role, as the shell shows it under their name."""
        if self.person.system_role:
            return str(self.person.get_system_role_display())
        roles = [membership.get_role_display() for membership in self.memberships.values()]
        return str(roles[0]) if roles else gettext("No role yet")


class PageRequest(HttpRequest):
    """A request as the view of a page receives it. For the type checker: middleware sets these attributes."""

    htmx: HtmxDetails
    keyadmin_user: CurrentUser


def get_current_user(request: HttpRequest) -> CurrentUser:
    """The request's user, created once per request. The view must require sign-in."""
    user: CurrentUser | None = getattr(request, "keyadmin_user", None)
    if user is None:
        user = CurrentUser(request)
        setattr(request, "keyadmin_user", user)  # noqa: B010 - a plain HttpRequest does not declare it
    return user


def get_installation_manager_or_404(request: HttpRequest, permission: Permission) -> CurrentUser:
    """The request's user, if their system role has the permission.

    Raises NotFoundError for a user without a system role, and ForbiddenError for one without the permission.
    """
    user = get_current_user(request)
    if not user.person.system_role:
        raise NotFoundError
    policy.require(user.actor, permission, None)
    return user


def requires_read_access[**P](
    view: Callable[Concatenate[PageRequest, P], HttpResponseBase],
) -> Callable[Concatenate[PageRequest, P], HttpResponseBase]:
    """Decorate the view of a page that lists keys, history or people.

    A person who may not read any organisation gets status 403 and the page "No access yet".
    """

    @wraps(view)
    def wrapper(request: PageRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not get_current_user(request).can_read_anything:
            return render(request, "nothing.html", status=403)
        return view(request, *args, **kwargs)

    return wrapper
