"""What the endpoints of every noun do alike: lists, one row, and the fields that a body gives."""

from collections.abc import Callable
from typing import Annotated, Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from pydantic import Field

from keyadmin.api import headers, pagination
from keyadmin.api.bodies import Body
from keyadmin.api.callers import actor_of, organisation_of
from keyadmin.api.filters import PageQuery, refuse_unknown
from keyadmin.core.actors import Actor
from keyadmin.core.errors import NotFoundError
from keyadmin.models import paging
from keyadmin.operations import policy

BY_NAME: Final = paging.Order("name", False, str, UUID)

Text = Annotated[str, Field(max_length=2000)]
Slug = Annotated[str, Field(description="A slug; needed by callers with several organisations.")]


class Reasoned(Body):
    """Why, for the history."""

    reason: Text = Field(default="", examples=["No longer needed"])


def listed[Shape](
    request: HttpRequest,
    response: HttpResponse,
    rows: QuerySet[Any],
    order: paging.Order,
    query: PageQuery,
    shape: Callable[[Any], Shape],
) -> list[Shape]:
    """One page of the rows, and the Link header to its neighbours."""
    refuse_unknown(request, query)
    page = paging.page(rows, order, query.cursor, query.limit)
    pagination.lead_on(request, response, page)
    return [shape(row) for row in page.rows]


def one(rows: QuerySet[Any], **by: Any) -> Any:
    """The row; raises NotFound, alike for what is not there and what may not be seen."""
    row = rows.filter(**by).first()
    if row is None:
        raise NotFoundError
    return row


def told[Shape](response: HttpResponse, rows: QuerySet[Any], shape: Callable[[Any], Shape], **by: Any) -> Shape:
    """The row in its shape, with its ETag; raises NotFound."""
    row = one(rows, **by)
    response["ETag"] = headers.etag(row.revision)
    return shape(row)


def within(request: HttpRequest, rows: QuerySet[Any], organisation: str) -> QuerySet[Any]:
    """The rows of the organisation of that slug; of all, if none is named."""
    return rows.filter(organisation=organisation_of(request, organisation).id) if organisation else rows


def given(body: Body) -> dict[str, Any]:
    """What the body says, and nothing that it leaves out."""
    return {name: getattr(body, name) for name in body.model_fields_set}


def reader_of_all(request: HttpRequest) -> Actor:
    """The caller, if it reads what all organisations share; raises NotFound."""
    actor = actor_of(request)
    if not policy.allows(actor, policy.Permission.READ_ORGANISATION, None):
        raise NotFoundError
    return actor
