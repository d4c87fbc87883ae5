"""Operations on passwords, and the links with which people choose a password.

The token of a link is signed, and valid for LINK_LIFETIME. It contains the person's id and a digest of their password,
email, last sign-in and number of links. So it becomes invalid when the person chooses a password or signs in, and when
a newer link is created. It consists of letters and digits, so that logs redact it, and it is never stored.
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

LINK_LIFETIME: Final = timedelta(days=7)
_SALT: Final = "keyadmin.password-link"
_MAX_TOKEN_LENGTH: Final = 400
#: The time for which sending a mail is tried. Later, the link has probably been copied from the page, or requested
#: again.
_LINK_MAIL_LIFETIME: Final = timedelta(days=1)
_RESET_MAIL_LIFETIME: Final = timedelta(hours=1)


class LinkUsedError(OperationError):
    """The link has a valid signature, but is no longer valid; the message says why."""


def token_of(person: Person) -> str:
    """The token of the person's newest link, in hexadecimal."""
    signed = signing.TimestampSigner(salt=_SALT).sign(f"{person.id.hex}.{state_of(person)}")
    return signed.encode().hex()


def person_of(token: str) -> Person:
    """The person of the link.

    Raises NotFoundError if the token was never valid, and LinkUsedError if it is no longer valid.
    """
    person_id, state_digest = _parse(token)
    return _require_valid(Person.objects.filter(id=person_id).first(), state_digest)


def choose(*, actor: Actor, token: str, password: str) -> Person:
    """Set the password of the link's person. The link becomes invalid, and all sessions of the person end."""
    with audit.audited_transaction():
        person_id, state_digest = _parse(token)
        locked = Person.objects.select_for_update(no_key=True).filter(id=person_id).first()
        person = _require_valid(locked, state_digest)
        _set_password(person, password)
        changes = {"password_link": ("open", "used")}
        rows.record(EventType.PASSWORD_CHOSEN, actor, person, rows.sole_organisation(person), changes)
    return person


def change(*, actor: Actor, person: UUID, password: str) -> Person:
    """Set the password of the actor, who is `person`. Their sessions end. The caller must check the old password."""
    with audit.audited_transaction():
        row = rows.lock(actor, person)
        if actor.id != row.id:
            raise NotFoundError
        _set_password(row, password)
        rows.record(EventType.PASSWORD_CHANGED, actor, row, rows.sole_organisation(row), {})
    return row


def request_reset(*, actor: Actor, person: UUID | None, base_url: str = "") -> None:
    """Mail the person a link to reset their password. `base_url`: scheme and host of the pages.

    `person` is None if no active person has the email that was entered. Both cases execute the same statements, and the
    worker sends the mail, so that the response time does not show whether the account exists.
    """
    with audit.audited_transaction():
        row = Person.objects.filter(id=person or uuid4()).first() or Person()
        target = audit.target_of(row) if row.id == person else audit.Target("person", "", _("Unknown address"))
        organisation = rows.sole_organisation(row)
        payload = {"person": str(person) if person else None, "state": state_of(row), "base_url": base_url}
        outbox.enqueue(JobKind.PASSWORD_RESET_MAIL, payload, expires_in=_RESET_MAIL_LIFETIME)
        audit.record(EventType.PASSWORD_RESET_REQUESTED, actor=actor, target=target, organisation=organisation)


def record_reset(*, actor: Actor) -> None:
    """Record that the actor has reset the password. allauth saves the password in the same transaction."""
    with audit.audited_transaction():
        row = Person.objects.filter(id=actor.id).first()
        if row is None:
            raise NotFoundError
        rows.record(EventType.PASSWORD_RESET, actor, row, rows.sole_organisation(row), {})


def queue_link_mail(person: Person, *, base_url: str, sender: str, is_invitation: bool) -> None:
    """Mail the person their newest link, if there is a mail server. Call it within the operation's transaction.

    `base_url` is the scheme and host of the pages. The mail names `sender` as the person who sends it.
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
    """Whether links for that state (`state_of`) are still valid."""
    return person.is_active and constant_time_compare(state_of(person), state)


def _set_password(person: Person, password: str) -> None:
    errors = FieldErrors()
    rows.check_password(errors, person, password)
    errors.raise_if_any()
    person.set_password(password)
    person.save(update_fields=("password",))


def _parse(token: str) -> tuple[UUID, str]:
    """The person's id and the digest of their state, from a token. Raises as `person_of`."""
    try:
        signed = bytes.fromhex(token[:_MAX_TOKEN_LENGTH]).decode()
        signer = signing.TimestampSigner(salt=_SALT)
        person_id, _dot, state_digest = signer.unsign(signed, max_age=LINK_LIFETIME).partition(".")
        return UUID(person_id), state_digest
    except signing.SignatureExpired as error:
        raise LinkUsedError(_("It is more than a week old.")) from error
    except (signing.BadSignature, ValueError) as error:
        raise NotFoundError from error


def _require_valid(person: Person | None, state_digest: str) -> Person:
    if person is None:
        raise NotFoundError
    if not person.is_active:
        raise LinkUsedError(_("This account is deactivated."))
    if not constant_time_compare(state_of(person), state_digest):
        raise LinkUsedError(_("It has been used, or there is a newer one."))
    return person


def state_of(person: Person) -> str:
    """A keyed digest of the person's password, email, last sign-in and number of links. It is not secret."""
    signed_in = person.last_login.isoformat() if person.last_login else ""
    state = f"{person.password}\n{person.email}\n{signed_in}\n{person.password_link_count}"
    return salted_hmac(_SALT, state, algorithm="sha256").hexdigest()[:32]
