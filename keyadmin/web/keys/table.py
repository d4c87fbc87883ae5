"""What pages show of a key besides its own columns, for all keys of a page at once."""

from collections.abc import Collection, Iterable
from datetime import UTC, date, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext

from keyadmin.models import CallOutcome, Key, Status, UsageHour, usage_sums
from keyadmin.operations.policy import Permission, permissions_for_key
from keyadmin.web.common.current_user import CurrentUser
from keyadmin.web.templatetags.ui import relative_time

#: Letters of a permission's label for which a list has room.
LABEL: Final = 15
#: Days of a sparkline, today included.
DAYS: Final = 14
type Usage = list[tuple[int, int]]
"""(allowed, denied) a day, oldest first."""


def readable(user: CurrentUser) -> QuerySet[Any]:
    """The keys a user may see, each with all that `prepare` reads."""
    keys = Key.objects.visible_to(user.actor)
    return _with_owners(keys).prefetch_related("scopes", "allow_list", "bot__allow_list")


def listed(keys: Any) -> QuerySet[Any]:
    """The keys as `readable` gives them, for who needs only the number of networks: two statements less."""
    return _with_owners(keys.with_network_count()).prefetch_related("scopes")


def _with_owners(keys: Any) -> QuerySet[Any]:
    rows: QuerySet[Any] = keys.with_status().with_usage().with_grace()
    return rows.select_related("organisation", "bot", "tier", "creator")


def prepare(keys: Iterable[Any], user: CurrentUser, usage: dict[UUID, Usage] | None = None) -> None:
    """Set what the templates ask of a key: network_count, is_open_risk, scope_chips, more_scopes, under, may; usage and
    recent, its sum, if given.
    """
    for key in keys:
        scopes = list(key.scopes.all())
        if not hasattr(key, "network_count"):
            key.network_count = len(key.allow_list.all()) + (len(key.bot.allow_list.all()) if key.bot else 0)
        powerful = key.inherits or any(scope.is_sensitive for scope in scopes)
        key.is_open_risk = powerful and not key.network_count
        key.scope_chips, key.more_scopes = _chips(scopes, key.is_open_risk)
        key.under = under(key)
        key.may = may(key, user)
        if usage is not None:
            key.usage = usage.get(key.id, [(0, 0)] * DAYS)
            key.recent = sum(map(sum, key.usage))


def _chips(scopes: list[Any], is_open_risk: bool) -> tuple[list[Any], list[Any]]:
    """One or two of the scopes, whose labels have room beside "+2", and the others. A risk stands in front."""
    if not scopes:
        return [], []
    first, *rest = sorted(scopes, key=lambda scope: (is_open_risk and not scope.is_sensitive, len(scope.label) > LABEL))
    room = LABEL if len(rest) == 1 else LABEL - len(" +2 ")
    second = next((scope for scope in rest if len(scope.label) <= room), None)
    return [first, *filter(None, [second])], [scope for scope in rest if scope is not second]


def under(key: Any) -> str:
    """The fact that its status leaves out."""
    if key.status in (Status.ACTIVE, Status.EXPIRING) and key.old_secret_until:
        return gettext("Old secret ends %(when)s") % {"when": relative_time(key.old_secret_until)}
    if key.status == Status.PAUSED:
        paused = key.bot if key.bot and not key.bot.is_active else key.organisation
        return gettext("%(name)s is disabled") % {"name": paused.name}
    return ""


def may(key: Any, user: CurrentUser) -> dict[str, bool]:
    """The acts that have a page, that the user is allowed and that the key's state leaves open."""
    granted = permissions_for_key(user.actor, key, known=user.permissions(key.organisation_id))
    revoked = key.revoked_at is not None
    ended = revoked or key.status == Status.EXPIRED
    return {
        "edit": Permission.EDIT_KEYS in granted,
        "regenerate": Permission.REGENERATE_KEYS in granted and not ended,
        "revoke": Permission.REVOKE_KEYS in granted and not revoked,
        "reactivate": Permission.REACTIVATE_KEYS in granted and ended,
        "delete": Permission.DELETE_KEYS in granted,
    }


def usage_by_key(keys: Collection[UUID]) -> dict[UUID, Usage]:
    """Calls a day for each of the keys that had any."""
    usage: dict[UUID, Usage] = {}
    for key, *counted in usage_sums.by_key(keys, _first_day(), "day"):
        _add(usage.setdefault(key, [(0, 0)] * DAYS), *counted)
    return usage


def usage_together(keys: Any) -> Usage:
    """Calls a day for all of the keys, ids or a QuerySet of them."""
    together: Usage = [(0, 0)] * DAYS
    for _key, *counted in usage_sums.by_key(keys, _first_day(), "day"):
        _add(together, *counted)
    return together


def traffic(key: Any) -> dict[str, Any] | None:
    """What the key did in the last 24 hours, for who is about to stop it; None for nothing."""
    since = timezone.now() - timedelta(hours=24)
    rows = UsageHour.objects.filter(key_id=key.id, hour__gte=since, outcome=CallOutcome.OK)
    day = rows.aggregate(calls=Sum("count"))["calls"] or 0
    if not day:
        return None
    return {"day": day, "last_used_at": key.last_used_at, "last_used_ip": key.last_used_ip}


def _add(usage: Usage, day: date, allowed: int, denied: int) -> None:
    before = usage[_place(day)]
    usage[_place(day)] = (before[0] + allowed, before[1] + denied)


def _first_day() -> date:
    return timezone.now().astimezone(UTC).date() - timedelta(days=DAYS - 1)


def _place(day: date) -> int:
    """A day's place in the sparkline; what came after midnight struck belongs to the last."""
    return min(DAYS - 1, max(0, (day - _first_day()).days))
