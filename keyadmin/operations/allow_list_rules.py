"""The rules of IP allow-lists, of keys and of bots: accepted networks, and the effect of an empty list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keyadmin.core import cidr
from keyadmin.core.errors import InvalidInputError
from keyadmin.models import AllowListEntry, Bot, Key
from keyadmin.operations.validation import FieldErrors, translate

#: Entries of one list. Each call is compared with all of them.
MAX_ENTRIES: Final = 100
#: Texts of one submission that are parsed one by one.
MAX_TEXTS: Final = 2 * MAX_ENTRIES


class MessagePart(NamedTuple):
    text: str
    is_suggestion: bool = False


@dataclass(frozen=True, slots=True)
class RejectedNetwork:
    """A text that a list does not accept. The message contains the `suggestions`, which are networks to use instead."""

    text: str
    message: str
    suggestions: tuple[str, ...] = ()

    @property
    def parts(self) -> list[MessagePart]:
        """The message, cut at its suggestions. The rejected text may contain one, so the last occurrence counts."""
        parts: list[MessagePart] = []
        rest = self.message
        for suggestion in reversed(self.suggestions):
            rest, _found, after = rest.rpartition(suggestion)
            parts = [MessagePart(suggestion, is_suggestion=True), MessagePart(after.strip()), *parts]
        return [MessagePart(rest.strip()), *parts]


def parse_network(text: str, others: Sequence[cidr.Network], *, reject_wide: bool) -> cidr.Network:
    """The network of a new entry; `others` are the other networks of the list. `reject_wide`: see `cidr.parse`.

    Raises InvalidInputError for the field `network`.
    """
    result = _parse(text, others, reject_wide=reject_wide)
    if isinstance(result, RejectedNetwork):
        raise InvalidInputError({"network": [result.message]})
    return result


def parse_networks(
    texts: Sequence[str], others: Sequence[cidr.Network], *, reject_wide: bool = False
) -> tuple[list[cidr.Network], list[RejectedNetwork]]:
    """The texts that are accepted as new entries beside `others`, and those that are not."""
    accepted: list[cidr.Network] = []
    rejected: list[RejectedNetwork] = []
    for text in texts[:MAX_TEXTS]:
        result = _parse(text, [*others, *accepted], reject_wide=reject_wide)
        if isinstance(result, RejectedNetwork):
            rejected.append(result)
        else:
            accepted.append(result)
    if rest := texts[MAX_TEXTS:]:
        rejected.append(RejectedNetwork(" ".join(rest), _too_many()))
    return accepted, rejected


def _parse(text: str, others: Sequence[cidr.Network], *, reject_wide: bool) -> cidr.Network | RejectedNetwork:
    try:
        network = cidr.parse(text, reject_wide=reject_wide)
    except cidr.CidrError as error:
        return RejectedNetwork(text, translate(error), error.suggestions)
    if len(others) >= MAX_ENTRIES:
        return RejectedNetwork(text, _too_many())
    if covering := cidr.find_covering(others, network):
        return RejectedNetwork(text, _already_covered(network, covering))
    return network


def check_networks(errors: FieldErrors, networks: Sequence[cidr.Network]) -> None:
    """Add errors of a key's whole list: more than MAX_ENTRIES, a /0, or an entry that an earlier one covers."""
    if len(networks) > MAX_ENTRIES:
        errors.add("networks", _too_many())
        return
    for position, network in enumerate(networks):
        if network.prefixlen == 0:
            errors.add("networks", _("/0 is too wide. Leave the list empty to allow any address."))
        elif covering := cidr.find_covering(networks[:position], network):
            errors.add("networks", _already_covered(network, covering))


def require_confirmation(owner: Bot | Key, allow_any: bool) -> None:
    """Raise InvalidInputError for the field `allow_any`, unless `allow_any` confirms that the list becomes empty."""
    if not allow_any:
        raise InvalidInputError({"allow_any": [effect_of_emptying(owner)]})


def effect_of_emptying(owner: Bot | Key) -> str:
    """A sentence that says which addresses will be allowed when the owner's list is empty."""
    if isinstance(owner, Key):
        bot_entries = AllowListEntry.objects.filter(bot=owner.bot_id) if owner.bot_id else []
        if networks := ", ".join(map(str, bot_entries)):
            return _("Only its bot’s addresses will be allowed: %(networks)s.") % {"networks": networks}
        return _("Any address will be allowed.")
    restricted = owner.keys.filter(allow_list__isnull=False).distinct().count()
    unrestricted = owner.keys.count() - restricted
    if not restricted:
        return _("Any address will be allowed.")
    if not unrestricted:
        return _("Only the addresses on each key’s own list will be allowed.")
    message = ngettext(
        "Any address will be allowed for %(count)s key. The others keep lists of their own.",
        "Any address will be allowed for %(count)s keys. The others keep lists of their own.",
        unrestricted,
    )
    return message % {"count": f"{unrestricted:,}"}


def _too_many() -> str:
    return _("An IP allow-list has at most %(count)d IP ranges. Use fewer, wider ranges.") % {"count": MAX_ENTRIES}


def _already_covered(network: cidr.Network, covering: cidr.Network) -> str:
    if network == covering:
        return _("%(network)s is already on the list.") % {"network": network}
    return _("%(network)s is already covered by %(covering)s.") % {"network": network, "covering": covering}
