"""The rule about On-Behalf-Of: the key must be allowed to act for people, and the header must name an active person."""

from contextlib import suppress
from pathlib import Path
from uuid import UUID

from psycopg.rows import class_row

from keyadmin.callpath.connection import Database
from keyadmin.callpath.rules import Call
from keyadmin.callpath.snapshot import Snapshot
from keyadmin.core.callers import Person
from keyadmin.core.denials import DenialReason
from keyadmin.core.email_address import EmailAddressError, normal_form
from keyadmin.models.scope import IMPERSONATE


def check_on_behalf_of(database: Database, snapshot: Snapshot, call: Call) -> tuple[DenialReason | None, Person | None]:
    """(reason to deny the call or None, person that it acts for or None).

    The person is read for each call, so that a deactivation applies from the next call on. Raises
    DatabaseUnavailableError.
    """
    if call.on_behalf_of is None:
        return None, None
    if IMPERSONATE not in snapshot.scopes:
        return DenialReason.IMPERSONATION, None
    person = _find_person(database, snapshot.key.organisation_id, call.on_behalf_of)
    return (None, person) if person else (DenialReason.ON_BEHALF_OF, None)


def _find_person(database: Database, organisation: UUID, text: str) -> Person | None:
    """The active person of the organisation whose UUID or email address `text` is."""
    person_id = email = None
    try:
        person_id = UUID(text)
    except ValueError:
        with suppress(EmailAddressError):
            email = normal_form(text)
    if person_id is None and email is None:
        return None
    parameters = {"organisation": organisation, "id": person_id, "email": email}
    people = database.fetch(_FIND_PERSON, parameters, class_row(Person))
    return people[0] if people else None


_FIND_PERSON = Path(__file__).with_name("find_person.sql").read_text()
