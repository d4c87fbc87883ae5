"""Locks on the owners of keys, which come before the keys' own.

What changes an organisation, or anything in it but one key, locks the organisation. What changes one key holds it: many
keys of an organisation are changed at once, and none while the organisation, its bots, channels or roles are.
"""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor
from keyadmin.core.errors import ConflictError, NotFoundError
from keyadmin.models import Bot, Organisation


def lock_organisation(actor: Actor, organisation: UUID) -> Organisation:
    """The organisation, locked against every change in it, if the actor may know of it."""
    rows = Organisation.objects.visible_to(actor).filter(id=organisation)
    row: Organisation | None = rows.select_related("default_tier").select_for_update(no_key=True, of=("self",)).first()
    if row is None:
        raise NotFoundError
    return row


def hold_organisation(actor: Actor, organisation: Any) -> Organisation:
    """The organisation as it is until the change is made, beside others who hold it too. The id may be a sub-query."""
    rows = Organisation.objects.visible_to(actor).filter(id=organisation)
    statement, parameters = rows.query.sql_with_params()  # Django itself knows no FOR SHARE
    row = next(iter(Organisation.objects.raw(f"{statement} FOR SHARE OF organisation", parameters)), None)
    if row is None:
        raise NotFoundError
    held: Organisation = row
    return held


def bot_of(organisation: Organisation, bot: UUID) -> Bot:
    """The bot of the locked or held organisation, which holds it."""
    row = Bot.objects.filter(id=bot, organisation=organisation).first()
    if row is None:
        raise NotFoundError
    found: Bot = row
    return found


def require_active(organisation: Organisation, bot: Bot | None = None) -> None:
    """Raise Conflict where a new key would be born paused."""
    for owner in (organisation, bot):
        if owner is not None and not owner.is_active:
            raise ConflictError(_("%(owner)s is disabled. Enable it first.") % {"owner": owner.name})


def lock_organisation_of_bot(actor: Actor, bot: UUID) -> tuple[Organisation, Bot]:
    """The bot and its organisation, locked, if the actor sees them."""
    seen = Bot.objects.visible_to(actor).filter(id=bot).values_list("organisation_id", flat=True).first()
    if seen is None:
        raise NotFoundError
    organisation = lock_organisation(actor, seen)
    return organisation, bot_of(organisation, bot)
