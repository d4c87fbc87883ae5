"""Operations on tiers: create, edit, remove."""

from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keyadmin.core.actors import Actor
from keyadmin.core.errors import ConflictError, NotFoundError
from keyadmin.models import EventType, Organisation, Tier
from keyadmin.operations import audit, policy, revisions
from keyadmin.operations.policy import Permission
from keyadmin.operations.revisions import ReadRevision
from keyadmin.operations.validation import UNSET, FieldErrors, Unset, require_changes

#: The highest number that one cell of a meter can store.
MAX_HOURLY_LIMIT: Final = 2**31 - 1
_MAX_NAME_LENGTH: Final = 60


def create(*, actor: Actor, name: str, hourly_limit: int) -> Tier:
    """Create a tier. `hourly_limit` is the number of calls that each key of the tier may make in a rolling hour."""
    with audit.audited_transaction(actor):
        policy.require(actor, Permission.MANAGE_TIERS, None)
        tier = Tier(name=name, hourly_limit=hourly_limit)
        _clean(tier)
        tier.save(force_insert=True)
        changes = audit.changes_of_new(_describe(tier))
        # No key has a new tier, so no cached snapshot becomes stale.
        audit.record(EventType.TIER_CREATED, actor=actor, target=tier, changes=changes)
    return tier


def edit(
    *,
    actor: Actor,
    tier: UUID,
    revision: ReadRevision = None,
    name: str | Unset = UNSET,
    hourly_limit: int | Unset = UNSET,
) -> Tier:
    """Change the fields that are not UNSET. A new limit applies from the next call of each key of the tier on."""
    with audit.audited_transaction(actor):
        row = _lock(actor, tier)
        revisions.require(row, revision)
        before = _describe(row)
        if name is not UNSET:
            row.name = name
        if hourly_limit is not UNSET:
            row.hourly_limit = hourly_limit
        _clean(row)
        changes = audit.changes_between(before, _describe(row))
        require_changes(changes)
        row.revision += 1
        row.save()
        _record(EventType.TIER_EDITED, actor, audit.target_of(row), changes)
    return row


def remove(*, actor: Actor, tier: UUID, revision: ReadRevision = None) -> None:
    """Remove a tier that no key has and that is not the default of an organisation."""
    with audit.audited_transaction(actor):
        row = _lock(actor, tier, to_remove=True)
        revisions.require(row, revision)
        if key_count := row.keys.count():
            message = ngettext(
                "%(count)d key has this tier. Give it another tier first.",
                "%(count)d keys have this tier. Give them another tier first.",
                key_count,
            )
            raise ConflictError(message % {"count": key_count})
        organisation = Organisation.objects.filter(default_tier=row).first()
        if organisation is not None:
            message = _("This is the default tier of %(organisation)s. Choose another default there first.")
            raise ConflictError(message % {"organisation": organisation.name})
        target, changes = audit.target_of(row), audit.changes_of_removed(_describe(row))
        row.delete()
        _record(EventType.TIER_REMOVED, actor, target, changes)


def _lock(actor: Actor, tier: UUID, *, to_remove: bool = False) -> Tier:
    """The tier, locked. `to_remove` also blocks new references to it, so that the count of its keys stays true."""
    policy.require(actor, Permission.MANAGE_TIERS, None)
    row: Tier | None = Tier.objects.select_for_update(no_key=not to_remove).filter(id=tier).first()
    if row is None:
        raise NotFoundError
    return row


def _clean(tier: Tier) -> None:
    """Clean the fields of the row. Raises InvalidInputError."""
    errors = FieldErrors()
    others = Tier.objects.exclude(id=tier.id)
    tier.name = errors.clean_unique_name(
        tier.name, _MAX_NAME_LENGTH, others, _("There is already a tier with this name.")
    )
    if not 1 <= tier.hourly_limit <= MAX_HOURLY_LIMIT:
        errors.add("hourly_limit", _("Enter a whole number from 1 to 2,147,483,647."))
    errors.raise_if_any()


def _describe(tier: Tier) -> dict[str, Any]:
    return {"name": tier.name, "hourly_limit": tier.hourly_limit}


def _record(event_type: EventType, actor: Actor, target: audit.Target, changes: audit.Changes) -> None:
    audit.record(event_type, actor=actor, target=target, changes=changes, invalidate=audit.Invalidation(catalogue=True))
