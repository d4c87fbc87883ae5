"""The review report: its figures and rows, current and built, its actions, and its CSV."""

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from keyadmin.models import Event, Key, Organisation, Person
from keyadmin.operations import review as operations
from keyadmin.web.common import capped_count
from keyadmin.web.review import report
from tests.factories import KeyFactory, member_of, use_key
from tests.fixtures.clients import SignedIn
from tests.operations.helpers import latest_event


def names(html: str) -> list[str]:
    return re.findall(r'class="key-name"[^>]*>([^<]*)<', html)


def figures(response: Any) -> dict[str, str]:
    return {str(tile["label"]): tile["value"] for tile in response.context["tiles"] if tile["value"] != "0"}


@pytest.fixture(params=["living", "built"])
def ready(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Prepares a current or a built report, which must show the same. Call it after creating the keys."""

    def living() -> None:
        """Nothing to do."""

    def built() -> None:
        operations.build()
        # With a limit of 1, two keys are too many to compute the report when the page is rendered.
        monkeypatch.setattr(capped_count, "COUNT_LIMIT", 1)

    return {"living": living, "built": built}[request.param]


@pytest.fixture
def keys(northwind: Organisation, contoso: Organisation) -> dict[str, Key]:
    soon = timezone.now() + timedelta(days=30)
    leaver = member_of(northwind, deactivated=True, name="Lea Veer")
    made: dict[str, Key] = {
        "Quiet": KeyFactory.create(organisation=northwind, name="Quiet", networks=["10.0.0.0/8"], expires_at=soon),
        "Legacy": KeyFactory.create(
            organisation=northwind, name="Legacy", inherits=True, creator=leaver, created_by="Lea Veer"
        ),
        "=cmd()": KeyFactory.create(organisation=northwind, name="=cmd()", expires_at=soon, scopes=["chats:write"]),
        "Gone": KeyFactory.create(organisation=northwind, name="Gone", revoked=True),
        "Theirs": KeyFactory.create(organisation=contoso, name="Theirs", networks=["10.0.0.0/8"]),
    }
    for name in ("Quiet", "=cmd()", "Theirs"):
        use_key(made[name], "chats:read")
    return made


def test_report_shows_figures_and_keys_with_findings(
    maya: Person, keys: dict[str, Key], signed_in: SignedIn, ready: Callable[[], None]
) -> None:
    ready()
    response = signed_in(maya).get("/review/?organisation=northwind")
    limited = capped_count.COUNT_LIMIT < 2
    assert figures(response) == {
        "Never used": "1",
        "No expiry": "1",
        "Any IP address": "1,000+" if limited else "2",
        "Full access": "1",
        "Unused permissions": "1",
        "Owner gone": "1",
    }
    html = response.content.decode()
    assert names(html) == ["Legacy", "=cmd()"]
    assert "created by Lea Veer" in html
    assert ("1,000+ of 1,000+ live keys" if limited else "2 of 3 live keys need attention.") in html
    assert ("With more than 1,000 keys, the report is built in advance." in html) == limited
    row = html[html.index("=cmd()") :]
    assert "Write chats" in row[: row.index("</tr>")]
    assert "Unused permissions" in row[: row.index("</tr>")], "the row shows every finding that the figures count"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Legacy", "=cmd()", "Theirs"]),
        ("?finding=no-expiry", ["Legacy", "Theirs"]),
        ("?finding=owner-gone&organisation=northwind", ["Legacy"]),
        ("?finding=expiring", []),
        ("?organisation=contoso", ["Theirs"]),
    ],
)
def test_filter_selects_keys_with_the_finding(
    priya: Person, keys: dict[str, Key], signed_in: SignedIn, ready: Callable[[], None], query: str, expected: list[str]
) -> None:
    ready()
    html = signed_in(priya).get(f"/review/{query}").content.decode()
    assert names(html) == expected
    assert ("No key has this finding." in html) == (not expected)


@pytest.mark.parametrize("query", ["?finding=nonsense", "?cursor=nonsense"])
def test_filter_with_an_unknown_value_is_an_error(
    priya: Person, keys: dict[str, Key], signed_in: SignedIn, query: str
) -> None:
    assert signed_in(priya).get(f"/review/{query}").status_code == 422


def test_pages_lead_through_all_keys_and_back(
    jonas: Person,
    northwind: Organisation,
    signed_in: SignedIn,
    ready: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(report, "PAGE_SIZE", 2)
    soon = timezone.now() + timedelta(days=30)
    made = [
        KeyFactory.create(organisation=northwind, name=f"K{n}", expires_at=soon if n % 2 else None) for n in range(5)
    ]
    ready()
    client, url, pages = signed_in(jonas), "/review/", []
    while url:
        html = client.get(url).content.decode()
        pages.append(names(html))
        found = re.search(r'href="([^"]*)" rel="next"', html)
        url = found[1].replace("&amp;", "&") if found else ""
    ranked = sorted(made, key=lambda key: (key.expires_at is None, key.id), reverse=True)
    assert pages == [[key.name for key in ranked[place : place + 2]] for place in (0, 2, 4)]
    back = re.search(r'href="([^"]*)" rel="prev"', html)
    assert back
    assert names(client.get(back[1].replace("&amp;", "&")).content.decode()) == pages[1]
    if capped_count.COUNT_LIMIT > 1:  # what is printed stops there
        assert names(client.get("/review/?print=1").content.decode()) == [key.name for key in ranked]


def test_owner_has_actions_and_auditor_has_none(
    jonas: Person, asha: Person, keys: dict[str, Key], signed_in: SignedIn
) -> None:
    act = f"/keys/{keys['Legacy'].id}/revoke/"
    assert act in signed_in(jonas).get("/review/").content.decode()
    html = signed_in(asha).get("/review/").content.decode()
    assert act not in html
    assert "Actions for" not in html
    assert act not in signed_in(jonas).get("/review/?print=1").content.decode()


def test_built_report_shows_the_current_state_of_each_key(
    jonas: Person, keys: dict[str, Key], signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    operations.build()
    keys["=cmd()"].allow_list.create(network="10.0.0.0/8")
    Key.objects.filter(id=keys["=cmd()"].id).update(expires_at=timezone.now() + timedelta(days=20))
    use_key(keys["=cmd()"], "chats:write")
    keys["Legacy"].allow_list.all()
    Key.objects.filter(id=keys["Legacy"].id).update(name="Renamed")
    monkeypatch.setattr(capped_count, "COUNT_LIMIT", 1)
    html = signed_in(jonas).get("/review/").content.decode()
    assert names(html) == ["Renamed", "=cmd()"]
    assert html.count("No longer has findings") == 1


def test_report_that_was_never_built_says_so(
    jonas: Person, keys: dict[str, Key], signed_in: SignedIn, monkeypatch: Any
) -> None:
    monkeypatch.setattr(capped_count, "COUNT_LIMIT", 1)
    html = signed_in(jonas).get("/review/").content.decode()
    assert "build_review" in html
    assert "No report yet." in html


def test_htmx_request_gets_rows_and_figures(jonas: Person, keys: dict[str, Key], htmx: SignedIn) -> None:
    html = htmx(jonas).get("/review/").content.decode()
    assert html.lstrip().startswith('<div id="review-rows"')
    assert 'id="review-tiles" hx-swap-oob="true"' in html
    assert 'id="review-head" hx-swap-oob="true"' in html


def test_csv_contains_all_keys_with_findings(jonas: Person, keys: dict[str, Key], signed_in: SignedIn) -> None:
    response = signed_in(jonas).get("/review/export/?organisation=northwind")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="review-northwind-[0-9-]{10}\.csv"', response["Content-Disposition"])
    text = response.getvalue().decode()
    assert text.startswith("\ufeff")
    rows = {row["Name"]: row for row in csv.DictReader(io.StringIO(text[1:], newline=""))}
    assert set(rows) == {"Legacy", "'=cmd()"}
    assert rows["Legacy"]["Owner gone"] == rows["Legacy"]["Full access"] == rows["Legacy"]["Never used"] == "yes"
    assert rows["'=cmd()"]["Permissions never used in 90 days"] == "chats:write"
    assert rows["'=cmd()"]["No expiry"] == ""
    assert rows["Legacy"]["Created by"] == "Lea Veer"
    assert rows["Legacy"]["Status"] == "Active"
    event = latest_event()
    assert (event.type, event.target_label, event.changes) == (
        "review.exported",
        "Northwind",
        {"finding": [None, "any"]},
    )


def test_csv_is_filtered_and_head_request_records_nothing(
    maya: Person, keys: dict[str, Key], signed_in: SignedIn
) -> None:
    client = signed_in(maya)
    text = client.get("/review/export/?finding=full-access").getvalue().decode()
    assert len(text.splitlines()) == 2
    assert client.head("/review/export/").status_code == 200
    assert Event.objects.filter(type="review.exported").count() == 1
