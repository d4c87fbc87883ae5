"""Allow-lists of keys and bots: add, change and remove networks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from keyadmin.core import cidr
from keyadmin.core.actors import Actor
from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.models import AllowListEntry, Bot, EventType, Key, Organisation
from keyadmin.operations import audit, policy, revisions
from keyadmin.operations.keys import rows, values
from keyadmin.operations.organisations import owners
from keyadmin.operations.policy import Permission
from keyadmin.operations.validation import require_changes


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
    with audit.audited_transaction(actor):
        allowed = _lock(actor, bot, key)
        before = allowed.networks()
        new = _parse(allowed, network, before)
        _require_reach(allowed, [*before, new])
        owner = {"bot": allowed.owner} if isinstance(allowed.owner, Bot) else {"key": allowed.owner}
        entry = AllowListEntry.objects.create(**owner, network=new)
        if since is not None:
            entry.created_at = since
            entry.save(update_fields=("created_at",))
        _record(EventType.ALLOW_LIST_ENTRY_ADDED, allowed, before)
    return entry


def change(*, actor: Actor, entry: UUID, network: str, revision: int | None = None) -> AllowListEntry:
    """Put another network in the entry's place."""
    with audit.audited_transaction(actor):
        allowed, row = _lock_entry(actor, entry)
        revisions.require(row, revision)
        before = allowed.networks()
        others = [other for other in before if other != row.network]
        new = _parse(allowed, network, others)
        require_changes(new != row.network)
        _require_reach(allowed, [*others, new])
        row.network, row.revision = new, row.revision + 1
        row.save(update_fields=("network", "revision"))
        _record(EventType.ALLOW_LIST_ENTRY_CHANGED, allowed, before)
    return row


def remove(*, actor: Actor, entry: UUID, allow_any: bool = False, revision: int | None = None) -> None:
    """Remove the entry. Without the last one the list allows any address, which takes `allow_any`."""
    with audit.audited_transaction(actor):
        allowed, row = _lock_entry(actor, entry)
        revisions.require(row, revision)
        before = allowed.networks()
        if len(before) == 1 and not allow_any:
            raise InvalidInputError({"allow_any": [values.when_emptied(allowed.owner)]})
        _require_reach(allowed, [other for other in before if other != row.network])
        row.delete()
        _record(EventType.ALLOW_LIST_ENTRY_REMOVED, allowed, before)


def _lock(actor: Actor, bot: UUID | None, key: UUID | None) -> _List:
    if (bot is None) == (key is None):
        raise ValueError("an allow-list belongs to a bot or to a key")
    if key is not None:
        row = rows.lock(actor, key, Permission.EDIT_KEYS)
        return _List(actor, row.organisation, row)
    assert bot is not None  # noqa: S101 - for mypy
    organisation, owner = owners.lock_organisation_of_bot(actor, bot)
    policy.require(actor, Permission.MANAGE_BOTS, organisation)
    return _List(actor, organisation, owner)


def _lock_entry(actor: Actor, entry: UUID) -> tuple[_List, AllowListEntry]:
    seen = AllowListEntry.objects.visible_to(actor).filter(id=entry).first()
    if seen is None:
        raise NotFoundError
    allowed = _lock(actor, seen.bot_id, seen.key_id)
    row = allowed.entries.filter(id=entry).first()
    if row is None:
        raise NotFoundError
    return allowed, row


def _parse(allowed: _List, text: str, others: Sequence[cidr.Network]) -> cidr.Network:
    """The network that was typed, if the list can take it."""
    try:
        network = cidr.parse(text, floor=isinstance(allowed.owner, Bot))
    except cidr.CidrError as problem:
        raise InvalidInputError({"network": [problem.message]}) from problem
    if len(others) >= values.MOST_NETWORKS:
        raise InvalidInputError({"network": [values.too_many_networks()]})
    if covering := cidr.covers(others, network):
        raise InvalidInputError({"network": [values.covered(network, covering)]})
    return network


def _require_reach(allowed: _List, networks: Sequence[cidr.Network]) -> None:
    if isinstance(allowed.owner, Key):
        old = values.of(allowed.owner)
        values.require_reach(allowed.actor, allowed.owner, replace(old, networks=tuple(networks)), old)


def _record(event_type: EventType, allowed: _List, before: Sequence[cidr.Network]) -> None:
    """History keeps the whole list, before and after. Whoever edits what had the old list is told of the new one."""
    owner = allowed.owner
    owner.revision += 1
    owner.save(update_fields=("revision",))
    if isinstance(owner, Key):
        invalidate = audit.Invalidation(keys=[owner.id])
    else:
        invalidate = audit.Invalidation(organisations=[allowed.organisation.id])
    changes = {"networks": (sorted(map(str, before)), sorted(map(str, allowed.networks())))}
    audit.record(
        event_type,
        actor=allowed.actor,
        target=owner,
        organisation=allowed.organisation,
        changes=changes,
        invalidate=invalidate,
    )
