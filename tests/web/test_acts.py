"""Events told as sentences."""

from uuid import uuid4

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from keyadmin.models import Event, EventType
from keyadmin.web.history.event_text import act


@pytest.mark.parametrize("verb", EventType)
def test_every_verb_makes_a_sentence(verb: EventType) -> None:
    words = act(Event(verb=verb, target_kind="key"))
    assert words[0].islower(), words


def test_an_allow_list_is_a_keys_or_a_bots() -> None:
    assert act(Event(verb=EventType.ALLOW_LIST_ENTRY_ADDED, target_kind="bot")) == "added an IP range to the bot"
    assert act(Event(verb=EventType.ALLOW_LIST_ENTRY_ADDED, target_kind="key")) == "added an IP range to the key"


def test_what_is_not_known_yet_keeps_its_label() -> None:
    assert act(Event(verb="key.polished", target_kind="key")) == "· key.polished"


def test_who_did_something_to_themselves_is_named_once() -> None:
    actor = uuid4()
    event = Event(
        number=7,
        verb=EventType.SIGNED_IN,
        actor_id=actor,
        actor_label="Jonas Lind",
        target_id=str(actor),
        target_label="Jonas Lind",
        at=timezone.now(),
        changes={},
    )
    html = render_to_string("_timeline.html", {"events": [event], "of_all": True})
    assert html.count("Jonas Lind") == 1
    assert "signed in" in html
