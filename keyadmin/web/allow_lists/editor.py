"""The allow-list row editor of a bot or a key, as its templates show it. Every change in it saves at once.

Include it in any page: `{% include "networks/_editor.html" %}` with `editor` in the context.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext

from keyadmin.core import cidr
from keyadmin.models import AllowListEntry, Bot, Key
from keyadmin.operations.keys.values import when_emptied
from keyadmin.operations.policy import Permission, permissions_for_key
from keyadmin.web.allow_lists.lockout import Blocked
from keyadmin.web.common.actors import client_ip
from keyadmin.web.common.current_user import CurrentUser


@dataclass(frozen=True, slots=True)
class Removed:
    """A range that may be put back where it was. `token` says, signed, which it is and since when it was there."""

    network: str
    token: str


@dataclass
class Editor:
    """`keys` is the number of keys that a bot's list applies to. The rest says what has just happened."""

    owner: Bot | Key
    may_edit: bool
    keys: int = 0
    my_address: str = ""
    #: The entry whose value is being edited, what was typed, and what is wrong with it.
    editing: UUID | None = None
    draft: str | None = None
    error: str = ""
    blocked: Blocked | None = None
    #: The entry that the user is asked about before it goes: the last, or one that is in use.
    leaving: UUID | None = None
    #: What was removed and may be put back.
    removed: Removed | None = None
    status: str = ""
    #: Where the focus goes: "add", "edit", "ask" or, on a page just opened, nowhere.
    focus: str = ""

    @property
    def is_bot(self) -> bool:
        return isinstance(self.owner, Bot)

    @cached_property
    def entries(self) -> list[Any]:
        """Each with its `size` in words, oldest first."""
        rows = list(AllowListEntry.objects.filter(**{"bot" if self.is_bot else "key": self.owner.pk}))
        for row in rows:
            row.size = cidr.describe(row.network)
        return rows

    @cached_property
    def bot_networks(self) -> list[str]:
        """What holds for a key without a list of its own: its bot's."""
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
        """Whose calls the list is about."""
        if not self.is_bot:
            return gettext("Applies to this key alone. Every change saves at once.")
        if self.keys == 2:
            return gettext("Applies to both API keys of this bot. Every change saves at once.")
        if self.keys < 2:
            return gettext("Applies to every API key of this bot. Every change saves at once.")
        words = gettext("Applies to all %(count)s API keys of this bot. Every change saves at once.")
        return words % {"count": self.keys}

    @property
    def hint(self) -> str:
        if self.is_bot:
            return gettext("An address or range: IPv4 from /16 to /32, IPv6 from /32 to /128.")
        return gettext("An IPv4 or IPv6 address or range.")

    @property
    def draft_is_wrong(self) -> bool:
        """Whether what was typed needs another look."""
        return bool(self.error or self.blocked) and self.leaving is None

    @property
    def warning(self) -> str:
        """Who would be shut out by what was typed, or by what is to go."""
        return self.blocked.warning if self.blocked else ""

    @property
    def question(self) -> str:
        """What the user is asked about before an entry goes."""
        return self.warning or when_emptied(self.owner)


def of_bot(request: HttpRequest, user: CurrentUser, bot: Bot, *, keys: int | None = None, **state: Any) -> Editor:
    count = bot.keys.count() if keys is None else keys
    may_edit = Permission.MANAGE_BOTS in user.permissions(bot.organisation_id)
    return Editor(bot, may_edit, keys=count, my_address=client_ip(request) or "", **state)


def of_key(request: HttpRequest, user: CurrentUser, key: Key, **state: Any) -> Editor:
    granted = permissions_for_key(user.actor, key, known=user.permissions(key.organisation_id))
    return Editor(key, Permission.EDIT_KEYS in granted, my_address=client_ip(request) or "", **state)
