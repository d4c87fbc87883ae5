"""The sentence that the timeline shows for each event."""

from typing import Any
from uuid import uuid4

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from keyadmin.models import Event, EventType, Organisation
from keyadmin.web.templatetags.history import event_sentence, event_summary
from tests.factories import OPERATOR
from tests.operations import cases


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


#: For each field, a value as operations record it; other fields are texts.
VALUES: dict[str, Any] = {
    "addresses": ["192.0.2.1"],
    "attempts": 3,
    "channels": ["Support"],
    "expiring": ["CRM, 2027-03-14T00:00:00Z"],
    "networks": ["192.0.2.128/25"],
    "routes": ["GET /api/chats"],
    "scopes": ["chats:read"],
    **dict.fromkeys(("inherits", "is_active", "is_conversational", "is_sensitive", "email_verified"), True),
    **dict.fromkeys(
        ("created_at", "expires_at", "last_used_at", "old_secret_until", "older_secret_until", "revoked_at"),
        "2027-03-14T00:00:00Z",
    ),
    **dict.fromkeys(("since", "until"), "2027-03-14"),
}


@pytest.mark.parametrize("event_type", EventType)
def test_every_event_type_has_a_summary_with_and_without_any_of_its_fields(event_type: EventType) -> None:
    for field in ("", *event_type.details.fields):
        value = VALUES.get(field, "something")
        for changes in ({field: [None, value]}, {field: [value, None]}, {field: [False, True]}):
            event = Event(type=event_type, target_kind="key", target_label="CRM", changes=changes if field else {})
            if field and isinstance(value, bool) != (changes[field][0] is False):
                continue
            assert len(event_summary(event).split()) >= 2, (event_type, changes)
    with_reason = Event(type=event_type, target_kind="key", target_label="CRM", reason="Retired")
    assert "“Retired”" in event_summary(with_reason)


@pytest.mark.parametrize("name", cases.ALL_CASES | cases.SESSION_CASES | cases.EXPORT_CASES)
def test_every_operation_is_summarised(northwind: Organisation, name: str) -> None:
    world = cases.world(northwind)
    (cases.ALL_CASES | cases.SESSION_CASES | cases.EXPORT_CASES)[name](world, OPERATOR)
    event = Event.objects.order_by("-number")[0]
    assert event.reason in event_summary(event) if event.reason else len(event_summary(event).split()) >= 2
    assert event.target_label


@pytest.mark.parametrize(
    ("event_type", "changes", "summary"),
    [
        (
            EventType.ALLOW_LIST_ENTRY_REMOVED,
            {"networks": [["192.0.2.128/25", "10.0.0.0/8"], ["10.0.0.0/8"]]},
            "Removed 192.0.2.128/25",
        ),
        (EventType.ALLOW_LIST_ENTRY_REMOVED, {"networks": [["192.0.2.128/25"], []]}, "Removed 192.0.2.128/25"),
        (EventType.ALLOW_LIST_ENTRY_ADDED, {"networks": [[], ["2001:db8::/32"]]}, "Added 2001:db8::/32"),
        (
            EventType.ALLOW_LIST_ENTRY_CHANGED,
            {"networks": [["192.0.2.0/25"], ["192.0.2.0/24"]]},
            "Changed 192.0.2.0/25 to 192.0.2.0/24",
        ),
        (EventType.ALLOW_LIST_ENTRY_CHANGED, {"notes": [[], ["10.0.0.0/8: VPN"]]}, "Notes: + 10.0.0.0/8: VPN"),
        (EventType.BOT_DISABLED, {"is_active": [True, False]}, "Its keys are paused"),
        (EventType.BOT_ENABLED, {"is_active": [False, True]}, "Its keys are no longer paused"),
        (EventType.CHANNEL_REMOVED, {"name": ["Support", None]}, "Removed the channel Support"),
        (EventType.KEY_REGENERATED, {"masked": ["kad_a", "kad_b"]}, "The old secret stopped immediately"),
        (EventType.ROLE_CHANGED, {"role": ["member", "owner"]}, "Role: − member, + owner"),
    ],
)
def test_summary_stands_alone(event_type: EventType, changes: dict[str, Any], summary: str) -> None:
    assert event_summary(Event(type=event_type, target_kind="bot", target_label="Support", changes=changes)) == summary
