"""Channels: list, create, rename and remove."""

from typing import Any

import pytest

from keyadmin.models import Channel, Organisation, Person
from tests.factories import ChannelFactory, KeyFactory
from tests.fixtures.clients import SignedIn


def channel_names(response: Any) -> list[str]:
    return [row.name for row in response.context["rows"]]


def test_list_shows_channels_of_readable_organisations_by_name(
    jonas: Person, maya: Person, northwind: Organisation, contoso: Organisation, signed_in: SignedIn
) -> None:
    sms = ChannelFactory.create(organisation=northwind, name="SMS", slug="sms")
    ChannelFactory.create(organisation=northwind, name="Fax")
    ChannelFactory.create(organisation=contoso, name="Mail")
    KeyFactory.create(organisation=northwind, channels=[sms])
    response = signed_in(jonas).get("/channels/")
    assert channel_names(response) == ["Fax", "SMS"]
    assert [row.key_count for row in response.context["rows"]] == [0, 1]
    assert "Contoso" not in response.content.decode()
    assert channel_names(signed_in(maya).get("/channels/")) == ["Fax", "Mail", "SMS"]
    assert channel_names(signed_in(maya).get("/channels/?organisation=contoso")) == ["Mail"]
    assert channel_names(signed_in(maya).get("/channels/?q=sm")) == ["SMS"]
    assert signed_in(jonas).get("/channels/?organisation=contoso").status_code == 404


def test_empty_list_says_whether_there_are_no_channels_or_no_matches(jonas: Person, signed_in: SignedIn) -> None:
    assert "No channels yet." in signed_in(jonas).get("/channels/").content.decode()
    assert "No channel matches “x”." in signed_in(jonas).get("/channels/?q=x").content.decode()


def test_created_channel_is_listed(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    sent = {"name": "Web chat", "organisation": str(northwind.id)}
    assert signed_in(jonas).post("/channels/create/", sent).status_code == 302
    assert Channel.objects.get().slug == "web-chat"
    response = signed_in(jonas).post("/channels/create/", sent)
    assert response.status_code == 422
    assert "There is already a channel with this name." in response.content.decode()


@pytest.mark.parametrize("name", ["", " ", "x" * 61, "a\x00"])
def test_create_with_invalid_name_shows_the_error(
    jonas: Person, northwind: Organisation, signed_in: SignedIn, name: str
) -> None:
    sent = {"name": name, "organisation": str(northwind.id)}
    assert signed_in(jonas).post("/channels/create/", sent).status_code == 422
    assert not Channel.objects.exists()


def test_channel_of_another_organisation_is_neither_offered_nor_found(
    jonas: Person, contoso: Organisation, signed_in: SignedIn
) -> None:
    theirs = ChannelFactory.create(organisation=contoso)
    client = signed_in(jonas)
    sent = {"name": "Mine", "organisation": str(contoso.id)}
    assert client.post("/channels/create/", sent).status_code == 422
    for act in ("rename", "remove"):
        assert client.post(f"/channels/{theirs.id}/{act}/", sent).status_code == 404
    assert list(Channel.objects.values_list("name", flat=True)) == [theirs.name]


def test_renamed_channel_keeps_its_slug(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    channel = ChannelFactory.create(organisation=northwind, name="Fax", slug="fax")
    client, url = signed_in(jonas), f"/channels/{channel.id}/rename/"
    assert client.post(url, {"name": "Telefax"}).status_code == 302
    channel.refresh_from_db()
    assert (channel.name, channel.slug) == ("Telefax", "fax")
    assert "No changes to save." in client.post(url, {"name": "Telefax"}).content.decode()


def test_channel_in_use_is_not_removed(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    channel = ChannelFactory.create(organisation=northwind)
    key = KeyFactory.create(organisation=northwind, channels=[channel])
    client, url = signed_in(jonas), f"/channels/{channel.id}/remove/"
    html = client.get(url).content.decode()
    assert "<b>1 key is restricted to it.</b>" in html
    assert "Remove channel</button>" not in html
    response = client.post(url)
    assert response.status_code == 409
    assert "1 key is restricted to this channel. Remove the channel from the key first." in response.content.decode()
    key.channels.clear()
    assert client.post(url).status_code == 302
    assert not Channel.objects.exists()


def test_list_sends_as_many_statements_for_many_channels_as_for_few(
    maya: Person, northwind: Organisation, signed_in: SignedIn, django_assert_max_num_queries: Any
) -> None:
    client = signed_in(maya)
    counts = []
    for more in (2, 30):
        for _ in range(more):
            KeyFactory.create(organisation=northwind, channels=[ChannelFactory.create(organisation=northwind)])
        with django_assert_max_num_queries(12) as captured:
            assert client.get("/channels/?q=channel").status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]
