"""Locks on the owners of keys: organisations and their bots. An operation takes them before locks on keys.

An operation on one key locks its organisation in share mode. All other operations on an organisation, or on something
in it, lock it exclusively. So many keys of an organisation can be changed at the same time, but not while the
organisation or its bots, channels or roles are changed.
"""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor
from keyadmin.core.errors import ConflictError, NotFoundError
from keyadmin.models import Bot, Organisation


def lock_organisation(actor: Actor, organisation: UUID) -> Organisation:
    """The organisation, locked. Raises NotFoundError if the actor may not see it."""
    rows = Organisation.objects.visible_to(actor).filter(id=organisation)
    row: Organisation | None = rows.select_related("default_tier").select_for_update(no_key=True, of=("self",)).first()
    if row is None:
        raise NotFoundError
    return row


def lock_organisation_shared(actor: Actor, organisation: Any) -> Organisation:
    """The organisation, locked in share mode. `organisation` is an id, or a sub-query that returns one.

    Raises NotFoundError if the actor may not see it.
    """
    rows = Organisation.objects.visible_to(actor).filter(id=organisation)
    statement, parameters = rows.query.sql_with_params()  # Django has no FOR SHARE
    row: Organisation | None = next(
        iter(Organisation.objects.raw(f"{statement} FOR SHARE OF organisation", parameters)), None
    )
    if row is None:
        raise NotFoundError
    return row


def get_bot(organisation: Organisation, bot: UUID) -> Bot:
    """The bot. The lock on its organisation, in either mode, protects it. Raises NotFoundError."""
    row: Bot | None = Bot.objects.filter(id=bot, organisation=organisation).first()
    if row is None:
        raise NotFoundError
    return row


def require_active(organisation: Organisation, bot: Bot | None = None) -> None:
    """Raise ConflictError if the organisation or the bot is disabled, because a new key of it would be paused."""
    for owner in (organisation, bot):
        if owner is not None and not owner.is_active:
            raise ConflictError(_("%(owner)s is disabled. Enable it first.") % {"owner": owner.name})


def lock_bot(actor: Actor, bot: UUID) -> tuple[Organisation, Bot]:
    """The organisation of the bot, locked, and the bot. Raises NotFoundError if the actor may not see the bot."""
    organisation_id = Bot.objects.visible_to(actor).filter(id=bot).values_list("organisation_id", flat=True).first()
    if organisation_id is None:
        raise NotFoundError
    organisation = lock_organisation(actor, organisation_id)
    return organisation, get_bot(organisation, bot)
