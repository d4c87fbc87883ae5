"""What the words of an explanation are about."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from keyadmin.callpath.authorize import Call
from keyadmin.callpath.snapshot import Snapshot
from keyadmin.core.routes import Match
from keyadmin.explain.rules import Loaded
from keyadmin.models import Key

#: Names in a sentence; of more it says how many.
_MOST: Final = 6


@dataclass(frozen=True, slots=True)
class Facts:
    """What the words are about. `match`: the route that the call takes. `labels`: of scopes, by name.

    `is_for_people`: no key may make the call, but a person may.
    """

    key: Key
    call: Call
    loaded: Loaded
    match: Match | None
    labels: Mapping[str, str]
    is_for_people: bool

    @property
    def snapshot(self) -> Snapshot:
        return self.loaded.snapshot

    @property
    def asked(self) -> str:
        return f"{self.call.method} {self.call.path}"

    @property
    def channel(self) -> str | None:
        """The channel that the call acts through, if it names one."""
        return self.match.channel if self.match and self.match.channel_from == "path" else self.call.channel

    def named(self, scopes: Collection[str]) -> list[str]:
        """By their labels, sorted."""
        return sorted(self.labels.get(name, name) for name in scopes)


def all_of(names: Collection[str]) -> str:
    return _listed(names, _("%(some)s and %(last)s"))


def one_of(names: Collection[str]) -> str:
    return _listed(names, _("%(some)s or %(last)s"))


def _listed(names: Collection[str], joined: str) -> str:
    shown = list(names)
    if len(shown) > _MOST:
        shown = [*shown[: _MOST - 1], _("%(count)s more") % {"count": len(shown) - _MOST + 1}]
    return joined % {"some": ", ".join(shown[:-1]), "last": shown[-1]} if shown[1:] else "".join(shown)
