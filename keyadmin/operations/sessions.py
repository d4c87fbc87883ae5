"""Sessions of people: the library keeps them, history tells of them."""

from keyadmin.foundation.actors import Actor
from keyadmin.models import Person, Verb
from keyadmin.operations import recording
from keyadmin.operations.errors import NotFound


def sign_in(*, actor: Actor) -> None:
    """The actor has signed in."""
    with recording.changing():
        Person.objects.filter(id=actor.id).update(last_login=recording.database_time())
        _record(Verb.SIGNED_IN, actor)


def fail_sign_in(*, actor: Actor) -> None:
    """Somebody tried to sign in as `actor.label`, the e-mail address they typed; `actor.id` is None."""
    with recording.changing():
        _record(Verb.SIGN_IN_FAILED, actor)


def sign_out(*, actor: Actor) -> None:
    """The actor has signed out."""
    with recording.changing():
        _record(Verb.SIGNED_OUT, actor)


def end_all(*, actor: Actor) -> None:
    """Sign the actor out everywhere, here as well."""
    with recording.changing():
        person = Person.objects.select_for_update(no_key=True).filter(id=actor.id).first()
        if person is None:
            raise NotFound
        person.sessions_ended += 1
        person.save(update_fields=("sessions_ended",))
        recording.record(Verb.SIGNED_OUT_EVERYWHERE, actor=actor, target=person)


def _record(verb: Verb, actor: Actor) -> None:
    target = recording.Target("person", str(actor.id or ""), actor.label)
    recording.record(verb, actor=actor, target=target)
