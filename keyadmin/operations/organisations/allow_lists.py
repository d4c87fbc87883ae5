"""IP allow-lists of keys and bots: add, change and remove entries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from keyadmin.core import cidr
from keyadmin.core.actors import Actor
from keyadmin.core.errors import NotFoundError
from keyadmin.models import AllowListEntry, Bot, EventType, Key, Organisation
from keyadmin.operations import allow_list_rules, audit, policy, revisions
from keyadmin.operations.allow_list_rules import NewEntry
from keyadmin.operations.keys import rows, values
from keyadmin.operations.organisations import key_owners
from keyadmin.operations.policy import Permission
from keyadmin.operations.revisions import ReadRevision
from keyadmin.operations.validation import UNSET, Unset, require_changes


@dataclass(frozen=True, slots=True)
class _AllowList:
    """The IP allow-list of a bot or key (`owner`). The database rows of the owner are locked."""

    actor: Actor
    organisation: Organisation
    owner: Bot | Key

    @property
    def entries(self) -> QuerySet[AllowListEntry]:
        return self.owner.allow_list.all()

    def notes(self) -> dict[cidr.Network, str]:
        """The networks of the list with their notes."""
        return dict(self.entries.values_list("network", "note"))

    def parse(self, network: str, note: str, others: Sequence[cidr.Network]) -> NewEntry:
        return allow_list_rules.parse_entry(network, note, others, reject_wide=isinstance(self.owner, Bot))

    def require_within_ceiling(self, networks: Sequence[cidr.Network]) -> None:
        """Raise ForbiddenError if the actor may not let the key be used from all these networks.

        An actor cannot give a key more privileges than the actor has (`operations/privileges.py`). The addresses of an
        actor are restricted only if the actor is a key. Keys cannot edit the lists of bots, so those need no check.
        """
        if isinstance(self.owner, Key):
            old = values.values_of(self.owner)
            values.require_within_ceiling(self.actor, self.owner, replace(old, networks=tuple(networks)), old)


def add(
    *,
    actor: Actor,
    network: str,
    note: str = "",
    bot: UUID | None = None,
    key: UUID | None = None,
    created_at: datetime | None = None,
) -> AllowListEntry:
    """Add a network to the list of a bot or of a key: pass exactly one of `bot` and `key`.

    An empty list allows every address. A list with entries allows only the addresses in its entries.

    To restore a removed entry, pass its `created_at`: it then has the same position in the list.
    """
    with audit.audited_transaction(actor):
        allow_list = _lock(actor, bot, key)
        before = allow_list.notes()
        new = allow_list.parse(network, note, list(before))
        allow_list.require_within_ceiling([*before, new.network])
        column = "bot" if isinstance(allow_list.owner, Bot) else "key"
        entry = AllowListEntry.objects.create(**{column: allow_list.owner}, network=new.network, note=new.note)
        if created_at is not None:
            entry.created_at = created_at
            entry.save(update_fields=("created_at",))
        _record(EventType.ALLOW_LIST_ENTRY_ADDED, allow_list, before)
    return entry


def change(
    *,
    actor: Actor,
    entry: UUID,
    network: str | Unset = UNSET,
    note: str | Unset = UNSET,
    revision: ReadRevision = None,
) -> AllowListEntry:
    """Change the network and the note of the entry, if they are not UNSET."""
    with audit.audited_transaction(actor):
        allow_list, row = _lock_entry(actor, entry)
        revisions.require(row, revision)
        before = allow_list.notes()
        others = [other for other in before if other != row.network]
        text = str(row.network) if network is UNSET else network
        new = allow_list.parse(text, row.note if note is UNSET else note, others)
        require_changes(new != (row.network, row.note))
        allow_list.require_within_ceiling([*others, new.network])
        row.network, row.note, row.revision = new.network, new.note, row.revision + 1
        row.save(update_fields=("network", "note", "revision"))
        _record(EventType.ALLOW_LIST_ENTRY_CHANGED, allow_list, before)
    return row


def remove(*, actor: Actor, entry: UUID, allow_any: bool = False, revision: ReadRevision = None) -> None:
    """Remove the entry. An empty list allows any address, so the removal of the last entry needs `allow_any=True`."""
    with audit.audited_transaction(actor):
        allow_list, row = _lock_entry(actor, entry)
        revisions.require(row, revision)
        before = allow_list.notes()
        if len(before) == 1:
            allow_list_rules.require_confirmation(allow_list.owner, allow_any)
        allow_list.require_within_ceiling([other for other in before if other != row.network])
        row.delete()
        _record(EventType.ALLOW_LIST_ENTRY_REMOVED, allow_list, before)


def _lock(actor: Actor, bot: UUID | None, key: UUID | None) -> _AllowList:
    """Lock the bot or the key, and return its list. Raises NotFoundError and ForbiddenError."""
    if (bot is None) == (key is None):
        raise ValueError("pass either a bot or a key")
    if key is not None:
        row = rows.lock(actor, key, Permission.EDIT_KEYS)
        return _AllowList(actor, row.organisation, row)
    assert bot is not None  # noqa: S101 - for mypy
    organisation, owner = key_owners.lock_bot(actor, bot)
    policy.require(actor, Permission.MANAGE_BOTS, organisation)
    return _AllowList(actor, organisation, owner)


def _lock_entry(actor: Actor, entry: UUID) -> tuple[_AllowList, AllowListEntry]:
    """Lock the bot or key to which the entry belongs, and return its list and the entry.

    Raises NotFoundError and ForbiddenError.
    """
    visible = AllowListEntry.objects.visible_to(actor).filter(id=entry).first()
    if visible is None:
        raise NotFoundError
    allow_list = _lock(actor, visible.bot_id, visible.key_id)
    row = allow_list.entries.filter(id=entry).first()
    if row is None:
        raise NotFoundError
    return allow_list, row


def _record(event_type: EventType, allow_list: _AllowList, before: Mapping[cidr.Network, str]) -> None:
    """Record the whole list before and after the change, and make cached snapshots of the keys concerned stale.

    Increments the owner's revision, so that an edit of the owner that began before this change is a conflict. Snapshots
    contain no notes.
    """
    changes = audit.changes_between(_describe(before), _describe(allow_list.notes()))
    owner = allow_list.owner
    owner.revision += 1
    owner.save(update_fields=("revision",))
    if "networks" not in changes:
        invalidate = audit.Invalidation()
    elif isinstance(owner, Key):
        invalidate = audit.Invalidation(keys=[owner.id])
    else:  # a snapshot contains a version of the organisation, but none of the bot
        invalidate = audit.Invalidation(organisations=[allow_list.organisation.id])
    audit.record(
        event_type,
        actor=allow_list.actor,
        target=owner,
        organisation=allow_list.organisation,
        changes=changes,
        invalidate=invalidate,
    )


def _describe(notes: Mapping[cidr.Network, str]) -> dict[str, Any]:
    """A list as history records it."""
    return {"networks": sorted(map(str, notes)), "notes": allow_list_rules.describe_notes(notes)}
