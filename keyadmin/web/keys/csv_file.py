"""The list of keys as CSV: all keys that match the filters in the URL, newest first."""

from collections.abc import Iterator
from typing import Any, Final

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from keyadmin.core import csv_cells
from keyadmin.forms.filters import KeyFilters
from keyadmin.models import KeyKind, paging
from keyadmin.operations.keys import exports
from keyadmin.web.common import querystring
from keyadmin.web.common.current_user import PageRequest, get_current_user, requires_read_access
from keyadmin.web.keys.key_list import matching_keys

#: Keys in one statement, so that memory does not grow with their number.
_BATCH_SIZE: Final = 500


@require_safe
@requires_read_access
def export(request: PageRequest) -> HttpResponseBase:
    """CSV of all keys that match the filters, whatever the page. History records the export."""
    user = get_current_user(request)
    filters = KeyFilters(request.GET).valid_values()
    organisation = user.get_organisation_or_404(filters.get("organisation", ""))
    keys = matching_keys(user, request.GET)
    slug = f"{organisation.slug}-" if organisation else ""
    headers = {
        "Content-Type": csv_cells.MEDIA_TYPE,
        "Content-Disposition": f'attachment; filename="keys-{slug}{timezone.now():%Y-%m-%d}.csv"',
    }
    if request.method == "HEAD":
        return HttpResponse(headers=headers)
    exports.export(actor=user.actor, organisation=organisation, filters=querystring.from_filters(filters))
    return StreamingHttpResponse(csv_cells.document(_header(), map(_cells, _in_batches(keys))), headers=headers)


def _in_batches(keys: Any) -> Iterator[Any]:
    related = ("scopes", "channels", "allow_list", "bot__allow_list")
    rows = keys.with_status().with_usage().select_related("organisation", "bot", "tier").prefetch_related(*related)
    cursor = ""
    while True:
        page = paging.page(rows, paging.NEWEST_FIRST, cursor, _BATCH_SIZE)
        yield from page.rows
        cursor = page.after
        if not cursor:
            return


def _header() -> list[str]:
    return [
        gettext("ID"),
        gettext("Key"),
        gettext("Name"),
        gettext("Description"),
        gettext("Organisation"),
        gettext("Bot"),
        gettext("Kind"),
        gettext("Status"),
        gettext("Full access"),
        gettext("Permissions"),
        gettext("Channels"),
        gettext("Allowed IPs"),
        gettext("Allowed IPs of the bot"),
        gettext("Rate tier"),
        gettext("Created"),
        gettext("Created by"),
        gettext("Last used"),
        gettext("Last used from"),
        gettext("Allowed requests"),
        gettext("Expires"),
    ]


def _cells(key: Any) -> list[object]:
    """The cells of a key, in the order of the header."""
    return [
        key.id,
        key.masked,
        key.name,
        key.description,
        key.organisation.name,
        key.bot.name if key.bot else None,
        KeyKind(key.kind).label,
        key.status.label,
        key.inherits,
        " ".join(sorted(scope.name for scope in key.scopes.all())),
        " ".join(sorted(channel.slug for channel in key.channels.all())),
        _entries(key),
        _entries(key.bot) if key.bot else None,
        key.tier.name,
        key.created_at,
        key.created_by,
        key.last_used_at,
        key.last_used_ip,
        key.total,
        key.expires_at,
    ]


def _entries(owner: Any) -> str:
    """The ranges of the owner's allow-list with their notes."""
    return "; ".join(f"{entry} ({entry.note})" if entry.note else str(entry) for entry in owner.allow_list.all())
