"""Channels: create, rename, remove."""

from uuid import UUID

from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keyadmin.core.actors import Actor
from keyadmin.core.errors import ConflictError, NotFoundError
from keyadmin.models import Channel, EventType, Organisation
from keyadmin.operations import audit, policy, revisions
from keyadmin.operations.organisations import owners
from keyadmin.operations.policy import Permission
from keyadmin.operations.validation import FieldErrors, require_changes


def create(*, actor: Actor, organisation: UUID, name: str) -> Channel:
    """A new channel; calls name it by the slug made of its first name."""
    with audit.audited_transaction(actor):
        owner = owners.lock_organisation(actor, organisation)
        policy.require(actor, Permission.MANAGE_CHANNELS, owner)
        channel = Channel(organisation=owner, name=name)
        _check(channel)
        channel.slug = _free_slug(channel)
        channel.save(force_insert=True)
        changes = audit.created({"name": channel.name, "slug": channel.slug})
        audit.record(  # no key is restricted to it yet, whose snapshot it could make stale
            EventType.CHANNEL_CREATED, actor=actor, target=channel, organisation=owner, changes=changes
        )
    return channel


def rename(*, actor: Actor, channel: UUID, name: str, revision: int | None = None) -> Channel:
    """Another name; the slug stays, or programs that use it would break."""
    with audit.audited_transaction(actor):
        row = _lock(actor, channel)
        revisions.require(row, revision)
        before = {"name": row.name}
        row.name = name
        _check(row)
        changes = audit.changed(before, {"name": row.name})
        require_changes(changes)
        row.revision += 1
        row.save(update_fields=("name", "revision"))
        _record(EventType.CHANNEL_RENAMED, actor, row, audit.target_of(row), changes)
    return row


def remove(*, actor: Actor, channel: UUID, revision: int | None = None) -> None:
    """Remove a channel that no key is restricted to: without it, such a key would reach all of them."""
    with audit.audited_transaction(actor):
        row = _lock(actor, channel)
        revisions.require(row, revision)
        if used := row.keys.count():
            words = ngettext(
                "%(count)d key is restricted to this channel.", "%(count)d keys are restricted to this channel.", used
            )
            raise ConflictError(words % {"count": used})
        target = audit.target_of(row)
        changes = audit.removed({"name": row.name, "slug": row.slug})
        row.delete()
        _record(EventType.CHANNEL_REMOVED, actor, row, target, changes)


def _lock(actor: Actor, channel: UUID) -> Channel:
    """The channel; its organisation's lock holds it."""
    seen = Channel.objects.visible_to(actor).filter(id=channel).values_list("organisation_id", flat=True).first()
    if seen is None:
        raise NotFoundError
    organisation = owners.lock_organisation(actor, seen)
    policy.require(actor, Permission.MANAGE_CHANNELS, organisation)
    row = Channel.objects.filter(id=channel).select_related("organisation").first()
    if row is None:
        raise NotFoundError
    locked: Channel = row
    return locked


def _check(channel: Channel) -> None:
    errors = FieldErrors()
    channel.name = errors.clean_text("name", channel.name, 60)
    others = Channel.objects.filter(organisation=channel.organisation_id).exclude(id=channel.id)
    if others.filter(name=channel.name).exists():
        errors.add("name", _("There is already a channel with this name."))
    errors.raise_if_any()


def _free_slug(channel: Channel) -> str:
    """The name as a slug; a number after it where that is taken."""
    wanted = slugify(channel.name)[:50] or "channel"
    taken = set(
        Channel.objects.filter(organisation=channel.organisation_id, slug__startswith=wanted).values_list(
            "slug", flat=True
        )
    )
    choices = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3)))
    return next(slug for slug in choices if slug not in taken)


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
