"""The list of keys in each order: keys without a value come last, and each page continues the one before."""

import re
from datetime import UTC, timedelta

import pytest
from django.utils import timezone

from keyadmin.models import Key, Meter, Organisation, Person
from tests.factories import KeyFactory
from tests.fixtures.clients import SignedIn
from tests.web.pages import key_names


@pytest.fixture
def varied(northwind: Organisation) -> dict[str, Key]:
    """Keys used and ending at different times; some never."""
    now = timezone.now()
    made: dict[str, Key] = {}
    for number in range(45):
        name = f"K{number:02}"
        ends = None if number % 3 == 0 else now + timedelta(days=10 + number // 2)
        key = KeyFactory.create(organisation=northwind, name=name, expires_at=ends)
        if number % 4:
            used = now - timedelta(days=number // 2)
            Meter.objects.filter(key_id=key.id).update(last_used_at=used, last_used_day=used.astimezone(UTC).date())
        made[name] = key
    return made


@pytest.mark.parametrize("sort", ["newest", "oldest", "name", "-name", "used", "-used", "expires", "-expires"])
def test_every_order_pages_forward_and_back(
    jonas: Person, varied: dict[str, Key], signed_in: SignedIn, sort: str
) -> None:
    client = signed_in(jonas)
    pages, url, last = [], f"/keys/?sort={sort}", ""
    while url:
        last = client.get(url).content.decode()
        pages.append(key_names(last))
        found = re.search(r'href="([^"]*)" rel="next"', last)
        url = found[1].replace("&amp;", "&") if found else ""
    assert [len(page) for page in pages] == [20, 20, 5]
    seen = [name for page in pages for name in page]
    assert sorted(seen) == sorted(varied)
    used = {key.id: key.last_used_at for key in Key.objects.with_usage()}
    by = {"used": lambda key: used[key.id], "expires": lambda key: key.expires_at, "name": lambda key: key.name}
    values = [by.get(sort.strip("-"), lambda key: key.created_at)(varied[name]) for name in seen]
    known = [value for value in values if value is not None]
    assert values[: len(known)] == known
    assert known == sorted(known, reverse=sort in ("newest", "-name", "used", "-expires"))
    for earlier in reversed(pages[:-1]):
        back = re.search(r'href="([^"]*)" rel="prev"', last)
        assert back
        last = client.get(back[1].replace("&amp;", "&")).content.decode()
        assert key_names(last) == earlier


def test_column_headings_show_and_switch_the_order(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    KeyFactory.create(organisation=northwind)
    html = signed_in(jonas).get("/keys/?sort=expires&q=key").content.decode()
    assert html.count("aria-sort") == 1
    assert 'aria-sort="ascending"' in html
    assert "sort=-expires" in html
    assert "sort=name" in html
