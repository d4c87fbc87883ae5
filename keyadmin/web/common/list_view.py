"""What lists share: the organisation and the search in their address, and the foot of their pages."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext

from keyadmin.forms.base import OperationForm
from keyadmin.models import paging
from keyadmin.web.common import capped_count, querystring
from keyadmin.web.common.current_user import CurrentUser


class Listing:
    """One reader's view of a list: the filters of `form` as far as they can be read, and a page of rows."""

    def __init__(self, request: HttpRequest, user: CurrentUser, form: type[OperationForm], url: str) -> None:
        self.url = url
        self.chosen = form(request.GET).accepted()
        self.query = querystring.as_typed(self.chosen)
        self.cursor = request.GET.get("cursor", "")
        self.organisation = user.get_organisation_or_404(self.chosen.get("organisation", ""))

    def page(
        self, rows: QuerySet[Any], order: paging.Order, size: int, *, of_many: paging.Order | None = None
    ) -> dict[str, Any]:
        """`rows` of the page and its `page`, for _paging.html, in two statements.

        `of_many`: the order of more rows than are counted, where only that has an index.
        """
        count = capped_count.capped({"all": rows})["all"]
        is_few = count <= capped_count.COUNT_LIMIT
        order = order if is_few else of_many or order
        page = paging.page(paging.materialize_ids_first(rows) if is_few else rows, order, self.cursor, size)
        total = capped_count.words(count)
        if page.is_first and page.rows:
            summary = gettext("1–%(last)s of %(total)s") % {"last": len(page.rows), "total": total}
        else:
            summary = gettext("%(total)s in all") % {"total": total}
        foot = {
            "previous_url": querystring.link(self.url, self.query, cursor=page.before) if page.before else "",
            "next_url": querystring.link(self.url, self.query, cursor=page.after) if page.after else "",
            "summary": summary,
            "count": count,
            "total": total,
        }
        return {
            "rows": page.rows,
            "page": foot,
            "query": self.query,
            "list_url": self.url,
            "is_filtered": bool(self.chosen.keys() - {"organisation"}),
        }
