"""Operations on sessions of the pages. Django stores the sessions; these record sign-in, failure and sign-out."""

from keyadmin.core.actors import Actor
from keyadmin.core.errors import NotFoundError
from keyadmin.models import EventType, Person
from keyadmin.operations import audit


def sign_in(*, actor: Actor) -> None:
    """Record that the actor has signed in, as an event and as `last_login`."""
    with audit.audited_transaction():
        Person.objects.filter(id=actor.id).update(last_login=audit.database_time())
        _record(EventType.SIGNED_IN, actor)


def record_failed_sign_in(*, actor: Actor) -> None:
    """Record a failed sign-in. `actor.label` is the email that was entered, and `actor.id` is None."""
    with audit.audited_transaction():
        _record(EventType.SIGN_IN_FAILED, actor)


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


def _record(event_type: EventType, actor: Actor) -> None:
    target = audit.Target("person", str(actor.id or ""), actor.label)
    audit.record(event_type, actor=actor, target=target)
