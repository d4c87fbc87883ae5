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
from keyadmin.models import Event, Presence, paging
from keyadmin.web.common import capped_count, htmx, querystring
from keyadmin.web.common.current_user import CurrentUser, visitor_of
from keyadmin.web.common.list_view import Listing
from keyadmin.web.people import table

SIZE: Final = 20
_ORDER: Final = paging.Order("name", False, str, UUID)


@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    visitor = visitor_of(request)
    if not visitor.reads:
        return render(request, "nothing.html", status=403)
    listing = Listing(request, visitor, PeopleFilters, reverse("people:list"))
    found = _found(visitor, listing)
    status = listing.chosen.get("status", "")
    context = listing.page(found.filter(presence_now=status) if status else found, _ORDER, SIZE)
    table.prepare(context["rows"], visitor)
    context |= {
        "tabs": _tabs(found, listing, status),
        "filters": _chips(listing),
        "roles": ROLES,
        "organisations": visitor.organisations if len(visitor.organisations) > 1 else [],
        "may_invite": visitor.is_administrator or bool(table.managed(visitor)),
        "is_filtered": bool(listing.chosen),
        "shows_system_roles": visitor.is_administrator,
        "list_url": request.get_full_path(),
        "section": "people",
    }
    return render(request, f"people/list.html{'#rows' if htmx.is_htmx(request) else ''}", context)


@require_safe
def detail(request: HttpRequest, person: UUID) -> HttpResponse:
    visitor = visitor_of(request)
    row = visible(visitor, person)
    for membership in row.roles_seen:
        membership.may_change = table.may_in(visitor, membership.organisation_id)
    addable = {o.id for o in table.managed(visitor)} - {m.organisation_id for m in row.roles_seen}
    events = Event.objects.visible_to(visitor.actor).of_target(str(row.id))
    context = {
        "person": row,
        "may_add_role": bool(addable) and row.presence != Presence.DEACTIVATED,
        "events": events[:8],
        "section": "people",
    }
    return render(request, "people/detail.html", context)


def visible(visitor: CurrentUser, person: UUID) -> Any:
    """The person with what a page shows of them; NotFound for whom the visitor does not see."""
    row = table.readable(visitor).filter(id=person).first() if visitor.reads else None
    if row is None:
        raise NotFoundError
    table.prepare([row], visitor)
    return row


def _found(visitor: CurrentUser, listing: Listing) -> QuerySet[Any]:
    """What the tabs count: everybody that the other filters leave."""
    found: Any = table.readable(visitor)
    organisation = listing.organisation
    if organisation is not None:
        found = found.in_organisation(organisation.id)
    role = listing.chosen.get("role", "")
    if role.startswith("system-"):
        found = found.with_system_role(role.removeprefix("system-"))
    elif role:
        found = found.with_role(visitor.actor, role, organisation.id if organisation else None)
    if q := listing.chosen.get("q"):
        found = found.search(q)
    rows: QuerySet[Any] = found
    return rows


def _tabs(found: QuerySet[Any], listing: Listing, current: str) -> list[dict[str, Any]]:
    labels = [("", gettext("All")), *((value, str(label)) for value, label in Presence.choices)]
    counts = capped_count.capped(
        {value: found.filter(presence_now=value) if value else found for value, _label in labels}
    )
    return [
        {
            "label": label,
            "count": capped_count.words(counts[value]),
            "url": querystring.link(listing.url, listing.query, status=value),
            "current": value == current,
        }
        for value, label in labels
    ]


def _chips(listing: Listing) -> list[dict[str, str]]:
    """The filters in force that no other control shows."""
    chips = []
    if role := listing.chosen.get("role"):
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
