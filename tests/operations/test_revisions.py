"""Revisions: every change increments them, and an edit of a stale one is rejected."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from keyadmin.core.errors import InvalidInputError, StaleRevisionError
from keyadmin.models import AllowListEntry, Key, Organisation, Role
from keyadmin.operations import keys, organisations, people
from keyadmin.operations.catalogue import channels, scopes, tiers
from keyadmin.operations.organisations import allow_lists, bots
from tests.factories import OPERATOR, KeyFactory
from tests.operations import cases

type Edit = Callable[[cases.World, Any], Any]

#: What is edited, by the name of the thing and what the edit is called.
EDITS: Final[dict[tuple[str, str], Edit]] = {
    ("key", "keys.edit"): lambda w, r: keys.edit(actor=OPERATOR, key=w.key.id, revision=r, name="New"),
    ("key", "keys.delete"): lambda w, r: keys.delete(actor=OPERATOR, key=w.key.id, revision=r),
    ("bot", "bots.edit"): lambda w, r: bots.edit(actor=OPERATOR, bot=w.bot.id, revision=r, name="New"),
    ("organisation", "organisations.edit"): lambda w, r: organisations.edit(
        actor=OPERATOR, organisation=w.organisation.id, revision=r, name="New"
    ),
    ("channel", "channels.rename"): lambda w, r: channels.rename(
        actor=OPERATOR, channel=w.channel.id, revision=r, name="New"
    ),
    ("channel", "channels.remove"): lambda w, r: channels.remove(actor=OPERATOR, channel=w.channel.id, revision=r),
    ("tier", "tiers.edit"): lambda w, r: tiers.edit(actor=OPERATOR, tier=w.tier.id, revision=r, name="New"),
    ("tier", "tiers.remove"): lambda w, r: tiers.remove(actor=OPERATOR, tier=w.tier.id, revision=r),
    ("scope", "scopes.edit"): lambda w, r: scopes.edit(actor=OPERATOR, scope=w.scope.name, revision=r, label="New"),
    ("scope", "scopes.remove"): lambda w, r: scopes.remove(actor=OPERATOR, scope=w.scope.name, revision=r),
    ("key_entry", "allow_lists.change"): lambda w, r: allow_lists.change(
        actor=OPERATOR, entry=w.key_entry.id, revision=r, network="203.0.113.0/24"
    ),
    ("key_entry", "allow_lists.remove"): lambda w, r: allow_lists.remove(
        actor=OPERATOR, entry=w.key_entry.id, revision=r
    ),
    ("person", "people.edit"): lambda w, r: people.edit(actor=OPERATOR, person=w.person.id, revision=r, name="New"),
    ("person", "people.set_role"): lambda w, r: people.set_role(
        actor=OPERATOR, person=w.person.id, organisation=w.organisation.id, role=Role.OWNER, revision=r
    ),
    ("person", "people.remove_role"): lambda w, r: people.remove_role(
        actor=OPERATOR, person=w.person.id, organisation=w.organisation.id, revision=r
    ),
    ("person", "people.set_system_role"): lambda w, r: people.set_system_role(
        actor=OPERATOR, person=w.person.id, system_role="auditor", revision=r
    ),
}
#: Acts on a thing, each of which makes it another than it was.
COUNTED: Final = {
    "key": (
        "keys.edit",
        "keys.regenerate",
        "keys.revoke",
        "allow_lists.add",
        "allow_lists.change",
        "allow_lists.remove",
    ),
    "revoked": ("keys.reactivate",),
    "bot": ("bots.edit", "bots.disable", "allow_lists.add bot", "allow_lists.change bot", "allow_lists.remove bot"),
    "idle_bot": ("bots.enable",),
    "organisation": ("organisations.edit", "organisations.disable"),
    "closed": ("organisations.enable",),
    "channel": ("channels.rename",),
    "tier": ("tiers.edit",),
    "scope": ("scopes.edit",),
    "person": (
        "people.edit",
        "people.deactivate",
        "people.set_role",
        "people.remove_role",
        "people.set_system_role",
    ),
    "leaver": ("people.reactivate",),
    "key_entry": ("allow_lists.change",),
}


def changed_before(world: cases.World, thing: str) -> None:
    """Commit a change of the row that the case edits."""
    name = {"key": "keys.revoke", "bot": "bots.disable", "person": "people.deactivate"}.get(thing)
    earlier = {
        "organisation": "organisations.disable",
        "channel": "channels.rename",
        "tier": "tiers.edit",
        "scope": "scopes.edit",
    }
    if thing == "key_entry":
        allow_lists.change(actor=OPERATOR, entry=world.key_entry.id, network="192.0.2.0/28")
    else:
        cases.ALL_CASES[name or earlier[thing]](world, OPERATOR)


@pytest.mark.parametrize(("thing", "name"), EDITS, ids=lambda value: str(value))
def test_edit_with_a_stale_revision_is_a_conflict(world: cases.World, thing: str, name: str) -> None:
    edit, row = EDITS[thing, name], getattr(world, thing)
    changed_before(world, thing)
    with pytest.raises(StaleRevisionError, match="Someone else changed this") as refused:
        edit(world, 1)
    assert ("1 second ago" in refused.value.message) == (thing != "key_entry")
    assert (refused.value.event is None) == (thing == "key_entry")
    row.refresh_from_db()
    edit(world, row.revision)


@pytest.mark.parametrize(("thing", "name"), [(thing, name) for thing, names in COUNTED.items() for name in names])
def test_change_increments_the_revision(world: cases.World, thing: str, name: str) -> None:
    row = getattr(world, thing)
    cases.ALL_CASES[name](world, OPERATOR)
    row.refresh_from_db()
    assert row.revision == 2


def test_edit_without_networks_keeps_the_last_network(northwind: Organisation) -> None:
    key: Key = KeyFactory.create(organisation=northwind, networks=["10.0.0.0/8"])
    with pytest.raises(InvalidInputError) as refused:
        keys.edit(actor=OPERATOR, key=key.id, revision=None, networks=[])
    assert refused.value.errors == {"allow_any": ["This is the last range. Removing it allows any IP address."]}
    keys.edit(actor=OPERATOR, key=key.id, revision=None, networks=[], allow_any=True)
    assert not AllowListEntry.objects.exists()
    keys.edit(actor=OPERATOR, key=key.id, revision=None, networks=[], name="Open already")
