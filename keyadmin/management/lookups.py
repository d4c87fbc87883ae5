"""Find the rows that arguments of the command line name. If there is no such row, the command ends with exit code 3.

Each function accepts an id (UUID) or a second, readable name. `Q(id=None)` matches no row, so a text that is not a UUID
is only compared with the readable name. Operators may read all tiers and people, so `tier` and `person` need no actor.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Q

from keyadmin.core.actors import Actor
from keyadmin.management.base import not_found
from keyadmin.models import Bot, Channel, Key, Organisation, Person, Tier


def organisation(text: str, *, actor: Actor) -> Organisation:
    """The organisation with this slug or id."""
    rows = Organisation.objects.visible_to(actor).filter(Q(slug=text) | Q(id=parse_uuid(text)))
    row: Organisation | None = rows.first()
    return row or not_found(f"There is no organisation {text!r}.")


def key(text: str, *, actor: Actor) -> Key:
    """The key with this id or public key ID.

    The error message does not repeat the text: it could be a whole key with its secret, pasted by mistake.
    """
    row: Key | None = Key.objects.visible_to(actor).filter(Q(key_id=text) | Q(id=parse_uuid(text))).first()
    return row or not_found("There is no such key. Give its id or its key ID.")


def bot(text: str, *, organisation: Organisation, actor: Actor) -> Bot:
    """The bot of the organisation with this name or id."""
    bots = Bot.objects.visible_to(actor).filter(organisation=organisation)
    row: Bot | None = bots.filter(Q(name=text) | Q(id=parse_uuid(text))).first()
    return row or not_found(f"{organisation.name} has no bot {text!r}.")


def channels(slugs: Sequence[str], *, organisation: Organisation, actor: Actor) -> list[UUID]:
    """The ids of the organisation's channels with these slugs, in the same order."""
    ids = dict(Channel.objects.visible_to(actor).filter(organisation=organisation).values_list("slug", "id"))
    for slug in slugs:
        if slug not in ids:
            not_found(f"{organisation.name} has no channel {slug!r}.")
    return [ids[slug] for slug in slugs]


def tier(text: str) -> UUID:
    """The id of the tier with this name or id."""
    row: Tier | None = Tier.objects.filter(Q(name=text) | Q(id=parse_uuid(text))).first()
    return row.id if row else not_found(f"There is no tier {text!r}.")


def person(text: str) -> Person:
    """The person with this email address or id."""
    row: Person | None = Person.objects.with_email(text).first() or Person.objects.filter(id=parse_uuid(text)).first()
    return row or not_found(f"There is no person {text!r}.")


def parse_uuid(text: str) -> UUID | None:
    """The text as a UUID; None if it is not one."""
    try:
        return UUID(text)
    except ValueError:
        return None
