"""Operations on bots: create, edit, disable, enable."""

from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor
from keyadmin.core.errors import ConflictError
from keyadmin.models import Bot, EventType, Organisation
from keyadmin.operations import audit, policy, revisions
from keyadmin.operations.organisations import key_owners
from keyadmin.operations.policy import Permission
from keyadmin.operations.revisions import ReadRevision
from keyadmin.operations.validation import UNSET, FieldErrors, Unset, clean_reason, require_changes

_MAX_NAME_LENGTH: Final = 120
_MAX_DESCRIPTION_LENGTH: Final = 500


def create(
    *, actor: Actor, organisation: UUID, name: str, description: str = "", is_conversational: bool = False
) -> Bot:
    """Create a bot in the organisation."""
    with audit.audited_transaction(actor):
        owner = key_owners.lock_organisation(actor, organisation)
        policy.require(actor, Permission.MANAGE_BOTS, owner)
        key_owners.require_active(owner)
        bot = Bot(organisation=owner, name=name, description=description, is_conversational=is_conversational)
        _clean(bot)
        bot.save(force_insert=True)
        changes = audit.changes_of_new(_describe(bot))
        # A new bot has no keys, so no cached snapshot becomes stale.
        audit.record(EventType.BOT_CREATED, actor=actor, target=bot, organisation=owner, changes=changes)
    return bot


def edit(
    *,
    actor: Actor,
    bot: UUID,
    revision: ReadRevision = None,
    name: str | Unset = UNSET,
    description: str | Unset = UNSET,
    is_conversational: bool | Unset = UNSET,
) -> Bot:
    """Change the fields that are not UNSET. `revision` is the one that the actor has read; None accepts any."""
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
        _clean(row)
        changes = audit.changes_between(before, _describe(row))
        require_changes(changes)
        row.revision += 1
        row.save()
        _record(EventType.BOT_EDITED, actor, organisation, row, changes)
    return row


def disable(*, actor: Actor, bot: UUID, reason: str = "") -> Bot:
    """Disable the bot. All calls with its keys are denied until it is enabled."""
    return _set_active(actor, bot, EventType.BOT_DISABLED, reason, active=False)


def enable(*, actor: Actor, bot: UUID, reason: str = "") -> Bot:
    """Enable the bot, so that its keys work again."""
    return _set_active(actor, bot, EventType.BOT_ENABLED, reason, active=True)


def require_state_change(bot: Bot, *, active: bool) -> None:
    """Raise ConflictError if `is_active` of the bot already has the value `active`."""
    if bot.is_active == active:
        raise ConflictError(_("This bot is already enabled.") if active else _("This bot is already disabled."))


def _set_active(actor: Actor, bot: UUID, event_type: EventType, reason: str, *, active: bool) -> Bot:
    with audit.audited_transaction(actor):
        organisation, row = _lock(actor, bot)
        require_state_change(row, active=active)
        reason = clean_reason(reason)
        row.is_active, row.revision = active, row.revision + 1
        row.save(update_fields=("is_active", "revision"))
        _record(event_type, actor, organisation, row, {"is_active": (not active, active)}, reason)
    return row


def _lock(actor: Actor, bot: UUID) -> tuple[Organisation, Bot]:
    organisation, row = key_owners.lock_bot(actor, bot)
    policy.require(actor, Permission.MANAGE_BOTS, organisation)
    return organisation, row


def _clean(bot: Bot) -> None:
    """Clean the name and the description. Raises InvalidInputError."""
    errors = FieldErrors()
    others = Bot.objects.filter(organisation=bot.organisation_id).exclude(id=bot.id)
    bot.name = errors.clean_unique_name(bot.name, _MAX_NAME_LENGTH, others, _("There is already a bot with this name."))
    bot.description = errors.clean_text(
        "description", bot.description, _MAX_DESCRIPTION_LENGTH, required=False, multiline=True
    )
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
