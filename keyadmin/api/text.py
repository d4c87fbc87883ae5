"""What bodies and addresses name instead of giving its id."""

from uuid import UUID

from keyadmin.models import Tier


def askable(text: str) -> bool:
    """Whether the database can be asked about the text: JSON knows NUL and lone surrogates."""
    return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text)


def tier_named(name: str) -> UUID | None:
    found: UUID | None = None
    if askable(name):
        found = Tier.objects.filter(name=name).values_list("id", flat=True).first()
    return found
