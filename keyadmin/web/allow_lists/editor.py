"""The allow-list editor, as its templates show it.

`SavedEditor` is the list of a bot or a key: each change saves immediately. Include it in any page:
`{% include "networks/_editor.html" %}` with `editor` in the context. `DraftEditor` is the list in a form, which saves
it: `{% include "networks/_field.html" %}`. The server checks both with the same rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.text import get_text_list
from django.utils.translation import gettext

from keyadmin.core import cidr
from keyadmin.forms.keys import KeyValuesForm
from keyadmin.models import AllowListEntry, Bot, Key
from keyadmin.operations.allow_list_rules import NewEntry, RejectedNetwork, TypedEntry, effect_of_emptying
from keyadmin.operations.policy import Permission, permissions_for_key
from keyadmin.web.allow_lists.lockout import Lockout
from keyadmin.web.common.actors import client_ip
from keyadmin.web.common.current_user import CurrentUser

#: Added ranges that a message names. It gives the number of more.
_MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class RemovedRange:
    """A removed range that Undo can restore. The token of a saved list is signed; it also holds the range's age.

    The token of a list in a form is the entry as text.
    """

    network: str
    token: str


@dataclass
class Editor:
    """What both kinds of editor show."""

    may_edit: bool = True
    my_address: str = ""
    #: The entry whose value is being edited; the text that was typed, and what is wrong with it.
    editing: UUID | None = None
    draft: str | None = None
    #: The text in the field for the note.
    draft_note: str | None = None
    problems: Sequence[RejectedNetwork] = ()
    blocked: Lockout | None = None
    #: The ranges that "Add anyway" confirms, as text.
    anyway: str = ""
    #: The entry whose removal must be confirmed: the last one, or one that is in use.
    confirming: UUID | None = None
    removed: RemovedRange | None = None
    status: str = ""
    #: The control that gets the focus: "add", "edit" or "confirm"; "" for none.
    focus: str = ""

    is_draft = False

    @property
    def has_invalid_draft(self) -> bool:
        """Whether the text in the field has an error or a warning."""
        return bool(self.problems or self.blocked) and self.confirming is None

    @property
    def warning(self) -> str:
        """The addresses and keys that the change would block."""
        return self.blocked.warning if self.blocked else ""


@dataclass
class DraftEditor(Editor):
    """The list in a form. Its rows are the form's field `networks`, its text is the form's field `network`.

    The note of a row is in the field `note:NETWORK`.
    """

    entries: Sequence[NewEntry] = ()

    is_draft = True
    id = "id_networks"
    #: A form has no room for one.
    hint = ""

    @property
    def url(self) -> str:
        return reverse("networks:draft")

    @property
    def check_url(self) -> str:
        return reverse("networks:check-draft")


@dataclass
class SavedEditor(Editor):
    """The list of a bot or a key. `keys` is the number of keys that a bot's list applies to."""

    owner: Any = None
    keys: int = 0

    id = "networks"

    @property
    def is_bot(self) -> bool:
        return isinstance(self.owner, Bot)

    @cached_property
    def entries(self) -> list[AllowListEntry]:
        """The entries, oldest first."""
        return list(AllowListEntry.objects.filter(**{"bot" if self.is_bot else "key": self.owner.pk}))

    @cached_property
    def bot_networks(self) -> list[str]:
        """The ranges of the key's bot, which apply to the key as well."""
        bot = None if self.is_bot else self.owner.bot_id
        return [str(entry) for entry in AllowListEntry.objects.filter(bot=bot)] if bot else []

    @property
    def url(self) -> str:
        return reverse("networks:of-bot" if self.is_bot else "networks:of-key", args=[self.owner.pk])

    @property
    def check_url(self) -> str:
        return reverse("networks:check-bot" if self.is_bot else "networks:check-key", args=[self.owner.pk])

    @property
    def note(self) -> str:
        """A sentence about the keys to which the list applies."""
        if not self.is_bot:
            return gettext("Applies to this key only. Every change saves immediately.")
        if self.keys == 2:
            return gettext("Applies to both API keys of this bot. Every change saves immediately.")
        if self.keys < 2:
            return gettext("Applies to every API key of this bot. Every change saves immediately.")
        note = gettext("Applies to all %(count)s API keys of this bot. Every change saves immediately.")
        return note % {"count": self.keys}

    @property
    def hint(self) -> str:
        if self.is_bot:
            return gettext("An address or range: IPv4 from /16 to /32, IPv6 from /32 to /128.")
        return gettext("An IPv4 or IPv6 address or range.")

    @property
    def confirmation(self) -> str:
        """A sentence about the effect of the removal that must be confirmed."""
        return self.warning or effect_of_emptying(self.owner)


def of_bot(request: HttpRequest, user: CurrentUser, bot: Bot, *, keys: int | None = None, **state: Any) -> SavedEditor:
    count = bot.keys.count() if keys is None else keys
    may_edit = Permission.MANAGE_BOTS in user.permissions(bot.organisation_id)
    return SavedEditor(owner=bot, may_edit=may_edit, keys=count, my_address=client_ip(request) or "", **state)


def of_key(request: HttpRequest, user: CurrentUser, key: Key, **state: Any) -> SavedEditor:
    granted = permissions_for_key(user.actor, key, known=user.permissions(key.organisation_id))
    may_edit = Permission.EDIT_KEYS in granted
    return SavedEditor(owner=key, may_edit=may_edit, my_address=client_ip(request) or "", **state)


def of_form(request: HttpRequest, form: KeyValuesForm) -> DraftEditor:
    """The list of a form that is shown: its networks as rows, and the texts that are none in the field."""
    entries, rejected = form.parse_entries()
    problems: list[RejectedNetwork] = []
    if form.is_bound:
        problems = rejected or [RejectedNetwork("", str(error)) for error in form["networks"].errors]
    return DraftEditor(entries=entries, draft=text_of(rejected), problems=problems, my_address=client_ip(request) or "")


def text_of(rejected: Sequence[RejectedNetwork]) -> str:
    """The texts that stay in the field. Each note needs a line of its own."""
    if not any(each.note for each in rejected):
        return " ".join(each.text for each in rejected)
    return "\n".join(str(TypedEntry(each.text, each.note)) for each in rejected)


def added_message(networks: Sequence[cidr.Network]) -> str:
    """`192.0.2.0/24 added`; "" for none."""
    if not networks:
        return ""
    if len(networks) > _MAX_NAMED:
        return gettext("%(count)s ranges added") % {"count": len(networks)}
    return gettext("%(network)s added") % {"network": get_text_list(list(map(str, networks)), gettext("and"))}


def changed_message(old: cidr.Network, new: cidr.Network) -> str:
    if old == new:
        return gettext("Note of %(network)s saved") % {"network": new}
    return gettext("%(old)s is now %(new)s") % {"old": old, "new": new}


def removed_message(network: str) -> str:
    return gettext("%(network)s removed") % {"network": network}
