"""Operations on channels: create, rename, remove."""

from typing import Final
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keyadmin.core.actors import Actor
from keyadmin.core.errors import ConflictError, NotFoundError
from keyadmin.models import Channel, EventType, Organisation
from keyadmin.operations import audit, policy, revisions
from keyadmin.operations.organisations import key_owners
from keyadmin.operations.policy import Permission
from keyadmin.operations.revisions import ReadRevision
from keyadmin.operations.validation import FieldErrors, require_changes, slug_of

_MAX_NAME_LENGTH: Final = 60
_MAX_SLUG_LENGTH: Final = 50


def create(*, actor: Actor, organisation: UUID, name: str) -> Channel:
    """Create a channel. Its slug, by which calls name it, is made from the name."""
    with audit.audited_transaction(actor):
        owner = key_owners.lock_organisation(actor, organisation)
        policy.require(actor, Permission.MANAGE_CHANNELS, owner)
        channel = Channel(organisation=owner, name=name)
        _clean(channel)
        channel.slug = _free_slug(channel)
        channel.save(force_insert=True)
        changes = audit.changes_of_new({"name": channel.name, "slug": channel.slug})
        # No key is restricted to a new channel, so no cached snapshot becomes stale.
        audit.record(EventType.CHANNEL_CREATED, actor=actor, target=channel, organisation=owner, changes=changes)
    return channel


def rename(*, actor: Actor, channel: UUID, name: str, revision: ReadRevision = None) -> Channel:
    """Rename the channel. Its slug does not change, so that programs that use it keep working."""
    with audit.audited_transaction(actor):
        row = _lock(actor, channel)
        revisions.require(row, revision)
        before = {"name": row.name}
        row.name = name
        _clean(row)
        changes = audit.changes_between(before, {"name": row.name})
        require_changes(changes)
        row.revision += 1
        row.save(update_fields=("name", "revision"))
        _record(EventType.CHANNEL_RENAMED, actor, row, audit.target_of(row), changes)
    return row


def remove(*, actor: Actor, channel: UUID, revision: ReadRevision = None) -> None:
    """Remove a channel to which no key is restricted. A key that loses its only channel could use all channels."""
    with audit.audited_transaction(actor):
        row = _lock(actor, channel)
        revisions.require(row, revision)
        if key_count := row.keys.count():
            message = ngettext(
                "%(count)d key is restricted to this channel. Remove the channel from the key first.",
                "%(count)d keys are restricted to this channel. Remove the channel from them first.",
                key_count,
            )
            raise ConflictError(message % {"count": key_count})
        target = audit.target_of(row)
        changes = audit.changes_of_removed({"name": row.name, "slug": row.slug})
        row.delete()
        _record(EventType.CHANNEL_REMOVED, actor, row, target, changes)


def _lock(actor: Actor, channel: UUID) -> Channel:
    """The channel. The lock on its organisation protects it."""
    visible = Channel.objects.visible_to(actor).filter(id=channel)
    organisation_id = visible.values_list("organisation_id", flat=True).first()
    if organisation_id is None:
        raise NotFoundError
    organisation = key_owners.lock_organisation(actor, organisation_id)
    policy.require(actor, Permission.MANAGE_CHANNELS, organisation)
    row: Channel | None = Channel.objects.filter(id=channel).select_related("organisation").first()
    if row is None:
        raise NotFoundError
    return row


def _clean(channel: Channel) -> None:
    """Clean the name. Raises InvalidInputError."""
    errors = FieldErrors()
    others = Channel.objects.filter(organisation=channel.organisation_id).exclude(id=channel.id)
    channel.name = errors.clean_unique_name(
        channel.name, _MAX_NAME_LENGTH, others, _("There is already a channel with this name.")
    )
    errors.raise_if_any()


def _free_slug(channel: Channel) -> str:
    """The name as a slug, followed by a number if the slug is taken."""
    base = slug_of(channel.name, _MAX_SLUG_LENGTH) or "channel"
    similar = Channel.objects.filter(organisation=channel.organisation_id, slug__startswith=base)
    taken = set(similar.values_list("slug", flat=True))
    candidates = (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3)))
    return next(slug for slug in candidates if slug not in taken)


def _record(
    event_type: EventType, actor: Actor, channel: Channel, target: audit.Target, changes: audit.Changes
) -> None:
    organisation: Organisation = channel.organisation
    audit.record(
        event_type,
        actor=actor,
        target=target,
        organisation=organisation,
        changes=changes,
        invalidate=audit.Invalidation(organisations=[organisation.id]),
    )
