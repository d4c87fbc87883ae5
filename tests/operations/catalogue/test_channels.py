"""Channels."""

import pytest

from keyadmin.core.errors import ConflictError, InvalidInputError, NotFoundError
from keyadmin.models import Channel, Organisation, Person
from keyadmin.operations.catalogue import channels
from tests.factories import OPERATOR, ChannelFactory, KeyFactory, as_actor
from tests.operations.helpers import latest_event, version


def test_channel_is_created_with_a_slug(northwind: Organisation, jonas: Person) -> None:
    channel = channels.create(actor=as_actor(jonas), organisation=northwind.id, name=" Web chat ")
    assert (channel.name, channel.slug) == ("Web chat", "web-chat")
    assert latest_event().changes == {"name": [None, "Web chat"], "slug": [None, "web-chat"]}
    assert version(northwind) == 1  # nothing cached is stale


def test_channel_slugs_are_unique_in_the_organisation(northwind: Organisation) -> None:
    made = [
        channels.create(actor=OPERATOR, organisation=northwind.id, name=name).slug
        for name in ("SMS", "sms!", "SMS?", "電話", "☎")
    ]
    assert made == ["sms", "sms-2", "sms-3", "channel", "channel-2"]


def test_renamed_channel_keeps_its_slug(northwind: Organisation) -> None:
    channel = ChannelFactory.create(organisation=northwind, name="Old", slug="old")
    channels.rename(actor=OPERATOR, channel=channel.id, name="New")
    row = Channel.objects.get()
    assert (row.name, row.slug) == ("New", "old")
    assert latest_event().changes == {"name": ["Old", "New"]}
    assert version(northwind) == 2
    with pytest.raises(InvalidInputError, match="No changes"):
        channels.rename(actor=OPERATOR, channel=channel.id, name="New")


def test_unused_channel_is_removed(northwind: Organisation) -> None:
    channels.remove(actor=OPERATOR, channel=ChannelFactory.create(organisation=northwind).id)
    assert not Channel.objects.exists()
    assert latest_event().type == "channel.removed"
    assert version(northwind) == 2


def test_channel_that_restricts_a_key_is_not_removed(northwind: Organisation) -> None:
    channel = ChannelFactory.create(organisation=northwind)
    KeyFactory.create(organisation=northwind, channels=[channel])
    with pytest.raises(ConflictError, match="1 key is restricted to this channel"):
        channels.remove(actor=OPERATOR, channel=channel.id)


@pytest.mark.parametrize("name", ["", "x" * 61, "Taken", "a\x00b"])
def test_invalid_channel_name_is_rejected(northwind: Organisation, name: str) -> None:
    ChannelFactory.create(organisation=northwind, name="Taken")
    with pytest.raises(InvalidInputError) as raised:
        channels.create(actor=OPERATOR, organisation=northwind.id, name=name)
    assert list(raised.value.errors) == ["name"]


def test_channel_that_the_actor_cannot_see_is_not_found(northwind: Organisation, lena: Person) -> None:
    with pytest.raises(NotFoundError):
        channels.remove(actor=as_actor(lena), channel=ChannelFactory.create(organisation=northwind).id)


@pytest.mark.parametrize(("name", "slug"), [("SMS_-_ Oslo", "sms-oslo"), ("東京", "channel")])
def test_slug_of_a_name_has_single_hyphens_between_words(northwind: Organisation, name: str, slug: str) -> None:
    assert channels.create(actor=OPERATOR, organisation=northwind.id, name=name).slug == slug
