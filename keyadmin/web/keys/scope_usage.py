"""What a key's page and dialogs say of its use besides figures: by which permission, and when it was last denied."""

from collections.abc import Collection, Iterable
from datetime import UTC, date, timedelta
from typing import Any, Final

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from keyadmin.core.redaction import parse_request_line
from keyadmin.models import CallOutcome, ScopeDay
from keyadmin.web.common import querystring

#: Days after which a permission that was not used is worth a word.
UNUSED: Final = 30

#: Why a call was denied, as one says it in passing.
_BECAUSE: Final = {
    CallOutcome.REVOKED: gettext_lazy("revoked"),
    CallOutcome.EXPIRED: gettext_lazy("expired"),
    CallOutcome.PAUSED: gettext_lazy("paused"),
    CallOutcome.ADDRESS: gettext_lazy("IP not allowed"),
    CallOutcome.UNMAPPED: gettext_lazy("nothing opens the call"),
    CallOutcome.SCOPE: gettext_lazy("permission"),
    CallOutcome.CHANNEL: gettext_lazy("channel"),
    CallOutcome.IMPERSONATION: gettext_lazy("on behalf of a person"),
    CallOutcome.ON_BEHALF_OF: gettext_lazy("on behalf of nobody known"),
    CallOutcome.LIMITED: gettext_lazy("limit"),
}


def last_denied(key: Any) -> dict[str, Any] | None:
    """{address, because, at, call, explain_url} of a key `with_last_denial`; None when it never had one."""
    if key.denied_at is None:
        return None
    address = key.denied_from or gettext("an unknown address")
    asked: dict[str, Any] = {"key": key.id, "address": key.denied_from}
    if key.denied_from and (call := parse_request_line(key.denied_call)):
        asked |= dict(zip(("method", "path"), call, strict=True))
    return {
        "address": address,
        "because": _BECAUSE[CallOutcome(key.denied_for)],
        "at": key.denied_at,
        "call": key.denied_call,
        "explain_url": querystring.link(reverse("explain"), asked),
    }


def with_last_use(key: Any, scopes: Iterable[Any]) -> list[Any]:
    """The key's scopes `with_last_use`, each with `use`, that in words, and `is_unused` for too long."""
    found = list(scopes)
    today = _today()
    long_ago = today - timedelta(days=UNUSED)
    is_new = key.created_at.astimezone(UTC).date() > long_ago
    for scope in found:
        day = scope.last_used
        scope.is_unused = day <= long_ago if day else not is_new
        if scope.is_unused:
            scope.use = gettext("unused for %(days)s days") % {"days": UNUSED}
        elif day is None:
            scope.use = gettext("not used yet")
        elif scope.calls_this_week:
            scope.use = gettext("%(calls)s this week") % {"calls": f"{scope.calls_this_week:,}"}
        else:
            scope.use = gettext("used %(days)s days ago") % {"days": (today - day).days}
    return found


def with_calls_this_week(key: Any, scopes: Collection[Any], held: Collection[str]) -> bool:
    """Gives the scopes that the key holds `calls` of the last seven days, where there were any; whether there were.

    A key with full access holds none of its own, and may lose any.
    """
    calls = ScopeDay.objects.calls_since(key.id, _today() - timedelta(days=6))
    for scope in scopes:
        scope.calls = calls.get(scope.name, 0) if key.inherits or scope.name in held else 0
    return any(scope.calls for scope in scopes)


def _today() -> date:
    return timezone.now().astimezone(UTC).date()
