"""The rules of IP allow-lists, of keys and of bots: accepted networks, and the effect of an empty list."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Self

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
#: Characters of the note of an entry.
MAX_NOTE_LENGTH: Final = 200
#: Where a note begins in a typed or pasted list.
NOTE_MARK: Final = "#"


class TypedEntry(NamedTuple):
    """An entry as it was typed: a network, valid or not, and a note. As text: `203.0.113.0/24 # Office`."""

    text: str
    note: str = ""

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The entry whose text this is."""
        network, _mark, note = text.partition(NOTE_MARK)
        return cls(network.strip(), note.strip())

    @classmethod
    def split(cls, text: str, note: str = "") -> list[Self]:
        """The entries of a pasted list. A note after NOTE_MARK is for the networks before it on the same line.

        The others get `note`.
        """
        entries = []
        for line in re.split(r"[\r\n]+", text):
            networks, own = cls.from_text(line)
            entries += [cls(network, own or note.strip()) for network in cidr.split(networks)]
        return entries

    def __str__(self) -> str:
        return f"{self.text} {NOTE_MARK} {self.note}" if self.note else self.text


class NewEntry(NamedTuple):
    """An accepted entry."""

    network: cidr.Network
    note: str = ""

    def __str__(self) -> str:
        return str(TypedEntry(str(self.network), self.note))


class MessagePart(NamedTuple):
    text: str
    is_suggestion: bool = False


@dataclass(frozen=True, slots=True)
class RejectedNetwork:
    """A text that a list does not accept. The message contains the `suggestions`, which are networks to use instead."""

    text: str
    message: str
    suggestions: tuple[str, ...] = ()
    note: str = ""

    @property
    def parts(self) -> list[MessagePart]:
        """The message, cut at its suggestions. The rejected text may contain one, so the last occurrence counts."""
        parts: list[MessagePart] = []
        rest = self.message
        for suggestion in reversed(self.suggestions):
            rest, _found, after = rest.rpartition(suggestion)
            parts = [MessagePart(suggestion, is_suggestion=True), MessagePart(after.strip()), *parts]
        return [MessagePart(rest.strip()), *parts]


def parse_entry(network: str, note: str, others: Sequence[cidr.Network], *, reject_wide: bool) -> NewEntry:
    """A new entry; `others` are the other networks of the list. `reject_wide`: see `cidr.parse`.

    Raises InvalidInputError for the fields `network` and `note`.
    """
    errors = FieldErrors()
    result = _parse(network, others, reject_wide=reject_wide)
    note = clean_note(errors, "note", note)
    if isinstance(result, RejectedNetwork):
        raise InvalidInputError({"network": [result.message]} | errors.messages)
    errors.raise_if_any()
    return NewEntry(result, note)


def parse_entries(
    typed: Sequence[TypedEntry], others: Sequence[cidr.Network], *, reject_wide: bool = False
) -> tuple[list[NewEntry], list[RejectedNetwork]]:
    """The entries that are accepted beside `others`, and those that are not."""
    accepted: list[NewEntry] = []
    rejected: list[RejectedNetwork] = []
    for text, typed_note in typed[:MAX_TEXTS]:
        present = [*others, *(entry.network for entry in accepted)]
        result = _parse(text, present, reject_wide=reject_wide)
        errors = FieldErrors()
        note = clean_note(errors, "note", typed_note)
        if isinstance(result, RejectedNetwork):
            rejected.append(replace(result, note=typed_note))
        elif errors.messages:
            message = _("Note of %(network)s: %(problem)s")
            values = {"network": result, "problem": " ".join(errors.messages["note"])}
            rejected.append(RejectedNetwork(text, message % values, note=typed_note))
        else:
            accepted.append(NewEntry(result, note))
    if rest := typed[MAX_TEXTS:]:
        rejected.append(RejectedNetwork(" ".join(entry.text for entry in rest), _too_many()))
    return accepted, rejected


def clean_note(errors: FieldErrors, field: str, note: str) -> str:
    """The note in its normal form. Adds a message to the field for each rule that it breaks."""
    return errors.clean_text(field, note, MAX_NOTE_LENGTH, required=False)


def describe_notes(notes: Mapping[cidr.Network, str]) -> list[str]:
    """The notes of a list as history records them: `203.0.113.0/24: Office`, sorted."""
    return sorted(f"{network}: {note}" for network, note in notes.items() if note)


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
            errors.add("networks", _("/0 is too wide. Leave the list empty to allow any IP address."))
        elif covering := cidr.find_covering(networks[:position], network):
            errors.add("networks", _already_covered(network, covering))


def require_confirmation(owner: Bot | Key, allow_any: bool, *, removed: int = 1) -> None:
    """Raise InvalidInputError for the field `allow_any`, unless `allow_any` confirms that the list becomes empty.

    `removed` is the number of ranges that are removed.
    """
    if not allow_any:
        raise InvalidInputError({"allow_any": [effect_of_emptying(owner, removed=removed)]})


def effect_of_emptying(owner: Bot | Key, *, removed: int = 1) -> str:
    """A sentence that says which addresses will be allowed when the last `removed` ranges of the owner are removed."""
    message = _("This is the last range. Removing it allows %(addresses)s.")
    if removed > 1:
        message = _("These are the last ranges. Removing them allows %(addresses)s.")
    return message % {"addresses": _addresses_without_list(owner)}


def _addresses_without_list(owner: Bot | Key) -> str:
    if isinstance(owner, Key):
        bot_entries = AllowListEntry.objects.filter(bot=owner.bot_id) if owner.bot_id else []
        if networks := ", ".join(map(str, bot_entries)):
            return _("only its bot’s addresses: %(networks)s") % {"networks": networks}
        return _("any IP address")
    restricted = owner.keys.filter(allow_list__isnull=False).distinct().count()
    unrestricted = owner.keys.count() - restricted
    if not restricted:
        return _("any IP address")
    if not unrestricted:
        return _("only the addresses on each key’s own list")
    message = ngettext(
        "any IP address for %(count)s key; the others keep lists of their own",
        "any IP address for %(count)s keys; the others keep lists of their own",
        unrestricted,
    )
    return message % {"count": f"{unrestricted:,}"}


def _too_many() -> str:
    return _("An IP allow-list has at most %(count)d IP ranges. Use fewer, wider ranges.") % {"count": MAX_ENTRIES}


def _already_covered(network: cidr.Network, covering: cidr.Network) -> str:
    if network == covering:
        return _("%(network)s is already on the list.") % {"network": network}
    return _("%(network)s is already covered by %(covering)s.") % {"network": network, "covering": covering}
