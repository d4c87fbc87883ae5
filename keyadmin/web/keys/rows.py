"""Keys as rows of a list: the values that templates show, computed for all keys of a page with few statements."""

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol, TypedDict
from uuid import UUID

from django.db.models import QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext

from keyadmin.models import CallOutcome, Key, KeyStatus, Scope, UsageHour, usage_sums
from keyadmin.operations.policy import Permission, permissions_for_key
from keyadmin.web.common.current_user import CurrentUser
from keyadmin.web.templatetags.ui import relative_time

#: The maximum length of a permission's label, in characters, that fits into the column.
MAX_CHIP_LABEL_LENGTH: Final = 15
#: Days of a sparkline, including today.
SPARKLINE_DAYS: Final = 14

type DailyUsage = list[tuple[int, int]]
"""(allowed, denied) of each of SPARKLINE_DAYS days, oldest first."""


class KeyActions(TypedDict):
    """The actions that the menu of a key offers."""

    edit: bool
    regenerate: bool
    revoke: bool
    reactivate: bool
    delete: bool


class KeyRow(Protocol):
    """The attributes that `annotate` sets on a Key."""

    #: Ranges on the key's own allow-list and on its bot's.
    network_count: int
    #: Whether the key can write or export, and works from any IP address.
    is_open_risk: bool
    #: The permissions that fit into their column, and the others.
    scope_chips: list[Scope]
    more_scopes: list[Scope]
    #: A secondary fact for the badge of the status.
    status_note: str
    may: KeyActions
    #: Only with `usage`: by day, and the sum.
    usage: DailyUsage
    recent_requests: int


class RecentTraffic(NamedTuple):
    """The allowed requests of a key in the last 24 hours, and its last use."""

    requests: int
    last_used_at: datetime | None
    last_used_ip: str | None


def readable(user: CurrentUser) -> QuerySet[Any]:
    """The keys that the user may read, with all that `annotate` needs, and the entries of their allow-lists."""
    return _with_related(Key.objects.visible_to(user.actor)).prefetch_related("scopes", "allow_list", "bot__allow_list")


def listed(keys: Any) -> QuerySet[Any]:
    """`keys` with all that `annotate` needs. The allow-lists are only counted, which saves two statements."""
    return _with_related(keys.with_network_count()).prefetch_related("scopes")


def _with_related(keys: Any) -> QuerySet[Any]:
    rows: QuerySet[Any] = keys.with_status().with_usage().with_grace()
    return rows.select_related("organisation", "bot", "tier", "creator")


def annotate(keys: Iterable[Any], user: CurrentUser, usage: dict[UUID, DailyUsage] | None = None) -> None:
    """Set the attributes of KeyRow on each key; `usage` and `recent_requests` only if `usage` is given."""
    for key in keys:
        scopes = list(key.scopes.all())
        if not hasattr(key, "network_count"):
            key.network_count = len(key.allow_list.all()) + (len(key.bot.allow_list.all()) if key.bot else 0)
        is_powerful = key.inherits or any(scope.is_sensitive for scope in scopes)
        key.is_open_risk = is_powerful and not key.network_count
        key.scope_chips, key.more_scopes = _scope_chips(scopes, sensitive_first=key.is_open_risk)
        key.status_note = status_note(key)
        key.may = allowed_actions(key, user)
        if usage is not None:
            key.usage = usage.get(key.id, [(0, 0)] * SPARKLINE_DAYS)
            key.recent_requests = sum(map(sum, key.usage))


def _scope_chips(scopes: list[Scope], *, sensitive_first: bool) -> tuple[list[Scope], list[Scope]]:
    """One or two permissions whose labels fit beside "+2", and the rest. A short label comes before a long one."""
    if not scopes:
        return [], []
    first, *rest = sorted(
        scopes, key=lambda scope: (sensitive_first and not scope.is_sensitive, len(scope.label) > MAX_CHIP_LABEL_LENGTH)
    )
    room = MAX_CHIP_LABEL_LENGTH if len(rest) == 1 else MAX_CHIP_LABEL_LENGTH - len(" +2 ")
    second = next((scope for scope in rest if len(scope.label) <= room), None)
    return [first, *filter(None, [second])], [scope for scope in rest if scope is not second]


def status_note(key: Any) -> str:
    """A secondary fact: when the old secret stops, or which bot or organisation is disabled; "" for none."""
    if key.status in (KeyStatus.ACTIVE, KeyStatus.EXPIRING) and key.old_secret_until:
        return gettext("Old secret stops %(when)s") % {"when": relative_time(key.old_secret_until)}
    if key.status == KeyStatus.PAUSED:
        owner = key.bot if key.bot and not key.bot.is_active else key.organisation
        return gettext("%(name)s is disabled") % {"name": owner.name}
    return ""


def allowed_actions(key: Any, user: CurrentUser) -> KeyActions:
    """The actions that the user's role and the key's status allow."""
    permissions = permissions_for_key(user.actor, key, known=user.permissions(key.organisation_id))
    is_revoked = key.revoked_at is not None
    has_ended = is_revoked or key.status == KeyStatus.EXPIRED
    return KeyActions(
        edit=Permission.EDIT_KEYS in permissions,
        regenerate=Permission.REGENERATE_KEYS in permissions and not has_ended,
        revoke=Permission.REVOKE_KEYS in permissions and not is_revoked,
        reactivate=Permission.REACTIVATE_KEYS in permissions and has_ended,
        delete=Permission.DELETE_KEYS in permissions,
    )


def usage_by_key(keys: Collection[UUID]) -> dict[UUID, DailyUsage]:
    """Requests by day. Keys without requests are missing."""
    usage: dict[UUID, DailyUsage] = {}
    for key, *counted in usage_sums.by_key(keys, _first_day(), "day"):
        _add(usage.setdefault(key, [(0, 0)] * SPARKLINE_DAYS), *counted)
    return usage


def total_usage(keys: Any) -> DailyUsage:
    """Requests by day of all keys together. `keys`: ids, or a QuerySet of them."""
    total: DailyUsage = [(0, 0)] * SPARKLINE_DAYS
    for _key, *counted in usage_sums.by_key(keys, _first_day(), "day"):
        _add(total, *counted)
    return total


def recent_traffic(key: Any) -> RecentTraffic | None:
    """The allowed requests of the last 24 hours; None if there were none."""
    since = timezone.now() - timedelta(hours=24)
    rows = UsageHour.objects.filter(key_id=key.id, hour__gte=since, outcome=CallOutcome.OK)
    requests = rows.aggregate(requests=Sum("count"))["requests"] or 0
    return RecentTraffic(requests, key.last_used_at, key.last_used_ip) if requests else None


def annotate_traffic(keys: list[Any], *, with_usage: int) -> None:
    """Set `requests_today`, the allowed requests of the last 24 hours, and sort the keys, the busiest first.

    Sets `usage` on the first `with_usage` keys.
    """
    counted = UsageHour.objects.filter(
        key_id__in=[key.id for key in keys], hour__gte=timezone.now() - timedelta(hours=24), outcome=CallOutcome.OK
    )
    requests = dict(counted.values("key_id").annotate(requests=Sum("count")).values_list("key_id", "requests"))
    for key in keys:
        key.requests_today = requests.get(key.id, 0)
    keys.sort(key=lambda key: -key.requests_today)
    shown = keys[:with_usage]
    usage = usage_by_key([key.id for key in shown])
    for key in shown:
        key.usage = usage.get(key.id, [(0, 0)] * SPARKLINE_DAYS)


def _add(usage: DailyUsage, day: date, allowed: int, denied: int) -> None:
    # A request after midnight, counted while the page is rendered, belongs to the last day of the sparkline.
    place = min(SPARKLINE_DAYS - 1, max(0, (day - _first_day()).days))
    usage[place] = (usage[place][0] + allowed, usage[place][1] + denied)


def _first_day() -> date:
    return timezone.now().astimezone(UTC).date() - timedelta(days=SPARKLINE_DAYS - 1)
