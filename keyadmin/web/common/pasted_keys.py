"""Whole keys that people paste into a search: the secret is removed from the URL, and the key is shown by its ID.

`static/js/forms.js` removes the secret before the browser sends it. Without that script it is removed here.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q
from django.http import HttpRequest

from keyadmin.core.key_shapes import contains_key, public_part
from keyadmin.core.tokens import PREFIX_PATTERN
from keyadmin.models import AddressDay, Key
from keyadmin.models.texts import known_prefixes
from keyadmin.operations.policy import Permission, permissions_for_key
from keyadmin.web.common import querystring
from keyadmin.web.common.current_user import CurrentUser

#: The parameter which says that a secret was removed from the search.
PARAMETER: Final = "pasted"
_MAX_ADDRESSES: Final = 5
_is_public_part: Final = re.compile(rf"{PREFIX_PATTERN}_(?:[0-9A-Za-z]{{16}}|[0-9a-f]{{8}})").fullmatch


def url_without_secrets(request: HttpRequest) -> str:
    """The URL of a GET with the key ID in place of each key; "" if it contains none."""
    if request.method not in ("GET", "HEAD"):
        return ""
    found = False
    query = request.GET.copy()
    for name, values in request.GET.lists():
        if any(contains_key(value, known_prefixes) for value in values):
            found = True
            query.setlist(name, [public_part(v) if contains_key(v, known_prefixes) else v for v in values])
    if not found:
        return ""
    query[PARAMETER] = "1"
    return f"{request.path}?{querystring.without_empty(query.urlencode())}"


@dataclass(frozen=True, slots=True)
class PastedKey:
    """The answer above the list. `key` is None if the user can see no such key; `text` is what was searched for.

    `addresses`: the busiest addresses of the key today and yesterday (UTC), with their requests.
    """

    text: str
    key: Any = None
    may_revoke: bool = False
    addresses: tuple[tuple[str, int], ...] = ()


def find(request: HttpRequest, user: CurrentUser) -> PastedKey | None:
    """The answer for a search from which a secret was removed; None for other requests."""
    if PARAMETER not in request.GET:
        return None
    text = next((value for value in map(str, request.GET.values()) if _is_public_part(value)), "")
    prefix, _separator, recognition = text.partition("_")
    condition = Q(key_id=text) | Q(prefix=prefix, recognition=recognition, key_id__isnull=True)
    keys: Any = Key.objects.visible_to(user.actor).with_status().select_related("organisation", "bot")
    found = list(keys.filter(condition)[:2]) if text else []
    if len(found) != 1:
        return PastedKey(text)
    [key] = found
    permissions = permissions_for_key(user.actor, key, known=user.permissions(key.organisation_id))
    calls: dict[str, int] = {}
    for rows in (AddressDay.objects.today(), AddressDay.objects.yesterday()):
        for address, count in rows.by_address([key.id]).items():
            calls[address] = calls.get(address, 0) + count
    busiest = sorted(calls.items(), key=lambda item: item[1], reverse=True)[:_MAX_ADDRESSES]
    may_revoke = Permission.REVOKE_KEYS in permissions and key.revoked_at is None
    return PastedKey(text, key, may_revoke=may_revoke, addresses=tuple(busiest))
