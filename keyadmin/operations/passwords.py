"""Links by which people choose a password: signed, good once and for a week.

A token names a person and what was true of them when it was made: their password, address, last sign-in and how
many links there were. Choosing a password, signing in or a newer link makes it useless. It is one long run of
letters and digits, which every log redacts, and it is never saved.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from keyadmin.foundation.actors import Actor
from keyadmin.models import Person, Verb
from keyadmin.operations import person_rows, recording
from keyadmin.operations.checks import Problems
from keyadmin.operations.errors import NotFound, OperationError

LIFE: Final = timedelta(days=7)
_SALT: Final = "keyadmin.password-link"
_LONGEST: Final = 400


class Used(OperationError):  # noqa: N818 - what has happened to the link
    """A real link that no longer works; the message says why."""


def token_of(person: Person) -> str:
    """The token of the newest link made for the person."""
    signed = signing.TimestampSigner(salt=_SALT).sign(f"{person.id.hex}.{_state(person)}")
    return signed.encode().hex()


def read(token: str) -> Person:
    """Whose link it is. NotFound for what was never a link, Used for one that no longer works."""
    person_id, state = _opened(token)
    return _checked(Person.objects.filter(id=person_id).first(), state)


def choose(*, actor: Actor, token: str, password: str) -> Person:
    """Give whoever holds the link the password they chose; the link and all their sessions end."""
    with recording.changing():
        person_id, state = _opened(token)
        person = _checked(Person.objects.select_for_update(no_key=True).filter(id=person_id).first(), state)
        problems = Problems()
        person_rows.check_password(problems, person, password)
        problems.raise_any()
        person.set_password(password)
        person.save(update_fields=("password",))
        changes = {"password_link": ("open", "used")}
        person_rows.record(Verb.PASSWORD_CHOSEN, actor, person, person_rows.home(person), changes)
    return person


def change(*, actor: Actor, person: UUID, password: str) -> Person:
    """Somebody's own new password; whoever asks has checked the old one. All their sessions end."""
    with recording.changing():
        row = person_rows.lock(actor, person)
        if actor.id != row.id:
            raise NotFound
        problems = Problems()
        person_rows.check_password(problems, row, password)
        problems.raise_any()
        row.set_password(password)
        row.save(update_fields=("password",))
        person_rows.record(Verb.PASSWORD_CHANGED, actor, row, person_rows.home(row), {})
    return row


def ask_for_reset(*, actor: Actor, person: UUID | None) -> None:
    """Somebody asked the sign-in page for a link. None: no active person has the address, which is not kept.

    Takes the same statements either way, so that how long it takes does not tell who is here.
    """
    with recording.changing():
        row = Person.objects.filter(id=person or uuid4()).first() or Person()
        known = recording.target_of(row) if row.id == person else recording.Target("person", "", _("Unknown address"))
        organisation = person_rows.home(row)
        recording.record(Verb.PASSWORD_RESET_REQUESTED, actor=actor, target=known, organisation=organisation)


def note_reset(*, actor: Actor) -> None:
    """The actor has chosen a password by the link that the sign-in page mails. The library saves it, in the
    transaction of this.
    """
    with recording.changing():
        row = Person.objects.filter(id=actor.id).first()
        if row is None:
            raise NotFound
        person_rows.record(Verb.PASSWORD_RESET, actor, row, person_rows.home(row), {})


def _opened(token: str) -> tuple[UUID, str]:
    """The person's id and the state they were in."""
    try:
        signed = bytes.fromhex(token[:_LONGEST]).decode()
        person, _dot, state = signing.TimestampSigner(salt=_SALT).unsign(signed, max_age=LIFE).partition(".")
        return UUID(person), state
    except signing.SignatureExpired as problem:
        raise Used(_("It is more than a week old.")) from problem
    except (signing.BadSignature, ValueError) as problem:
        raise NotFound from problem


def _checked(person: Person | None, state: str) -> Person:
    if person is None:
        raise NotFound
    if not person.is_active:
        raise Used(_("This account is deactivated."))
    if not constant_time_compare(_state(person), state):
        raise Used(_("It has been used, or there is a newer one."))
    return person


def _state(person: Person) -> str:
    signed_in = person.last_login.isoformat() if person.last_login else ""
    facts = f"{person.password}\n{person.email}\n{signed_in}\n{person.links_made}"
    return salted_hmac(_SALT, facts, algorithm="sha256").hexdigest()[:32]
