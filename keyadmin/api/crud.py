"""Helpers of most resources: pages, one row with its revision, and the caller's organisation."""

import re
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from keyadmin.api.auth import ApiRequest, actor_of
from keyadmin.api.schemas import ListFilters, PageQuery, is_storable
from keyadmin.core.actors import Actor
from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.models import Organisation, Tier, paging
from keyadmin.operations import policy
from keyadmin.operations.revisions import ReadRevision

#: An entity tag (RFC 9110, section 8.8.3).
_ETAG: Final = r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"'
_find_etags = re.compile(_ETAG).findall
# The possessive quantifiers keep the time linear in the length of the header.
_is_list_of_etags = re.compile(rf"[ \t,]*+{_ETAG}(?:[ \t]*+,[ \t,]*+{_ETAG})*+[ \t,]*+").fullmatch


def render_page[Shape](
    request: HttpRequest,
    response: HttpResponse,
    rows: QuerySet[Any],
    order: paging.Order,
    query: PageQuery,
    shape: Callable[[Any], Shape],
) -> list[Shape]:
    """Return one page of the rows in their shape, and add the Link header."""
    require_known_filters(request, query)
    page = paging.page(rows, order, query.cursor, query.limit)
    add_link_header(request, response, page)
    return [shape(row) for row in page.rows]


def add_link_header(request: HttpRequest, response: HttpResponse, page: paging.Page) -> None:
    """Link the previous and the next page (RFC 8288), with the filters of this one."""
    cursors = {"prev": page.before, "next": page.after}
    links = [f'<{_page_url(request, cursor)}>; rel="{relation}"' for relation, cursor in cursors.items() if cursor]
    if links:
        response["Link"] = ", ".join(links)


def _page_url(request: HttpRequest, cursor: str) -> str:
    query = request.GET.copy()
    query["cursor"] = cursor
    return f"{request.path}?{query.urlencode()}"


def require_known_filters(request: HttpRequest, query: ListFilters) -> None:
    """Raise InvalidInputError for unknown and repeated parameters: without a filter, a list has too many rows."""
    if unknown := sorted(request.GET.keys() - type(query).model_fields.keys()):
        raise InvalidInputError({name: ["This list has no filter of this name."] for name in unknown})
    if repeated := sorted(name for name, values in request.GET.lists() if len(values) > 1):
        raise InvalidInputError({name: ["Send this filter once."] for name in repeated})


def get_or_404(rows: QuerySet[Any], **lookup: Any) -> Any:
    """Return the row. Raises NotFoundError, both if it does not exist and if the caller may not see it."""
    row = rows.filter(**lookup).first()
    if row is None:
        raise NotFoundError
    return row


def render[Shape](response: HttpResponse, rows: QuerySet[Any], shape: Callable[[Any], Shape], **lookup: Any) -> Shape:
    """Return the row in its shape, and add its ETag. Raises NotFoundError."""
    row = get_or_404(rows, **lookup)
    response["ETag"] = f'"{row.revision}"'
    return shape(row)


def expected_revision(request: HttpRequest) -> ReadRevision:
    """Return the revisions that If-Match names; None for any.

    RFC 9110, section 13.1.1: one of the listed tags must match. A weak tag never does, nor one that is not of this API.
    Raises InvalidInputError for a value that is neither `*` nor a list of entity tags.
    """
    value: str = request.headers.get("If-Match", "*").strip(" \t")
    if value == "*":
        return None
    if not _is_list_of_etags(value):
        raise InvalidInputError({"If-Match": ["Send the ETag that you received when you read the object."]})
    return {int(tag) for weak, tag in _find_etags(value) if not weak and re.fullmatch("[0-9]{1,9}", tag, re.ASCII)}


def filter_by_org(request: ApiRequest, rows: QuerySet[Any], slug: str) -> QuerySet[Any]:
    """Return the rows of the organisation with this slug; without a slug, all rows. Raises NotFoundError."""
    return rows.filter(organisation=organisation_of(request, slug).id) if slug else rows


def organisation_of(request: ApiRequest, slug: str = "") -> Organisation:
    """Return the organisation with this slug; without a slug, the only one that the caller may read.

    Raises NotFoundError, or InvalidInputError if the caller may read several.
    """
    readable = Organisation.objects.visible_to(actor_of(request))
    if slug:
        organisation: Organisation | None = readable.filter(slug=slug).first() if is_storable(slug) else None
        if organisation is None:
            raise NotFoundError
        return organisation
    organisations = list(readable.order_by("id")[:2])
    if not organisations:
        raise NotFoundError
    if len(organisations) > 1:
        raise InvalidInputError({"organisation": ["Send the slug of an organisation. You have access to several."]})
    only: Organisation = organisations[0]
    return only


def find_tier(name: str) -> UUID | None:
    """Return the id of the tier with this name; None if there is none."""
    if not is_storable(name):
        return None
    tier: UUID | None = Tier.objects.filter(name=name).values_list("id", flat=True).first()
    return tier


def installation_reader(request: ApiRequest) -> Actor:
    """Return the caller, if it may read the catalogue that all organisations share. Raises NotFoundError."""
    actor = actor_of(request)
    if not policy.allows(actor, policy.Permission.READ_ORGANISATION, None):
        raise NotFoundError
    return actor
