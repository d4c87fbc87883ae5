"""Allow-lists of keys and bots: add, change and remove networks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keyadmin.foundation import cidr
from keyadmin.foundation.actors import Actor
from keyadmin.models import AllowListEntry, Bot, Key, Organisation, Verb
from keyadmin.operations import key_rows, key_values, owners, policy, recording, revisions
from keyadmin.operations.checks import require_changes
from keyadmin.operations.errors import Invalid, NotFound
from keyadmin.operations.policy import Permission


@dataclass(frozen=True, slots=True)
class _List:
    """A locked allow-list: a bot's or a key's."""

    actor: Actor
    organisation: Organisation
    owner: Bot | Key

    @property
    def entries(self) -> QuerySet[AllowListEntry]:
        return self.owner.allow_list.all()

    def networks(self) -> list[cidr.Network]:
        return list(self.entries.values_list("network", flat=True))


def add(
    *, actor: Actor, network: str, bot: UUID | None = None, key: UUID | None = None, since: datetime | None = None
) -> AllowListEntry:
    """Add a network to the list of the bot or of the key. The first one closes it to all other addresses.

    `since`: of one that is put back, when it first came onto the list; it then stands where it stood.
    """
    with recording.changing(actor):
        allowed = _lock(actor, bot, key)
        before = allowed.networks()
        new = _parse(allowed, network, before)
        _require_reach(allowed, [*before, new])
        owner = {"bot": allowed.owner} if isinstance(allowed.owner, Bot) else {"key": allowed.owner}
        entry = AllowListEntry.objects.create(**owner, network=new)
        if since is not None:
            entry.created_at = since
            entry.save(update_fields=("created_at",))
        _record(Verb.NETWORK_ADDED, allowed, before)
    return entry


def change(*, actor: Actor, entry: UUID, network: str, revision: int | None = None) -> AllowListEntry:
    """Put another network in the entry's place."""
    with recording.changing(actor):
        allowed, row = _lock_entry(actor, entry)
        revisions.require(row, revision)
        before = allowed.networks()
        others = [other for other in before if other != row.network]
        new = _parse(allowed, network, others)
        require_changes(new != row.network)
        _require_reach(allowed, [*others, new])
        row.network, row.revision = new, row.revision + 1
        row.save(update_fields=("network", "revision"))
        _record(Verb.NETWORK_CHANGED, allowed, before)
    return row


def remove(*, actor: Actor, entry: UUID, allow_any: bool = False, revision: int | None = None) -> None:
    """Remove the entry. Without the last one the list allows any address, which takes `allow_any`."""
    with recording.changing(actor):
        allowed, row = _lock_entry(actor, entry)
        revisions.require(row, revision)
        before = allowed.networks()
        if len(before) == 1 and not allow_any:
            raise Invalid({"allow_any": [when_emptied(allowed.owner)]})
        _require_reach(allowed, [other for other in before if other != row.network])
        row.delete()
        _record(Verb.NETWORK_REMOVED, allowed, before)


def when_emptied(owner: Bot | Key) -> str:
    """What will hold once nothing is on the list, in words: it opens nothing that another list closes."""
    if isinstance(owner, Key):
        of_its_bot = AllowListEntry.objects.filter(bot=owner.bot_id) if owner.bot_id else []
        if networks := ", ".join(map(str, of_its_bot)):
            return _("Its bot’s addresses alone will be allowed: %(networks)s.") % {"networks": networks}
        return _("Any address will be allowed.")
    closed = owner.keys.filter(allow_list__isnull=False).distinct().count()
    opened = owner.keys.count() - closed
    if not closed:
        return _("Any address will be allowed.")
    if not opened:
        return _("The addresses of each key’s own list alone will be allowed.")
    words = ngettext(
        "Any address will be allowed for %(count)s key. The others keep lists of their own.",
        "Any address will be allowed for %(count)s keys. The others keep lists of their own.",
        opened,
    )
    return words % {"count": f"{opened:,}"}


def _lock(actor: Actor, bot: UUID | None, key: UUID | None) -> _List:
    if (bot is None) == (key is None):
        raise ValueError("an allow-list belongs to a bot or to a key")
    if key is not None:
        row = key_rows.lock(actor, key, Permission.EDIT_KEYS)
        return _List(actor, row.organisation, row)
    assert bot is not None  # noqa: S101 - for mypy
    organisation, owner = owners.lock_organisation_of_bot(actor, bot)
    policy.require(actor, Permission.MANAGE_BOTS, organisation)
    return _List(actor, organisation, owner)


def _lock_entry(actor: Actor, entry: UUID) -> tuple[_List, AllowListEntry]:
    seen = AllowListEntry.objects.visible_to(actor).filter(id=entry).first()
    if seen is None:
        raise NotFound
    allowed = _lock(actor, seen.bot_id, seen.key_id)
    row = allowed.entries.filter(id=entry).first()
    if row is None:
        raise NotFound
    return allowed, row


def _parse(allowed: _List, text: str, others: Sequence[cidr.Network]) -> cidr.Network:
    """The network that was typed, if the list can take it."""
    try:
        network = cidr.parse(text, floor=isinstance(allowed.owner, Bot))
    except cidr.CidrError as problem:
        raise Invalid({"network": [problem.message]}) from problem
    if len(others) >= key_values.MOST_NETWORKS:
        raise Invalid({"network": [key_values.too_many_networks()]})
    if covering := cidr.covers(others, network):
        raise Invalid({"network": [key_values.covered(network, covering)]})
    return network


def _require_reach(allowed: _List, networks: Sequence[cidr.Network]) -> None:
    if isinstance(allowed.owner, Key):
        old = key_values.of(allowed.owner)
        key_values.require_reach(allowed.actor, allowed.owner, replace(old, networks=tuple(networks)), old)


def _record(verb: Verb, allowed: _List, before: Sequence[cidr.Network]) -> None:
    """History keeps the whole list, before and after. Whoever edits what had the old list is told of the new one."""
    owner = allowed.owner
    owner.revision += 1
    owner.save(update_fields=("revision",))
    if isinstance(owner, Key):
        bump = recording.Bump(keys=[owner.id])
    else:
        bump = recording.Bump(organisations=[allowed.organisation.id])
    changes = {"networks": (sorted(map(str, before)), sorted(map(str, allowed.networks())))}
    recording.record(
        verb, actor=allowed.actor, target=owner, organisation=allowed.organisation, changes=changes, bump=bump
    )
