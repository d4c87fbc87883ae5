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

from keyadmin.core.actors import Actor
from keyadmin.core.errors import NotFoundError, OperationError
from keyadmin.models import EventType, Person
from keyadmin.models.outbox import JobKind
from keyadmin.operations import audit, outbox
from keyadmin.operations.people import rows
from keyadmin.operations.validation import FieldErrors

LIFE: Final = timedelta(days=7)
#: After so long without a mail server the link has been passed on by other means, or asked for again.
_LINK_MAIL_LIFETIME: Final = timedelta(days=1)
_RESET_MAIL_LIFETIME: Final = timedelta(hours=1)
_SALT: Final = "keyadmin.password-link"
_LONGEST: Final = 400


class LinkUsedError(OperationError):
    """A real link that no longer works; the message says why."""


def token_of(person: Person) -> str:
    """The token of the newest link made for the person."""
    signed = signing.TimestampSigner(salt=_SALT).sign(f"{person.id.hex}.{state_of(person)}")
    return signed.encode().hex()


def read(token: str) -> Person:
    """Whose link it is. NotFound for what was never a link, Used for one that no longer works."""
    person_id, state = _opened(token)
    return _checked(Person.objects.filter(id=person_id).first(), state)


def choose(*, actor: Actor, token: str, password: str) -> Person:
    """Give whoever holds the link the password they chose; the link and all their sessions end."""
    with audit.audited_transaction():
        person_id, state = _opened(token)
        person = _checked(Person.objects.select_for_update(no_key=True).filter(id=person_id).first(), state)
        errors = FieldErrors()
        rows.check_password(errors, person, password)
        errors.raise_if_any()
        person.set_password(password)
        person.save(update_fields=("password",))
        changes = {"password_link": ("open", "used")}
        rows.record(EventType.PASSWORD_CHOSEN, actor, person, rows.home(person), changes)
    return person


def change(*, actor: Actor, person: UUID, password: str) -> Person:
    """Somebody's own new password; whoever asks has checked the old one. All their sessions end."""
    with audit.audited_transaction():
        row = rows.lock(actor, person)
        if actor.id != row.id:
            raise NotFoundError
        errors = FieldErrors()
        rows.check_password(errors, row, password)
        errors.raise_if_any()
        row.set_password(password)
        row.save(update_fields=("password",))
        rows.record(EventType.PASSWORD_CHANGED, actor, row, rows.home(row), {})
    return row


def ask_for_reset(*, actor: Actor, person: UUID | None, base_url: str = "") -> None:
    """Mail the person a link to reset their password. `base_url`: scheme and host of the pages.

    `person` is None if no active person has the address. The address is not kept. The statements are the same in both
    cases, and the mail is sent by the worker, so that the time of the answer does not reveal who has an account.
    """
    with audit.audited_transaction():
        row = Person.objects.filter(id=person or uuid4()).first() or Person()
        known = audit.target_of(row) if row.id == person else audit.Target("person", "", _("Unknown address"))
        organisation = rows.home(row)
        payload = {"person": str(person) if person else None, "state": state_of(row), "base_url": base_url}
        outbox.enqueue(JobKind.PASSWORD_RESET_MAIL, payload, expires_in=_RESET_MAIL_LIFETIME)
        audit.record(EventType.PASSWORD_RESET_REQUESTED, actor=actor, target=known, organisation=organisation)


def queue_link_mail(person: Person, *, base_url: str, sender: str, is_invitation: bool) -> None:
    """Mail the person their newest link, if there is a mail server. `base_url`: scheme and host of the pages.

    Part of the caller's transaction.
    """
    if not outbox.has_mail_server():
        return
    payload = {
        "person": str(person.id),
        "state": state_of(person),
        "base_url": base_url,
        "sender": sender,
        "is_invitation": is_invitation,
    }
    outbox.enqueue(JobKind.PASSWORD_LINK_MAIL, payload, expires_in=_LINK_MAIL_LIFETIME)


def is_current(person: Person, state: str) -> bool:
    """Whether links that were requested in that state still work."""
    return person.is_active and constant_time_compare(state_of(person), state)


def note_reset(*, actor: Actor) -> None:
    """The actor has chosen a password by the link that the sign-in page mails. The library saves it, in the
    transaction of this.
    """
    with audit.audited_transaction():
        row = Person.objects.filter(id=actor.id).first()
        if row is None:
            raise NotFoundError
        rows.record(EventType.PASSWORD_RESET, actor, row, rows.home(row), {})


def _opened(token: str) -> tuple[UUID, str]:
    """The person's id and the state they were in."""
    try:
        signed = bytes.fromhex(token[:_LONGEST]).decode()
        person, _dot, state = signing.TimestampSigner(salt=_SALT).unsign(signed, max_age=LIFE).partition(".")
        return UUID(person), state
    except signing.SignatureExpired as problem:
        raise LinkUsedError(_("It is more than a week old.")) from problem
    except (signing.BadSignature, ValueError) as problem:
        raise NotFoundError from problem


def _checked(person: Person | None, state: str) -> Person:
    if person is None:
        raise NotFoundError
    if not person.is_active:
        raise LinkUsedError(_("This account is deactivated."))
    if not constant_time_compare(state_of(person), state):
        raise LinkUsedError(_("It has been used, or there is a newer one."))
    return person


def state_of(person: Person) -> str:
    """A keyed digest of the facts that end the person's links when they change. It is no secret."""
    signed_in = person.last_login.isoformat() if person.last_login else ""
    facts = f"{person.password}\n{person.email}\n{signed_in}\n{person.password_link_count}"
    return salted_hmac(_SALT, facts, algorithm="sha256").hexdigest()[:32]
