"""Channels."""

import pytest

from keyadmin.core.errors import ConflictError, InvalidInputError, NotFoundError
from keyadmin.models import Channel, Organisation, Person
from keyadmin.operations.catalogue import channels
from tests.factories import OPERATOR, ChannelFactory, KeyFactory, as_actor
from tests.operations.looking import latest, version


def test_a_channel_is_created(northwind: Organisation, jonas: Person) -> None:
    channel = channels.create(actor=as_actor(jonas), organisation=northwind.id, name=" Web chat ")
    assert (channel.name, channel.slug) == ("Web chat", "web-chat")
    assert latest().changes == {"name": [None, "Web chat"], "slug": [None, "web-chat"]}
    assert version(northwind) == 1  # nothing cached is stale


def test_slugs_do_not_collide(northwind: Organisation) -> None:
    made = [
        channels.create(actor=OPERATOR, organisation=northwind.id, name=name).slug
        for name in ("SMS", "sms!", "SMS?", "電話", "☎")
    ]
    assert made == ["sms", "sms-2", "sms-3", "channel", "channel-2"]


def test_renaming_keeps_the_slug(northwind: Organisation) -> None:
    channel = ChannelFactory(organisation=northwind, name="Old", slug="old")
    channels.rename(actor=OPERATOR, channel=channel.id, name="New")
    row = Channel.objects.get()
    assert (row.name, row.slug) == ("New", "old")
    assert latest().changes == {"name": ["Old", "New"]}
    assert version(northwind) == 2
    with pytest.raises(InvalidInputError, match="No changes"):
        channels.rename(actor=OPERATOR, channel=channel.id, name="New")


def test_an_unused_channel_is_removed(northwind: Organisation) -> None:
    channels.remove(actor=OPERATOR, channel=ChannelFactory(organisation=northwind).id)
    assert not Channel.objects.exists()
    assert latest().type == "channel.removed"
    assert version(northwind) == 2


def test_one_that_restricts_a_key_stays(northwind: Organisation) -> None:
    channel = ChannelFactory(organisation=northwind)
    KeyFactory(organisation=northwind, channels=[channel])
    with pytest.raises(ConflictError, match="1 key is restricted to this channel"):
        channels.remove(actor=OPERATOR, channel=channel.id)


@pytest.mark.parametrize("name", ["", "x" * 61, "Taken", "a\x00b"])
def test_names_that_are_none(northwind: Organisation, name: str) -> None:
    ChannelFactory(organisation=northwind, name="Taken")
    with pytest.raises(InvalidInputError) as refused:
        channels.create(actor=OPERATOR, organisation=northwind.id, name=name)
    assert list(refused.value.errors) == ["name"]


def test_anothers_channel(northwind: Organisation, lena: Person) -> None:
    with pytest.raises(NotFoundError):
        channels.remove(actor=as_actor(lena), channel=ChannelFactory(organisation=northwind).id)
