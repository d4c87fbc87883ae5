"""Look-ups of the rows that arguments name. If there is no such row, the command ends with exit code 3."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q

from keyadmin.core.actors import Actor
from keyadmin.management.base import not_found
from keyadmin.models import Bot, Channel, Key, Organisation, Person, Tier


def organisation(text: str, *, actor: Actor) -> Organisation:
    """By slug or id."""
    row: Organisation | None = Organisation.objects.visible_to(actor).filter(Q(slug=text) | Q(id=uuid(text))).first()
    return row or not_found(f"There is no organisation {text!r}.")


def key(text: str, *, actor: Actor) -> Key:
    """By id or key ID. The error message does not repeat the text, which may contain the secret."""
    row: Key | None = Key.objects.visible_to(actor).filter(Q(key_id=text) | Q(id=uuid(text))).first()
    return row or not_found("There is no such key. Give its id or its key ID.")


def bot(text: str, *, owner: Organisation, actor: Actor) -> Bot:
    """By name or id."""
    bots = Bot.objects.visible_to(actor).filter(organisation=owner)
    row: Bot | None = bots.filter(Q(name=text) | Q(id=uuid(text))).first()
    return row or not_found(f"{owner.name} has no bot {text!r}.")


def channels(texts: Iterable[str], *, owner: Organisation, actor: Actor) -> list[UUID]:
    """The ids of channels by slug."""
    ids = dict(Channel.objects.visible_to(actor).filter(organisation=owner).values_list("slug", "id"))
    return [ids[text] if text in ids else not_found(f"{owner.name} has no channel {text!r}.") for text in texts]


def tier(text: str) -> UUID:
    """The id of a tier by name or id."""
    row: Tier | None = Tier.objects.filter(Q(name=text) | Q(id=uuid(text))).first()
    return row.id if row else not_found(f"There is no tier {text!r}.")


def person(text: str) -> Person:
    """By email address or id."""
    row: Person | None = Person.objects.with_email(text).first() or Person.objects.filter(id=uuid(text)).first()
    return row or not_found(f"There is no person {text!r}.")


def uuid(text: str) -> UUID | None:
    """The text as an id, or None."""
    try:
        return UUID(text)
    except ValueError:
        return None
