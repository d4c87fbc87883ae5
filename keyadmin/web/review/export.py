"""The review report as CSV: all of it, of this moment, however many keys there are."""

from collections.abc import Iterator
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from keyadmin.core import csv_cells
from keyadmin.models import Finding, review
from keyadmin.models.review import KeyReview
from keyadmin.operations import review as operations
from keyadmin.web.common.current_user import get_current_user, requires_read_access
from keyadmin.web.review.views import Report

_NAME: Final = "review-{organisation}{day}.csv"


@require_safe
@requires_read_access
def export(request: HttpRequest) -> HttpResponseBase:
    user = get_current_user(request)
    report = Report.of(request, user)
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{_name(report)}"',
    }
    if request.method == "HEAD":
        return HttpResponse(headers=headers)
    operations.export(actor=user.actor, organisation=report.organisation, finding=report.finding)
    return StreamingHttpResponse(_lines(report), headers=headers)


def _name(report: Report) -> str:
    organisation = f"{report.organisation.slug}-" if report.organisation else ""
    return _NAME.format(organisation=organisation, day=f"{timezone.now():%Y-%m-%d}")


def _lines(report: Report) -> Iterator[str]:
    yield csv_cells.BYTE_ORDER_MARK + csv_cells.line(_head())
    for key, row in review.iterate(report.keys):
        if not report.finding or report.finding in row.findings:
            yield csv_cells.line(_cells(key, row))


def _head() -> list[str]:
    return [
        gettext("ID"),
        gettext("Key"),
        gettext("Name"),
        gettext("Organisation"),
        gettext("Bot"),
        gettext("Status"),
        *(str(finding.label) for finding in Finding),
        gettext("Permissions never used in 90 days"),
        gettext("Created"),
        gettext("Created by"),
        gettext("Last used"),
        gettext("Expires"),
    ]


def _cells(key: Any, row: KeyReview) -> list[object]:
    return [
        key.id,
        key.masked,
        key.name,
        key.organisation.name,
        key.bot.name if key.bot else None,
        key.status.label,
        *(finding in row.findings or None for finding in Finding),
        " ".join(sorted(row.unused)),
        key.created_at,
        key.created_by,
        key.last_used_at,
        key.expires_at,
    ]
