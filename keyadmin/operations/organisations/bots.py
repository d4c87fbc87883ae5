"""Bots: create, edit, disable, enable."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor
from keyadmin.core.errors import ConflictError
from keyadmin.models import Bot, EventType, Organisation
from keyadmin.operations import audit, policy, revisions
from keyadmin.operations.organisations import owners
from keyadmin.operations.policy import Permission
from keyadmin.operations.validation import UNSET, FieldErrors, Unset, clean_reason, require_changes


def create(
    *, actor: Actor, organisation: UUID, name: str, description: str = "", is_conversational: bool = True
) -> Bot:
    """A new bot of the organisation."""
    with audit.audited_transaction(actor):
        owner = owners.lock_organisation(actor, organisation)
        policy.require(actor, Permission.MANAGE_BOTS, owner)
        owners.require_active(owner)
        bot = Bot(organisation=owner, name=name, description=description, is_conversational=is_conversational)
        _check(bot)
        bot.save(force_insert=True)
        changes = audit.created(_describe(bot))  # it has no key yet, whose snapshot it could make stale
        audit.record(EventType.BOT_CREATED, actor=actor, target=bot, organisation=owner, changes=changes)
    return bot


def edit(
    *,
    actor: Actor,
    bot: UUID,
    revision: int | None = None,
    name: str | Unset = UNSET,
    description: str | Unset = UNSET,
    is_conversational: bool | Unset = UNSET,
) -> Bot:
    """Change what is given. `revision` is the one that was read; None edits whatever is there now."""
    with audit.audited_transaction(actor):
        organisation, row = _lock(actor, bot)
        revisions.require(row, revision)
        before = _describe(row)
        if name is not UNSET:
            row.name = name
        if description is not UNSET:
            row.description = description
        if is_conversational is not UNSET:
            row.is_conversational = is_conversational
        _check(row)
        changes = audit.changed(before, _describe(row))
        require_changes(changes)
        row.revision += 1
        row.save()
        _record(EventType.BOT_EDITED, actor, organisation, row, changes)
    return row


def disable(*, actor: Actor, bot: UUID, reason: str = "") -> Bot:
    """Pause every key of the bot at once."""
    return _switch(actor, bot, EventType.BOT_DISABLED, reason, active=False)


def enable(*, actor: Actor, bot: UUID, reason: str = "") -> Bot:
    """Bring the bot's keys back."""
    return _switch(actor, bot, EventType.BOT_ENABLED, reason, active=True)


def _switch(actor: Actor, bot: UUID, event_type: EventType, reason: str, *, active: bool) -> Bot:
    with audit.audited_transaction(actor):
        organisation, row = _lock(actor, bot)
        if row.is_active == active:
            raise ConflictError(_("This bot is already enabled.") if active else _("This bot is already disabled."))
        reason = clean_reason(reason)
        row.is_active, row.revision = active, row.revision + 1
        row.save(update_fields=("is_active", "revision"))
        _record(event_type, actor, organisation, row, {"is_active": (not active, active)}, reason)
    return row


def _lock(actor: Actor, bot: UUID) -> tuple[Organisation, Bot]:
    organisation, row = owners.lock_organisation_of_bot(actor, bot)
    policy.require(actor, Permission.MANAGE_BOTS, organisation)
    return organisation, row


def _check(bot: Bot) -> None:
    errors = FieldErrors()
    bot.name = errors.clean_text("name", bot.name, 120)
    bot.description = errors.clean_text("description", bot.description, 500, required=False, multiline=True)
    if Bot.objects.filter(organisation=bot.organisation_id, name=bot.name).exclude(id=bot.id).exists():
        errors.add("name", _("There is already a bot with this name."))
    errors.raise_if_any()


def _describe(bot: Bot) -> dict[str, Any]:
    return {"name": bot.name, "description": bot.description, "is_conversational": bot.is_conversational}


def _record(
    event_type: EventType, actor: Actor, organisation: Organisation, bot: Bot, changes: audit.Changes, reason: str = ""
) -> None:
    audit.record(
        event_type,
        actor=actor,
        target=bot,
        organisation=organisation,
        changes=changes,
        reason=reason,
        invalidate=audit.Invalidation(organisations=[organisation.id]),
    )
