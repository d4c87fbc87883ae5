"""What an event says as a sentence that begins with its actor: "Jonas Lind created the key"."""

from keyadmin.models import Event, EventType


def act(event: Event) -> str:
    """What the actor did, without the target's name. An unknown type of a newer version is named as it is."""
    event_type = EventType.from_value(event.verb)
    return event_type.sentence(event.target_kind) if event_type else f"· {event.verb}"
