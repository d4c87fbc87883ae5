"""The sentence that the timeline shows for each event."""

from uuid import uuid4

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from keyadmin.models import Event, EventType
from keyadmin.web.templatetags.history import event_sentence


@pytest.mark.parametrize("event_type", EventType)
def test_every_event_type_has_a_sentence(event_type: EventType) -> None:
    sentence = event_sentence(Event(type=event_type, target_kind="key"))
    assert sentence[0].islower(), sentence


@pytest.mark.parametrize("target_kind", ["bot", "key"])
def test_sentence_about_an_allow_list_names_its_owner(target_kind: str) -> None:
    event = Event(type=EventType.ALLOW_LIST_ENTRY_ADDED, target_kind=target_kind)
    assert event_sentence(event) == f"added an IP range to the {target_kind}"


def test_unknown_event_type_is_shown_by_its_name() -> None:
    assert event_sentence(Event(type="key.polished", target_kind="key")) == "· key.polished"


def test_timeline_names_the_actor_once_if_it_is_also_the_target() -> None:
    actor = uuid4()
    event = Event(
        number=7,
        type=EventType.SIGNED_IN,
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
