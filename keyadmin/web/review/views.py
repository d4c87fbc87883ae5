"""The review report as a page, and as CSV with all of its keys."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from keyadmin.core import csv_cells
from keyadmin.models import Finding, review
from keyadmin.models.review import KeyReview
from keyadmin.operations import review as operations
from keyadmin.web.common import htmx
from keyadmin.web.common.current_user import PageRequest, get_current_user, requires_read_access
from keyadmin.web.review.report import Report


@require_safe
@requires_read_access
def report(request: PageRequest) -> HttpResponse:
    user = get_current_user(request)
    part = "#rows" if htmx.is_htmx(request) else ""
    return render(request, f"review/report.html{part}", Report.of(request, user).context())


@require_safe
@requires_read_access
def export(request: PageRequest) -> HttpResponseBase:
    """CSV of all keys with current findings, however many there are. History records the export."""
    user = get_current_user(request)
    report = Report.of(request, user)
    headers = {
        "Content-Type": csv_cells.MEDIA_TYPE,
        "Content-Disposition": f'attachment; filename="{_file_name(report)}"',
    }
    if request.method == "HEAD":
        return HttpResponse(headers=headers)
    operations.export(actor=user.actor, organisation=report.organisation, finding=report.finding)
    return StreamingHttpResponse(_csv_lines(report), headers=headers)


def _file_name(report: Report) -> str:
    organisation = f"{report.organisation.slug}-" if report.organisation else ""
    return f"review-{organisation}{timezone.now():%Y-%m-%d}.csv"


def _csv_lines(report: Report) -> Iterator[str]:
    reviewed = review.iterate(report.keys)
    rows = (_cells(key, row) for key, row in reviewed if not report.finding or report.finding in row.findings)
    return csv_cells.document(_header(), rows)


def _header() -> list[str]:
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
    """The cells of a key that comes with organisation, bot, status and usage, in the order of the header."""
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
