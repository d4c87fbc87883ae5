"""People and roles: the list, and a person's page."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from keyadmin.core.errors import NotFoundError
from keyadmin.forms.filters import ROLES, PeopleFilters
from keyadmin.models import AccountStatus, Event, Invitation, Organisation, Person, SystemRole, paging
from keyadmin.operations.people import links
from keyadmin.operations.policy import Permission
from keyadmin.web.common import capped_count, htmx, querystring
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user, requires_read_access
from keyadmin.web.common.list_view import Listing, filter_chips

PAGE_SIZE: Final = 20
#: Invitations that the list shows.
MAX_INVITATIONS: Final = 100
#: Events that a person's page shows.
MAX_EVENTS: Final = 8


@require_safe
@requires_read_access
def list_(request: PageRequest) -> HttpResponse:
    user = get_current_user(request)
    listing = Listing(request, user, PeopleFilters, reverse("people:list"))
    people = _filtered_people(user, listing)
    status = listing.filters.get("status", "")
    context = listing.page(people.filter(account_status_now=status) if status else people, paging.BY_NAME, PAGE_SIZE)
    set_allowed_actions(context["rows"], user)
    context |= {
        "tabs": _status_tabs(people, listing, status),
        "filters": _filter_chips(listing),
        "roles": ROLES,
        "organisations": [(each.slug, each.name) for each in user.organisations] if len(user.organisations) > 1 else [],
        "invitations": _open_invitations(user, listing.organisation),
        "may_invite": user.is_administrator or user.may_in_any(Permission.MANAGE_PEOPLE),
        "is_filtered": bool(listing.filters),
        "list_url": request.get_full_path(),
        "section": "people",
    }
    return render(request, f"people/list.html{'#rows' if htmx.is_htmx(request) else ''}", context)


@require_safe
def detail(request: PageRequest, person_id: UUID) -> HttpResponse:
    user = get_current_user(request)
    person = get_person_or_404(user, person_id)
    managed = {organisation.id for organisation in managed_organisations(user)}
    for membership in person.visible_memberships:
        membership.may_change = membership.organisation_id in managed
    organisations = {membership.organisation_id for membership in person.visible_memberships}
    context = {
        "person": person,
        "may_add_role": bool(managed - organisations) and person.account_status != AccountStatus.DEACTIVATED,
        "links": links.open_links(person) if person.may["link"] else [],
        "events": Event.objects.visible_to(user.actor).of_target(str(person.id))[:MAX_EVENTS],
        "section": "people",
    }
    return render(request, "people/detail.html", context)


def managed_organisations(user: CurrentUser) -> list[Organisation]:
    """The organisations whose people the user may invite and give roles to."""
    return [
        organisation
        for organisation in user.organisations
        if Permission.MANAGE_PEOPLE in user.permissions(organisation.id)
    ]


def get_person_or_404(user: CurrentUser, person_id: UUID) -> Any:
    """The person, annotated by `visible_people`, with `may`. Raises NotFoundError if the user may not see them."""
    person = visible_people(user).filter(id=person_id).first() if user.can_read_anything else None
    if person is None:
        raise NotFoundError
    set_allowed_actions([person], user)
    return person


def visible_people(user: CurrentUser) -> QuerySet[Any]:
    """The people whom the user may see.

    With `account_status_now`, `visible_memberships`, `is_owner`, and `has_memberships_outside`: whether a person has a
    role in an organisation that the user does not manage.
    """
    people = Person.objects.visible_to(user.actor).with_account_status().with_memberships_visible_to(user.actor)
    managed = [organisation.id for organisation in managed_organisations(user)]
    annotated: QuerySet[Any] = people.with_memberships_outside(managed)
    return annotated


def set_allowed_actions(people: Iterable[Any], user: CurrentUser) -> None:
    """Set `may` on each person: action → whether the user is permitted and the person's state allows it.

    An owner manages the people whose home organisation it is, and those without one whose roles are all in
    organisations that the owner manages. The operations apply the same rules: see `operations.people.rows`.
    """
    managed = {organisation.id for organisation in managed_organisations(user)}
    for person in people:
        has_only_managed_roles = person.visible_memberships and not person.has_memberships_outside
        home = person.home_organisation_id
        has_authority = not person.system_role and (home in managed if home else has_only_managed_roles)
        may_manage = user.is_administrator or has_authority
        if user.is_administrator:
            may_act_as = person.system_role != SystemRole.ADMINISTRATOR
        else:
            may_act_as = has_authority and has_only_managed_roles and not person.is_owner
        is_active = person.account_status != AccountStatus.DEACTIVATED
        person.may = {
            "edit": may_manage,
            "email": may_manage and (may_act_as or person.id == user.person.id),
            "verify": user.is_administrator and is_active and not person.is_email_verified,
            "link": may_manage and is_active,
            "deactivate": may_manage and is_active and person.id != user.person.id,
            "reactivate": may_manage and not is_active,
            "system_role": user.is_administrator,
        }


def _open_invitations(user: CurrentUser, organisation: Organisation | None) -> list[Any]:
    """The newest open invitations that the user may see, with `may_change`."""
    rows = Invitation.objects.visible_to(user.actor).open().select_related("organisation")
    if organisation is not None:
        rows = rows.filter(organisation=organisation)
    managed = {each.id for each in managed_organisations(user)}
    found = list(rows.order_by("-created_at", "id")[:MAX_INVITATIONS])
    for invitation in found:
        is_managed = invitation.organisation_id in managed and not invitation.system_role
        invitation.may_change = user.is_administrator or is_managed
    return found


def _filtered_people(user: CurrentUser, listing: Listing) -> QuerySet[Any]:
    """The people that match all filters except the status. The tabs count them by status."""
    people: Any = visible_people(user)
    organisation = listing.organisation
    if organisation is not None:
        people = people.in_organisation(organisation.id)
    role = listing.filters.get("role", "")
    if role.startswith("system-"):
        people = people.with_system_role(role.removeprefix("system-"))
    elif role:
        people = people.with_role(user.actor, role, organisation.id if organisation else None)
    if q := listing.filters.get("q"):
        people = people.search(q)
    rows: QuerySet[Any] = people
    return rows


def _status_tabs(people: QuerySet[Any], listing: Listing, current: str) -> list[dict[str, Any]]:
    labels = [("", gettext("All")), *((value, str(label)) for value, label in AccountStatus.choices)]
    counts = capped_count.capped_counts(
        {value: people.filter(account_status_now=value) if value else people for value, _label in labels}
    )
    return [
        {
            "label": label,
            "count": capped_count.format_count(counts[value]),
            "url": querystring.link(listing.url, listing.query, status=value),
            "current": value == current,
        }
        for value, label in labels
    ]


def _filter_chips(listing: Listing) -> list[dict[str, str]]:
    """The filters in force that are shown by no other control: role and organisation."""
    values = {}
    if role := listing.filters.get("role"):
        values["role"] = (gettext("Role"), str(dict(ROLES)[role]))
    if listing.organisation is not None:
        values["organisation"] = (gettext("Organisation"), listing.organisation.name)
    return filter_chips(listing.url, listing.query, values)
