"""Who is named in On-Behalf-Of, as the call path asks for it."""

from pathlib import Path
from uuid import UUID

from keyadmin.callpath.connection import execute
from keyadmin.core.callers import Person


def named(organisation: UUID, text: str) -> Person | None:
    """The active person of the organisation with that UUID or e-mail address. Raises Unavailable."""
    try:
        identity = UUID(text)
    except ValueError:
        identity = None
    rows = execute(_PERSON, {"organisation": organisation, "id": identity, "email": text})
    return Person(*rows[0]) if rows else None


_PERSON = Path(__file__).with_name("impersonation.sql").read_text()
