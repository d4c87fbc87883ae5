"""Tiers: create, edit, remove."""

from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keyadmin.core.actors import Actor
from keyadmin.core.errors import ConflictError, NotFoundError
from keyadmin.models import EventType, Organisation, Tier
from keyadmin.operations import audit, policy, revisions
from keyadmin.operations.policy import Permission
from keyadmin.operations.validation import UNSET, FieldErrors, Unset, require_changes

#: What a meter's cell can count.
HIGHEST_LIMIT: Final = 2**31 - 1


def create(*, actor: Actor, name: str, hourly_limit: int) -> Tier:
    """A new tier: so many calls in any rolling hour."""
    with audit.audited_transaction(actor):
        policy.require(actor, Permission.MANAGE_TIERS, None)
        tier = Tier(name=name, hourly_limit=hourly_limit)
        _check(tier)
        tier.save(force_insert=True)
        changes = audit.created(_describe(tier))
        audit.record(EventType.TIER_CREATED, actor=actor, target=tier, changes=changes)  # no key is in it yet
    return tier


def edit(
    *,
    actor: Actor,
    tier: UUID,
    revision: int | None = None,
    name: str | Unset = UNSET,
    hourly_limit: int | Unset = UNSET,
) -> Tier:
    """Change what is given; a new limit holds from the next call of every key of the tier."""
    with audit.audited_transaction(actor):
        row = _lock(actor, tier)
        revisions.require(row, revision)
        before = _describe(row)
        if name is not UNSET:
            row.name = name
        if hourly_limit is not UNSET:
            row.hourly_limit = hourly_limit
        _check(row)
        changes = audit.changed(before, _describe(row))
        require_changes(changes)
        row.revision += 1
        row.save()
        _record(EventType.TIER_EDITED, actor, audit.target_of(row), changes)
    return row


def remove(*, actor: Actor, tier: UUID, revision: int | None = None) -> None:
    """Remove a tier that no key is in and no organisation gives to its keys."""
    with audit.audited_transaction(actor):
        row = _lock(actor, tier, to_remove=True)
        revisions.require(row, revision)
        if used := row.keys.count():
            words = ngettext("%(count)d key is in this tier.", "%(count)d keys are in this tier.", used)
            raise ConflictError(words % {"count": used})
        organisation = Organisation.objects.filter(default_tier=row).first()
        if organisation is not None:
            raise ConflictError(_("It is the usual tier of %(organisation)s.") % {"organisation": organisation.name})
        target, changes = audit.target_of(row), audit.removed(_describe(row))
        row.delete()
        _record(EventType.TIER_REMOVED, actor, target, changes)


def _lock(actor: Actor, tier: UUID, *, to_remove: bool = False) -> Tier:
    """`to_remove` locks out who is about to refer to it as well, so that what is counted then stays true."""
    policy.require(actor, Permission.MANAGE_TIERS, None)
    row = Tier.objects.select_for_update(no_key=not to_remove).filter(id=tier).first()
    if row is None:
        raise NotFoundError
    return row


def _check(tier: Tier) -> None:
    errors = FieldErrors()
    tier.name = errors.clean_text("name", tier.name, 60)
    if Tier.objects.filter(name=tier.name).exclude(id=tier.id).exists():
        errors.add("name", _("There is already a tier with this name."))
    if not 1 <= tier.hourly_limit <= HIGHEST_LIMIT:
        errors.add("hourly_limit", _("Enter a whole number from 1."))
    errors.raise_if_any()


def _describe(tier: Tier) -> dict[str, Any]:
    return {"name": tier.name, "hourly_limit": tier.hourly_limit}


def _record(event_type: EventType, actor: Actor, target: audit.Target, changes: audit.Changes) -> None:
    audit.record(event_type, actor=actor, target=target, changes=changes, invalidate=audit.Invalidation(catalogue=True))
