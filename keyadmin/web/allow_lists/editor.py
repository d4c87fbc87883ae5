"""The allow-list editor of a bot or a key, as its templates show it. Every change saves immediately.

Include it in any page: `{% include "networks/_editor.html" %}` with `editor` in the context.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext

from keyadmin.models import AllowListEntry, Bot, Key
from keyadmin.operations.allow_list_rules import effect_of_emptying
from keyadmin.operations.policy import Permission, permissions_for_key
from keyadmin.web.allow_lists.lockout import BlockedAddress
from keyadmin.web.common.actors import client_ip
from keyadmin.web.common.current_user import CurrentUser


@dataclass(frozen=True, slots=True)
class RemovedRange:
    """A removed range that Undo can restore. `token` is signed; it holds the range and when it was first added."""

    network: str
    token: str


@dataclass
class Editor:
    """The context of the editor's templates. `keys`: the number of keys to which a bot's list applies."""

    owner: Bot | Key
    may_edit: bool
    keys: int = 0
    my_address: str = ""
    #: The entry that is being edited, the submitted text, and its error.
    editing: UUID | None = None
    draft: str | None = None
    error: str = ""
    blocked: BlockedAddress | None = None
    #: The entry whose removal must be confirmed, because it is the last one or in use.
    confirming: UUID | None = None
    removed: RemovedRange | None = None
    status: str = ""
    #: The control that gets the focus: "add", "edit" or "confirm"; "" for none.
    focus: str = ""

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
        bot = None if isinstance(self.owner, Bot) else self.owner.bot_id
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
    def has_invalid_draft(self) -> bool:
        """Whether the text in the field has an error or a warning."""
        return bool(self.error or self.blocked) and self.confirming is None

    @property
    def warning(self) -> str:
        """A sentence about the address that the change would block; "" if there is none."""
        return self.blocked.warning if self.blocked else ""

    @property
    def confirmation(self) -> str:
        """A sentence about the effect of the removal that must be confirmed."""
        return self.warning or effect_of_emptying(self.owner)


def of_bot(request: HttpRequest, user: CurrentUser, bot: Bot, *, keys: int | None = None, **state: Any) -> Editor:
    count = bot.keys.count() if keys is None else keys
    may_edit = Permission.MANAGE_BOTS in user.permissions(bot.organisation_id)
    return Editor(bot, may_edit, keys=count, my_address=client_ip(request) or "", **state)


def of_key(request: HttpRequest, user: CurrentUser, key: Key, **state: Any) -> Editor:
    granted = permissions_for_key(user.actor, key, known=user.permissions(key.organisation_id))
    return Editor(key, Permission.EDIT_KEYS in granted, my_address=client_ip(request) or "", **state)
