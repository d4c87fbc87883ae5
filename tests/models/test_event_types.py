"""The registry of event types is complete, and history holds nothing that it does not declare."""

from collections.abc import Mapping

import pytest
from lucide.templatetags.lucide import lucide

from keyadmin.models import Event, EventType, Organisation
from keyadmin.models.event_types import FIELDS
from keyadmin.operations import audit
from tests.factories import OPERATOR


@pytest.mark.parametrize("event_type", EventType)
def test_event_type_has_label_sentence_icon_and_known_fields(event_type: EventType) -> None:
    noun, _, act = event_type.value.partition(".")
    assert noun.replace("_", "").isalpha()
    assert act.replace("_", "").isalpha()
    max_length = Event._meta.get_field("type").max_length
    assert max_length
    assert len(event_type.value) <= max_length
    assert str(event_type.label)[0].isupper()
    sentence = event_type.details.sentence
    for target_kind in sentence if isinstance(sentence, Mapping) else ("key",):
        assert event_type.sentence(target_kind)[0].islower()
    assert "<svg" in lucide(event_type.details.icon)
    assert set(event_type.details.fields) <= FIELDS.keys()
    assert len(set(event_type.details.fields)) == len(event_type.details.fields)


def test_event_types_have_different_labels_and_sentences() -> None:
    assert len({str(event_type.label) for event_type in EventType}) == len(EventType)
    assert len({event_type.sentence("key") for event_type in EventType}) == len(EventType)


def test_every_field_belongs_to_an_event_type() -> None:
    assert {field for event_type in EventType for field in event_type.details.fields} == FIELDS.keys()


def test_value_of_a_newer_version_is_no_event_type() -> None:
    assert EventType.from_value("key.revoked") is EventType.KEY_REVOKED
    assert EventType.from_value("key.polished") is None


def test_event_with_an_undeclared_field_is_not_recorded(northwind: Organisation) -> None:

    with (
        pytest.raises(ValueError, match=r"key\.revoked does not declare the fields \['colour'\]"),
        audit.audited_transaction(OPERATOR),
    ):
        audit.record(EventType.KEY_REVOKED, actor=OPERATOR, target=northwind, changes={"colour": (None, "blue")})
    assert not Event.objects.exists()
