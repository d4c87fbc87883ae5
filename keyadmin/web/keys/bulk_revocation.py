"""The page of a bulk revocation: its progress, which a person may stop, and then its result, also as CSV."""

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST, require_safe

from keyadmin.core import csv_cells
from keyadmin.core.errors import ConflictError, NotFoundError
from keyadmin.models import BulkOutcome, BulkRevocation, Event, EventType, WorkerProcess, paging
from keyadmin.models.bulk_revocation import SKIPPED, BulkCounts
from keyadmin.operations.keys import bulk_revocation as operations
from keyadmin.operations.policy import Permission
from keyadmin.web.common import htmx, querystring
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user
from keyadmin.web.common.list_view import page_foot, rows_before, rows_to_count
from keyadmin.web.templatetags.ui import thousands

PAGE_SIZE: Final = 20
#: Skipped and failed keys that the page lists each. The CSV has all.
MAX_LISTED_KEYS: Final = 50
#: The progress is read out at each multiple of it.
_SPOKEN_PERCENT: Final = 25
#: Keys after which the time that is left can be estimated.
_MIN_ESTIMATED_KEYS: Final = 10
_SECONDS_OF_MINUTE: Final = 60
_ORDER: Final = paging.Order("id", False, int, int)
_CSV_BATCH_SIZE: Final = 1000


@require_safe
def page(request: PageRequest, revocation: UUID) -> HttpResponse:
    """The progress, or the result if it has ended. The page asks for it again every second, by htmx."""
    user = get_current_user(request)
    row = _get(user, revocation)
    part = "#job" if htmx.is_htmx(request) else ""
    return render(request, f"keys/bulk_revocation.html{part}", _context(request, user, row))


@require_POST
def stop(request: PageRequest, revocation: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = _get(user, revocation)
    try:
        operations.stop(actor=user.actor, revocation=row.id)
    except ConflictError:
        if _get(user, revocation).finished_at is None:
            raise
        # It was finished first: the page shows the result.
    if not htmx.is_htmx(request):
        return redirect("keys:bulk-revocation", row.id)
    return render(request, "keys/bulk_revocation.html#job", _context(request, user, _get(user, revocation)))


@require_safe
def csv(request: PageRequest, revocation: UUID) -> HttpResponseBase:
    """CSV of all keys with what was done with each."""
    row = _get(get_current_user(request), revocation)
    headers = {
        "Content-Type": csv_cells.MEDIA_TYPE,
        "Content-Disposition": f'attachment; filename="revoked-{row.started_at:%Y-%m-%d}-{row.id.hex[:8]}.csv"',
    }
    return StreamingHttpResponse(_csv_lines(row), headers=headers)


def _get(user: CurrentUser, revocation: UUID) -> BulkRevocation:
    row: BulkRevocation | None = BulkRevocation.objects.visible_to(user.actor).filter(id=revocation).first()
    if row is None:
        raise NotFoundError
    return row


def _context(request: PageRequest, user: CurrentUser, row: BulkRevocation) -> dict[str, Any]:
    counts = row.counts()
    url = reverse("keys:bulk-revocation", args=[row.id])
    percent = counts.decided * 100 // row.key_count
    spoken = percent // _SPOKEN_PERCENT * _SPOKEN_PERCENT
    context = {
        "revocation": row,
        "counts": counts,
        "url": url,
        "section": "keys",
        "back_url": user.list_url("keys:list"),
    }
    if row.ended_at is None:
        return context | {
            "poll_url": querystring.link(url, {}, spoken=spoken),
            "words": _progress_words(counts, row) if str(spoken) != request.GET.get("spoken", "0") else "",
            "time_left": _time_left(row, counts),
            "is_worker_missing": row.begun_at is None and not WorkerProcess.objects.alive().exists(),
            "may_stop": all(
                Permission.REVOKE_KEYS in user.permissions(organisation.id) for organisation in row.organisations()
            ),
        }
    return context | _result(request, user, row, counts, url)


def _result(
    request: PageRequest, user: CurrentUser, row: BulkRevocation, counts: BulkCounts, url: str
) -> dict[str, Any]:
    """What the page of an ended bulk revocation needs in addition."""
    ended_at: Any = row.ended_at
    revoked = row.keys.filter(outcome=BulkOutcome.REVOKED)
    cursor = request.GET.get("cursor", "")
    listed = paging.page(revoked, _ORDER, cursor, PAGE_SIZE)
    before = rows_before(
        {name: found.count() for name, found in rows_to_count(revoked, _ORDER, cursor).items()}, listed, _ORDER, cursor
    )
    return {
        "words": _result_words(counts, row),
        "seconds": round((ended_at - row.started_at).total_seconds()),
        "failed": row.keys.filter(outcome=BulkOutcome.FAILED).order_by("id")[:MAX_LISTED_KEYS],
        "skipped": row.keys.filter(outcome__in=SKIPPED).order_by("id")[:MAX_LISTED_KEYS],
        "listed_count": MAX_LISTED_KEYS,
        "revoked": listed.rows,
        "page": page_foot(listed, url=url, query={}, count=counts.revoked, rows_before=before),
        "again_url": querystring.link(reverse("keys:revoke-many"), {"again": row.id}),
        "history_url": _history_url(user, row),
        "csv_url": reverse("keys:bulk-revocation-csv", args=[row.id]),
    }


def _history_url(user: CurrentUser, row: BulkRevocation) -> str:
    """The list of the events, which have the request ID in common; "" if the user may not read that of the start."""
    started = Event.objects.visible_to(user.actor).of_target(str(row.id))
    event = started.filter(type=EventType.BULK_REVOCATION_STARTED).first()
    if event is None:
        return ""
    if not event.request_id:
        return reverse("history:event", args=[event.number])
    return querystring.link(reverse("history:list"), {"q": event.request_id})


def _result_words(counts: BulkCounts, row: BulkRevocation) -> str:
    """The heading of the result, such as "521 keys revoked, 2 skipped"."""
    words = ngettext("%(count)s key revoked", "%(count)s keys revoked", counts.revoked)
    parts = [words % {"count": thousands(counts.revoked)}]
    if counts.skipped:
        parts.append(gettext("%(count)s skipped") % {"count": thousands(counts.skipped)})
    if counts.failed:
        parts.append(gettext("%(count)s failed") % {"count": thousands(counts.failed)})
    if row.stopped_at is not None:
        parts.append(gettext("%(count)s left as they are") % {"count": thousands(counts.waiting)})
    return ", ".join(parts)


def _progress_words(counts: BulkCounts, row: BulkRevocation) -> str:
    numbers = {"revoked": thousands(counts.revoked), "total": thousands(row.key_count)}
    return gettext("%(revoked)s of %(total)s keys revoked") % numbers


def _time_left(row: BulkRevocation, counts: BulkCounts) -> str:
    """An estimate by the pace so far; "" at the beginning."""
    if row.begun_at is None or counts.decided < _MIN_ESTIMATED_KEYS:
        return ""
    elapsed = (timezone.now() - row.begun_at).total_seconds()
    seconds = max(1, round(elapsed / counts.decided * counts.waiting))
    if seconds < _SECONDS_OF_MINUTE:
        words = ngettext("about %(count)s second left", "about %(count)s seconds left", seconds)
        return words % {"count": seconds}
    minutes = round(seconds / _SECONDS_OF_MINUTE)
    return ngettext("about %(count)s minute left", "about %(count)s minutes left", minutes) % {"count": minutes}


def _csv_lines(row: BulkRevocation) -> Iterator[str]:
    header = [
        gettext("ID"),
        gettext("Key"),
        gettext("Name"),
        gettext("Owner"),
        gettext("Result"),
        gettext("Reason"),
        gettext("Time"),
    ]
    keys = row.keys.order_by("id").iterator(chunk_size=_CSV_BATCH_SIZE)
    cells = ((key.key_id, key.masked, key.name, key.owner, *_result_cells(key.outcome), key.at) for key in keys)
    return csv_cells.document(header, cells)


def _result_cells(outcome: str) -> tuple[str, str]:
    """The result in one word, and the reason."""
    label = str(BulkOutcome(outcome).label)
    if outcome in SKIPPED:
        return gettext("Skipped"), label
    if outcome == BulkOutcome.FAILED:
        return gettext("Failed"), label
    return label, ""
