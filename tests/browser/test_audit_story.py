"""An auditor traces a change of an allow-list from last month to its evidence.

They find who widened the list and what it was before, count the calls denied since by hour and reason, export the
events, and see that the hash chain is intact.
"""

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from playwright.sync_api import Page, expect

from keyadmin.core.cidr import parse
from keyadmin.env import ROOT
from keyadmin.models import CallOutcome, ChainHead, Key, LastDenial, UsageHour
from keyadmin.operations.organisations import allow_lists
from tests.browser.contexts import SignedInPage
from tests.browser.demo import Demo
from tests.factories import as_actor
from tests.owner import database_environ, execute_as_owner

NAME = "Shop export"
BEFORE, AFTER = "203.0.113.0/24", "203.0.0.0/16"


@pytest.fixture
def delete_chain_checks(demo: Demo) -> Iterator[None]:
    """Deletes the recorded chain checks afterwards, because other tests expect none."""
    yield
    execute_as_owner("DELETE FROM chain_check")


@contextmanager
def database_time(moment: datetime) -> Iterator[None]:
    """PostgreSQL's clock_timestamp() returns `moment` on Django's connection."""
    execute_as_owner("CREATE SCHEMA past")
    execute_as_owner(
        "CREATE FUNCTION past.clock_timestamp() RETURNS timestamptz LANGUAGE sql"
        f" RETURN timestamptz '{moment.isoformat()}'"
    )
    execute_as_owner("GRANT USAGE ON SCHEMA past TO PUBLIC")
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = past, pg_catalog, public")
        try:
            yield
        finally:
            cursor.execute("RESET search_path")
            execute_as_owner("DROP SCHEMA past CASCADE")


def test_auditor_traces_a_change_and_exports_its_evidence(
    signed_in_page: SignedInPage, demo: Demo, delete_chain_checks: None, tmp_path: Path, database_url: str
) -> None:
    last_month = timezone.now().date() - timedelta(days=31)
    widened = datetime.combine(last_month, time(10, 20), tzinfo=UTC)
    key = demo.add_key(NAME, networks=(BEFORE, "10.0.0.0/8")).key
    jonas = as_actor(demo.people["jonas"], ip="198.51.100.7", request_id="req-of-that-day")
    with database_time(widened):
        allow_lists.change(actor=jonas, entry=key.allow_list.get(network=parse(BEFORE)).id, network=AFTER)
    add_denied_calls(key, widened)
    demo.add_rows()

    page = signed_in_page("priya")
    find_who_widened_it(page, last_month.isoformat())
    count_denied_calls_since(page, widened)
    export_evidence(page, key, tmp_path)
    verify_chain(page, database_url)


def add_denied_calls(key: Key, since: datetime) -> None:
    hour = since.replace(minute=0)
    UsageHour.objects.bulk_create(
        UsageHour(key_id=key.id, hour=hour + timedelta(hours=hours), outcome=outcome, count=count)
        for hours, outcome, count in [
            (-30, CallOutcome.ADDRESS, 500),
            (1, CallOutcome.OK, 90),
            (1, CallOutcome.ADDRESS, 12),
            (1, CallOutcome.SCOPE, 3),
            (5, CallOutcome.LIMITED, 1200),
        ]
    )
    LastDenial.objects.create(
        key_id=key.id, reason=CallOutcome.LIMITED, at=hour + timedelta(hours=5), address="203.0.7.9"
    )


def find_who_widened_it(page: Page, day: str) -> None:
    page.goto("/history/?organisation=northwind")
    page.get_by_role("button", name="Filter").click()
    page.get_by_label("From").fill(day)
    page.get_by_label("Until").fill(day)
    page.get_by_label("Action").select_option("IP range changed")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".filter-chip")).to_have_count(3)
    rows = page.locator("#event-rows tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(NAME)
    rows.get_by_role("link", name="IP range changed").click()
    panel = page.locator("#panel")
    expect(panel.locator("del")).to_have_text([BEFORE])
    expect(panel.locator("ins")).to_have_text([AFTER])
    expect(panel.locator(".meta")).to_contain_text("Jonas Lind")
    expect(panel.locator(".meta")).to_contain_text("198.51.100.7")
    expect(panel.locator(".meta")).to_contain_text("req-of-that-day")


def count_denied_calls_since(page: Page, widened: datetime) -> None:
    page.locator("#panel").get_by_role("link", name=NAME, exact=True).click()
    expect(page.get_by_role("heading", name=NAME, level=1)).to_be_visible()
    expect(page.get_by_role("link", name="Edit…")).to_have_count(0)
    page.get_by_role("link", name="View denied requests").click()
    page.get_by_label("Since", exact=True).fill(widened.date().isoformat())
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="1,215 requests denied since")).to_be_visible()
    day = f"{widened.day} {widened:%b %Y}"
    expect(page.get_by_role("region", name="By hour").locator("tbody tr")).to_have_text(
        [
            f"{day}, 15:00–16:00 Rate limited 1,200",
            f"{day}, 11:00–12:00 IP denied 12",
            f"{day}, 11:00–12:00 No permission 3",
        ]
    )


def export_evidence(page: Page, key: Key, folder: Path) -> None:
    """Both formats contain the one event of the key, and its hash can be computed again."""
    page.goto(f"/keys/{key.id}/")
    page.get_by_role("link", name="All events").click()
    expect(page.locator(".filter-chip")).to_contain_text(NAME)
    files = []
    for name in ("CSV", "JSON Lines"):
        with page.expect_download() as started:
            page.get_by_role("button", name=name, exact=True).click()
        files.append(folder / started.value.suggested_filename)
        started.value.save_as(files[-1])
    assert [file.suffix for file in files] == [".csv", ".jsonl"]
    with files[0].open(newline="", encoding="utf-8-sig") as file:
        (row,) = csv.DictReader(file)
    assert (row["actor"], row["type"], row["target"]) == ("Jonas Lind", "allow_list.changed", NAME)
    (line,) = files[1].read_text().splitlines()
    exported = json.loads(line)
    before, after = (
        exported["changes"]["networks"] if "networks" in exported["changes"] else exported["changes"]["network"]
    )
    assert (BEFORE in before, AFTER in after) == (True, True)
    assert exported["hash"] == row["hash"] == hash_of(exported)
    page.goto("/history/?type=history.exported")
    expect(page.locator("#event-rows tbody tr")).to_have_count(2)
    expect(page.locator("#event-rows tbody tr").first).to_contain_text("JSON Lines")


def hash_of(exported: dict[str, Any]) -> str:
    """The hash of an exported event as the documentation of exports defines it, computed without keyadmin."""
    actor, target = exported["actor"], exported["target"]
    fields = {
        "format": exported["format"],
        "number": exported["number"],
        "at": exported["at"],
        "type": exported["type"],
        "actor_kind": actor["kind"],
        "actor_id": actor["id"],
        "actor_label": actor["label"],
        "interface": actor["interface"],
        "ip": actor["ip"],
        "user_agent": actor["user_agent"],
        "request_id": exported["request_id"],
        "organisation_id": exported["organisation"],
        "organisation_label": exported["organisation_label"],
        "target_kind": target["kind"],
        "target_id": target["id"],
        "target_label": target["label"],
        "changes": exported["changes"],
        "reason": exported["reason"],
    }
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(bytes.fromhex(exported["previous_hash"]) + text.encode()).hexdigest()


def verify_chain(page: Page, database_url: str) -> None:
    """An operator verifies the chain; the page shows the last verified event. The auditor verifies it again."""
    environ = os.environ | database_environ(database_url)
    command = [sys.executable, "manage.py", "verify_history"]
    process = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    page.goto("/history/")
    number = ChainHead.objects.get().number
    verified = re.compile(rf"Chain verified up to event {number:,},\s+[0-9]+ [A-Z][a-z]+ [0-9]+, [0-9:]+ UTC\.")
    expect(page.locator(".chain")).to_have_text(verified)
    page.get_by_role("button", name="Verify now").click()
    expect(page.get_by_role("status").get_by_text("No problem found.")).to_be_visible()
    expect(page.locator(".chain")).to_have_text(verified)
