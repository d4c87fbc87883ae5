"""Many keys are revoked in the background: selection, dialog, progress, Stop and result."""

import re
from typing import Final
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from keyadmin.models import BulkRevocation, Key
from keyadmin.operations.keys import bulk_revocation
from tests.browser.contexts import SignedInPage
from tests.browser.demo import Demo
from tests.browser.scenes import modal, open_list
from tests.factories import as_actor

COUNT: Final = 105


@pytest.fixture
def tills(demo: Demo) -> list[Key]:
    demo.add_key("Other key")
    return [demo.add_key(f"Till {number:03}").key for number in range(COUNT)]


def start(demo: Demo, keys: list[Key]) -> UUID:
    actor = as_actor(demo.people["maya"])
    return bulk_revocation.start(actor=actor, keys=[key.id for key in keys], reason="New tills").id


def revoke_some(revocation: UUID, count: int) -> None:
    for _ in range(count):
        bulk_revocation.run(revocation, seconds=0)


def focused(page: Page) -> str:
    name: str = page.evaluate("document.activeElement.id || document.activeElement.tagName")
    return name


def test_all_keys_that_match_are_revoked_in_the_background(page: Page, demo: Demo, tills: list[Key]) -> None:
    open_list(page, "&q=Till")
    page.get_by_role("checkbox", name="Select Till 104").check()
    page.get_by_role("button", name=f"Select all {COUNT} that match").click()
    expect(page.get_by_text(f"All {COUNT} that match are selected")).to_be_visible()
    page.get_by_role("button", name="Only the 20 on this page").click()
    expect(page.get_by_text("20 keys selected")).to_be_visible()
    page.get_by_role("button", name=f"Select all {COUNT} that match").click()
    page.get_by_role("button", name=f"Revoke {COUNT} keys…").click()
    dialog = modal(page)
    expect(dialog.get_by_role("heading", name=f"Revoke {COUNT} keys?")).to_be_visible()
    later = demo.add_key("Till, created after the dialog was opened").key
    revoke = dialog.get_by_role("button", name=f"Revoke {COUNT} keys")
    expect(revoke).to_be_disabled()
    dialog.get_by_label(f"Type {COUNT} to confirm").fill(f"{COUNT}")
    dialog.get_by_label("Reason").fill("New tills")
    revoke.click()
    expect(page.get_by_role("heading", name=f"Revoking {COUNT} keys", level=1)).to_be_visible()
    revocation = BulkRevocation.objects.get().id
    revoke_some(revocation, 40)
    expect(page.get_by_text(f"40 of {COUNT} revoked")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "40")
    expect(page.locator("#found")).to_have_text(re.compile(rf"^\d+ of {COUNT} keys revoked$"))
    bulk_revocation.run(revocation, seconds=60)
    expect(page.get_by_role("heading", name=f"{COUNT} keys revoked", level=1)).to_be_visible()
    expect(page).to_have_title(f"{COUNT} keys revoked · keyadmin")
    expect(page.get_by_text(f"1–20 of {COUNT}")).to_be_visible()
    assert list(Key.objects.filter(organisation=demo.northwind, revoked_at=None).order_by("name")) == [
        demo.keys["Other key"].key,
        later,
    ]


def test_stop_keeps_what_is_revoked_and_the_focus(page: Page, demo: Demo, tills: list[Key]) -> None:
    revocation = start(demo, tills)
    revoke_some(revocation, 3)
    page.goto(f"/keys/revoke/{revocation}/")
    stop = page.get_by_role("button", name="Stop")
    stop.focus()
    revoke_some(revocation, 2)
    expect(page.get_by_text("Stopping keeps the 5 keys revoked and leaves the rest as they are.")).to_be_visible()
    assert focused(page) == "stop"
    stop.press("Enter")
    heading = page.get_by_role("heading", name=f"5 keys revoked, {COUNT - 5} left as they are", level=1)
    expect(heading).to_be_focused()
    assert bulk_revocation.run(revocation) is False
    page.get_by_role("link", name="Revoke the rest…").click()
    expect(modal(page).get_by_role("heading", name=f"Revoke {COUNT - 5} keys?")).to_be_visible()


def test_progress_without_javascript(signed_in_page: SignedInPage, demo: Demo, tills: list[Key]) -> None:
    revocation = start(demo, tills[:3])
    page = signed_in_page("maya", java_script_enabled=False)
    page.goto(f"/keys/revoke/{revocation}/")
    expect(page.get_by_text("0 of 3 revoked")).to_be_visible()
    revoke_some(revocation, 1)
    page.get_by_role("link", name="Reload to see the progress").click()
    expect(page.get_by_text("1 of 3 revoked")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("heading", name="1 key revoked, 2 left as they are", level=1)).to_be_visible()
