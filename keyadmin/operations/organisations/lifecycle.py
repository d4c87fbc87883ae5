"""Operations on organisations: create, edit, disable, enable."""

import re
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor
from keyadmin.core.errors import ConflictError
from keyadmin.core.tokens import PREFIX_PATTERN, KeyFormat
from keyadmin.models import EventType, Organisation, Tier, Version
from keyadmin.models.organisation import USAGE_RETENTION_DAYS
from keyadmin.operations import audit, policy, revisions
from keyadmin.operations.organisations import key_owners
from keyadmin.operations.policy import Permission
from keyadmin.operations.revisions import ReadRevision
from keyadmin.operations.validation import UNSET, FieldErrors, Unset, clean_reason, require_changes, slug_of

#: Upper bound of `default_expiry_days` and `max_expiry_days`.
MAX_EXPIRY_DAYS: Final = 36_500
_MAX_NAME_LENGTH: Final = 120
_MAX_SLUG_LENGTH: Final = 60
#: Slugs that no organisation may have: its page is /organisations/<slug>/, and these paths belong to other pages.
_RESERVED_SLUGS: Final = frozenset({"create"})
_is_slug: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*").fullmatch
_is_prefix: Final = re.compile(PREFIX_PATTERN).fullmatch


def create(
    *,
    actor: Actor,
    name: str,
    slug: str = "",
    key_prefix: str = "kad",
    key_format: str = KeyFormat.DEFAULT.value,
    tier: UUID | None = None,
) -> Organisation:
    """Create an organisation. The default of `slug` is made from the name; that of `tier` has the lowest limit."""
    with audit.audited_transaction(actor):
        policy.require(actor, Permission.MANAGE_ORGANISATIONS, None)
        organisation = Organisation(
            name=name, slug=slug or slug_of(name, _MAX_SLUG_LENGTH), key_prefix=key_prefix, key_format=key_format
        )
        lowest = Tier.objects.first()
        if default_tier := tier or (lowest and lowest.id):
            organisation.default_tier_id = default_tier
        _clean(organisation)
        organisation.save(force_insert=True)
        # The number that operations increment to make cached snapshots of the organisation's keys stale.
        Version.objects.create(subject=organisation.id)
        changes = audit.changes_of_new(_describe(organisation))
        _record(EventType.ORGANISATION_CREATED, actor, organisation, changes)
    return organisation


def edit(
    *,
    actor: Actor,
    organisation: UUID,
    revision: ReadRevision = None,
    name: str | Unset = UNSET,
    key_prefix: str | Unset = UNSET,
    key_format: str | Unset = UNSET,
    tier: UUID | Unset = UNSET,
    default_expiry_days: int | Unset | None = UNSET,
    max_expiry_days: int | Unset | None = UNSET,
    may_never_expire: bool | Unset = UNSET,
    usage_retention_days: int | Unset = UNSET,
) -> Organisation:
    """Change the fields that are not UNSET.

    New rules on the expiry of keys apply when a key is created, gets another expiry, is regenerated or reactivated. The
    review report lists the keys that break them.

    `revision` is the one that the actor has read; None skips the check for changes by others.
    """
    fields: Mapping[str, Any] = {
        "name": name,
        "key_prefix": key_prefix,
        "key_format": key_format,
        "default_tier_id": tier,
        "default_expiry_days": default_expiry_days,
        "max_expiry_days": max_expiry_days,
        "may_never_expire": may_never_expire,
        "usage_retention_days": usage_retention_days,
    }
    with audit.audited_transaction(actor):
        row = key_owners.lock_organisation(actor, organisation)
        policy.require(actor, Permission.EDIT_ORGANISATION, row)
        if tier is not UNSET and tier != row.default_tier_id:
            policy.require(actor, Permission.CHOOSE_TIERS, row)
        revisions.require(row, revision)
        before = _describe(row)
        for field, value in fields.items():
            if value is not UNSET:
                setattr(row, field, value)
        _clean(row)
        changes = audit.changes_between(before, _describe(row))
        require_changes(changes)
        row.revision += 1
        row.save()
        _record(EventType.ORGANISATION_EDITED, actor, row, changes)
    return row


def disable(*, actor: Actor, organisation: UUID, reason: str = "") -> Organisation:
    """Disable the organisation. All calls with its keys, including new ones, are denied until it is enabled."""
    return _set_active(actor, organisation, EventType.ORGANISATION_DISABLED, reason, active=False)


def enable(*, actor: Actor, organisation: UUID, reason: str = "") -> Organisation:
    """Enable the organisation, so that its keys work again."""
    return _set_active(actor, organisation, EventType.ORGANISATION_ENABLED, reason, active=True)


def require_state_change(organisation: Organisation, *, active: bool) -> None:
    """Raise ConflictError if `is_active` of the organisation already has the value `active`."""
    if organisation.is_active == active:
        raise ConflictError(
            _("This organisation is already enabled.") if active else _("This organisation is already disabled.")
        )


def _set_active(actor: Actor, organisation: UUID, event_type: EventType, reason: str, *, active: bool) -> Organisation:
    with audit.audited_transaction(actor):
        row = key_owners.lock_organisation(actor, organisation)
        policy.require(actor, Permission.MANAGE_ORGANISATIONS, row)
        require_state_change(row, active=active)
        reason = clean_reason(reason)
        row.is_active, row.revision = active, row.revision + 1
        row.save(update_fields=("is_active", "revision"))
        _record(event_type, actor, row, {"is_active": (not active, active)}, reason)
    return row


def _clean(organisation: Organisation) -> None:
    """Clean the name and check all fields. Raises InvalidInputError."""
    errors = FieldErrors()
    organisation.name = errors.clean_text("name", organisation.name, _MAX_NAME_LENGTH)
    if not _is_slug(organisation.slug) or len(organisation.slug) > _MAX_SLUG_LENGTH:
        errors.add("slug", _("Use lower-case letters, digits and single hyphens between them."))
    elif organisation.slug in _RESERVED_SLUGS:
        errors.add("slug", _("This short name is reserved. Choose another one."))
    elif Organisation.objects.filter(slug=organisation.slug).exclude(id=organisation.id).exists():
        errors.add("slug", _("There is already an organisation with this short name. Choose another."))
    if not _is_prefix(organisation.key_prefix):
        errors.add("key_prefix", _("Use 2 to 12 lower-case letters and digits, beginning with a letter."))
    if organisation.key_format not in KeyFormat:
        errors.add("key_format", _("Choose one of the formats."))
    if not Tier.objects.filter(id=organisation.default_tier_id).exists():
        errors.add("tier", _("Choose one of the tiers."))
    _check_days(errors, organisation)
    errors.raise_if_any()


def _check_days(errors: FieldErrors, organisation: Organisation) -> None:
    maximum, default = organisation.max_expiry_days, organisation.default_expiry_days
    for field, days in (("max_expiry_days", maximum), ("default_expiry_days", default)):
        if days is not None and not 1 <= days <= MAX_EXPIRY_DAYS:
            errors.add(field, _("Enter a number of days from 1 to 36,500."))
    if maximum and (default or 0) > maximum:
        errors.add("default_expiry_days", _("Enter at most the maximum lifetime."))
    least, most = USAGE_RETENTION_DAYS
    if not least <= organisation.usage_retention_days <= most:
        message = _("Enter a number of days from %(least)s to %(most)s.")
        errors.add("usage_retention_days", message % {"least": least, "most": f"{most:,}"})


def _describe(organisation: Organisation) -> dict[str, Any]:
    fields = (
        "name",
        "slug",
        "key_prefix",
        "key_format",
        "default_expiry_days",
        "max_expiry_days",
        "may_never_expire",
        "usage_retention_days",
    )
    tier = Tier.objects.filter(id=organisation.default_tier_id).values_list("name", flat=True).first()
    return {field: getattr(organisation, field) for field in fields} | {"tier": tier}


def _record(
    event_type: EventType, actor: Actor, organisation: Organisation, changes: audit.Changes, reason: str = ""
) -> None:
    audit.record(
        event_type,
        actor=actor,
        target=organisation,
        organisation=organisation,
        changes=changes,
        reason=reason,
        invalidate=audit.Invalidation(organisations=[organisation.id]),
    )
