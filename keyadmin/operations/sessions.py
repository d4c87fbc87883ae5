"""Sessions of people: the library keeps them, history tells of them."""

from keyadmin.foundation.actors import Actor
from keyadmin.models import Verb
from keyadmin.operations.recording import Target, changing, record


def sign_in(*, actor: Actor) -> None:
    """The actor has signed in."""
    _record(Verb.SIGNED_IN, actor)


def fail_sign_in(*, actor: Actor) -> None:
    """Somebody tried to sign in as `actor.label`, the e-mail address they typed; `actor.id` is None."""
    _record(Verb.SIGN_IN_FAILED, actor)


def sign_out(*, actor: Actor) -> None:
    """The actor has signed out."""
    _record(Verb.SIGNED_OUT, actor)


def _record(verb: Verb, actor: Actor) -> None:
    with changing():
        record(verb, actor=actor, target=Target("person", str(actor.id or ""), actor.label))
