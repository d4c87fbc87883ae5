"""Locks on the owners of keys, which come before the keys' own."""

from uuid import UUID

from django.utils.translation import gettext as _

from keyadmin.foundation.actors import Actor
from keyadmin.models import Bot, Organisation
from keyadmin.operations.errors import Conflict, NotFound


def lock_organisation(actor: Actor, organisation: UUID) -> Organisation:
    """The organisation, locked against every change in it, if the actor may know of it."""
    if not Organisation.objects.visible_to(actor).filter(id=organisation).exists():
        raise NotFound
    row: Organisation = (
        Organisation.objects.select_related("default_tier")
        .select_for_update(no_key=True, of=("self",))
        .get(id=organisation)
    )
    return row


def lock_bot(organisation: Organisation, bot: UUID) -> Bot:
    """The bot of the locked organisation, locked as well."""
    row = Bot.objects.select_for_update(no_key=True).filter(id=bot, organisation=organisation).first()
    if row is None:
        raise NotFound
    locked: Bot = row
    return locked


def require_active(organisation: Organisation, bot: Bot | None = None) -> None:
    """Raise Conflict where a new key would be born paused."""
    for owner in (organisation, bot):
        if owner is not None and not owner.is_active:
            raise Conflict(_("%(owner)s is disabled. Enable it first.") % {"owner": owner.name})


def lock_organisation_of_bot(actor: Actor, bot: UUID) -> tuple[Organisation, Bot]:
    """The bot and, before it, its organisation, locked, if the actor sees them."""
    seen = Bot.objects.visible_to(actor).filter(id=bot).values_list("organisation_id", flat=True).first()
    if seen is None:
        raise NotFound
    organisation = lock_organisation(actor, seen)
    return organisation, lock_bot(organisation, bot)
