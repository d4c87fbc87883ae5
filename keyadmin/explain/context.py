"""What the messages and remedies of an explanation are written from."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final

from django.utils.translation import gettext as _

from keyadmin.callpath.rules import Call
from keyadmin.callpath.snapshot import Snapshot
from keyadmin.core import cidr
from keyadmin.core.routes import Match
from keyadmin.explain.rules import LoadedKey
from keyadmin.models import Key

#: Names in a sentence. A longer list ends with the number of further names.
_MAX_LISTED_NAMES: Final = 6


@dataclass(frozen=True, slots=True)
class ExplainContext:
    """The key, the call, and what was loaded about them.

    `match` is the route of the call, None if there is none. `scope_labels` has the labels of all scopes that texts
    mention, by name, from the narrowest scope to the broadest. `is_person_route`: no key may make the call, but a
    person may.
    """

    key: Key
    call: Call
    loaded: LoadedKey
    match: Match | None
    scope_labels: Mapping[str, str]
    is_person_route: bool

    @property
    def snapshot(self) -> Snapshot:
        return self.loaded.snapshot

    @property
    def request_line(self) -> str:
        return f"{self.call.method} {self.call.path}"

    @property
    def channel(self) -> str | None:
        """The channel that the call names, in its path or in X-Channel; None if it names none."""
        return self.match.channel if self.match and self.match.channel_from == "path" else self.call.channel

    @property
    def narrowest_scope(self) -> str:
        """Of the scopes that open the route, the one that opens the least. Needs a `match`."""
        scopes = self.match.scopes if self.match else frozenset()
        return next((name for name in self.scope_labels if name in scopes), min(scopes))

    @property
    def has_no_common_address(self) -> bool:
        """Whether the key and its bot have lists without any address in common, so that every call is denied."""
        own, bots = (
            tuple(map(ip_network, networks)) for networks in (self.loaded.key_networks, self.loaded.bot_networks)
        )
        return bool(own and bots) and not cidr.intersection(own, bots)

    def labels_of(self, scopes: Collection[str]) -> list[str]:
        """The labels of the scopes, sorted."""
        return sorted(self.scope_labels.get(name, name) for name in scopes)


def join_with_and(names: Collection[str]) -> str:
    """The names as in "a, b and c"."""
    return _join(names, _("%(some)s and %(last)s"))


def join_with_or(names: Collection[str]) -> str:
    """The names as in "a, b or c"."""
    return _join(names, _("%(some)s or %(last)s"))


def _join(names: Collection[str], template: str) -> str:
    listed = list(names)
    if len(listed) > _MAX_LISTED_NAMES:
        more = _("%(count)s more") % {"count": len(listed) - _MAX_LISTED_NAMES + 1}
        listed = [*listed[: _MAX_LISTED_NAMES - 1], more]
    return template % {"some": ", ".join(listed[:-1]), "last": listed[-1]} if listed[1:] else "".join(listed)
