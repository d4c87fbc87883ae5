"""People and roles: the list, and a person's page."""

from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from keyadmin.core.errors import NotFoundError
from keyadmin.forms.people import ROLES, PeopleFilters
from keyadmin.models import AccountStatus, Event, paging
from keyadmin.web.common import capped_count, htmx, querystring
from keyadmin.web.common.current_user import CurrentUser, get_current_user, requires_read_access
from keyadmin.web.common.list_view import Listing
from keyadmin.web.people import table

SIZE: Final = 20
_ORDER: Final = paging.Order("name", False, str, UUID)


@require_safe
@requires_read_access
def list_(request: HttpRequest) -> HttpResponse:
    user = get_current_user(request)
    listing = Listing(request, user, PeopleFilters, reverse("people:list"))
    found = _found(user, listing)
    status = listing.filters.get("status", "")
    context = listing.page(found.filter(account_status_now=status) if status else found, _ORDER, SIZE)
    table.prepare(context["rows"], user)
    context |= {
        "tabs": _tabs(found, listing, status),
        "filters": _chips(listing),
        "roles": ROLES,
        "organisations": user.organisations if len(user.organisations) > 1 else [],
        "may_invite": user.is_administrator or bool(table.managed(user)),
        "is_filtered": bool(listing.filters),
        "shows_system_roles": user.is_administrator,
        "list_url": request.get_full_path(),
        "section": "people",
    }
    return render(request, f"people/list.html{'#rows' if htmx.is_htmx(request) else ''}", context)


@require_safe
def detail(request: HttpRequest, person: UUID) -> HttpResponse:
    user = get_current_user(request)
    row = visible(user, person)
    for membership in row.visible_memberships:
        membership.may_change = table.may_in(user, membership.organisation_id)
    addable = {o.id for o in table.managed(user)} - {m.organisation_id for m in row.visible_memberships}
    events = Event.objects.visible_to(user.actor).of_target(str(row.id))
    context = {
        "person": row,
        "may_add_role": bool(addable) and row.account_status != AccountStatus.DEACTIVATED,
        "events": events[:8],
        "section": "people",
    }
    return render(request, "people/detail.html", context)


def visible(user: CurrentUser, person: UUID) -> Any:
    """The person with what a page shows of them; NotFound for whom the user does not see."""
    row = table.readable(user).filter(id=person).first() if user.can_read_anything else None
    if row is None:
        raise NotFoundError
    table.prepare([row], user)
    return row


def _found(user: CurrentUser, listing: Listing) -> QuerySet[Any]:
    """What the tabs count: everybody that the other filters leave."""
    found: Any = table.readable(user)
    organisation = listing.organisation
    if organisation is not None:
        found = found.in_organisation(organisation.id)
    role = listing.filters.get("role", "")
    if role.startswith("system-"):
        found = found.with_system_role(role.removeprefix("system-"))
    elif role:
        found = found.with_role(user.actor, role, organisation.id if organisation else None)
    if q := listing.filters.get("q"):
        found = found.search(q)
    rows: QuerySet[Any] = found
    return rows


def _tabs(found: QuerySet[Any], listing: Listing, current: str) -> list[dict[str, Any]]:
    labels = [("", gettext("All")), *((value, str(label)) for value, label in AccountStatus.choices)]
    counts = capped_count.capped_counts(
        {value: found.filter(account_status_now=value) if value else found for value, _label in labels}
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


def _chips(listing: Listing) -> list[dict[str, str]]:
    """The filters in force that no other control shows."""
    chips = []
    if role := listing.filters.get("role"):
        label = str(dict(ROLES)[role])
        chips.append({"label": gettext("Role"), "value": label, "remove_url": _without(listing, "role")})
    if listing.organisation is not None:
        value = listing.organisation.name
        chips.append(
            {"label": gettext("Organisation"), "value": value, "remove_url": _without(listing, "organisation")}
        )
    return chips


def _without(listing: Listing, name: str) -> str:
    return querystring.link(listing.url, listing.query, **{name: ""})
