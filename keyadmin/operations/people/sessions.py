"""Operations on sessions of the pages. Django stores the sessions; these record sign-in, failure and sign-out."""

from datetime import timedelta
from typing import Final

from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor
from keyadmin.core.errors import ConflictError, NotFoundError
from keyadmin.models import EventType, LinkPurpose, PasswordLink, Person
from keyadmin.operations import audit, outbox
from keyadmin.operations.people import links

#: A person gets the next mail to verify their address after this time.
CONFIRMATION_INTERVAL: Final = timedelta(hours=1)


def sign_in(*, actor: Actor, base_url: str = "") -> None:
    """Record that the actor has signed in.

    With `base_url`, the scheme and host of the pages, a person whose address is not verified gets a link by mail, at
    most once in CONFIRMATION_INTERVAL.
    """
    with audit.audited_transaction():
        person: Person | None = Person.objects.select_for_update(no_key=True).filter(id=actor.id).first()
        if person is not None:
            person.last_login = audit.database_time()
            person.save(update_fields=("last_login",))
            if not person.is_email_verified:
                _mail_confirmation(person, base_url)
        _record(EventType.SIGNED_IN, actor)


def request_confirmation(*, actor: Actor, base_url: str) -> bool:
    """Mail the actor a link that verifies their address. Returns False if they got one within CONFIRMATION_INTERVAL."""
    with audit.audited_transaction():
        person: Person | None = Person.objects.select_for_update(no_key=True).filter(id=actor.id).first()
        if person is None:
            raise NotFoundError
        if person.is_email_verified:
            raise ConflictError(_("Your email address is already verified."))
        if not _mail_confirmation(person, base_url):
            return False
        audit.record(
            EventType.PASSWORD_LINK_CREATED, actor=actor, target=person, changes={"password_link": (None, "open")}
        )
    return True


def sign_out(*, actor: Actor) -> None:
    """Record that the actor has signed out."""
    with audit.audited_transaction():
        _record(EventType.SIGNED_OUT, actor)


def end_all(*, actor: Actor) -> None:
    """End all sessions of the actor, including the current one."""
    with audit.audited_transaction():
        person = Person.objects.select_for_update(no_key=True).filter(id=actor.id).first()
        if person is None:
            raise NotFoundError
        person.session_generation += 1
        person.save(update_fields=("session_generation",))
        audit.record(EventType.SIGNED_OUT_EVERYWHERE, actor=actor, target=person)


def _mail_confirmation(person: Person, base_url: str) -> bool:
    """Mail the locked person a link, unless a recent one exists or there is no mail server."""
    recent = PasswordLink.objects.filter(
        person=person, purpose=LinkPurpose.CONFIRMATION, created_at__gt=audit.database_time() - CONFIRMATION_INTERVAL
    )
    if not base_url or not outbox.has_mail_server() or any(links.is_open(link) for link in recent):
        return False
    return links.queue_mail(links.create(person, LinkPurpose.CONFIRMATION), base_url)


def _record(event_type: EventType, actor: Actor) -> None:
    target = audit.Target("person", str(actor.id or ""), actor.label)
    audit.record(event_type, actor=actor, target=target)
