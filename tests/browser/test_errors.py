"""When something goes wrong between the browser and the server."""

import re

import pytest
from playwright.sync_api import Page, expect

from keyadmin.models import Membership
from tests.browser.conftest import PageOf
from tests.browser.record import Record
from tests.browser.scenes import KEYS, act, dialog, fill_create, open_list, open_menu
from tests.browser.world import PASSWORD, World

NAME = "CRM integration"
NOT_SAVED = "Not saved. Check your connection and try again."


def error(page: Page, words: str | re.Pattern[str]) -> None:
    """The toast that stays."""
    expect(page.locator("#toasts .is-error").filter(has_text=words)).to_be_visible()


def test_signed_out_in_a_dialog(page: Page, world: World, address: str) -> None:
    maya = world.people["maya"]
    form = fill_create(page)
    page.context.clear_cookies(name="sessionid")
    form.get_by_role("button", name="Create key").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Email").fill(maya.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{address}{KEYS}")


def test_wrong_password_says_little(new_context: object, page_of: PageOf, world: World) -> None:
    page = page_of("maya")
    page.context.clear_cookies()
    page.goto("/account/login/")
    page.get_by_label("Email").fill(world.people["maya"].email)
    page.get_by_label("Password", exact=True).fill("wrong")
    show = page.get_by_role("button", name=re.compile("[Ss]how password"))
    show.click()
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value(world.people["maya"].email)
    expect(page.get_by_label("Password", exact=True)).to_have_value("")


def test_offline_keeps_what_was_typed_and_retries(page: Page, world: World, record: Record) -> None:
    record.expect("ERR_INTERNET_DISCONNECTED", "^error: htmx:sendError", "^error: htmx:afterRequest")
    form = fill_create(page)
    page.context.set_offline(True)
    form.get_by_role("button", name="Create key").click()
    error(page, NOT_SAVED)
    expect(form.get_by_role("textbox", name="Name", exact=True)).to_have_value("CRM sync")
    page.context.set_offline(False)
    page.get_by_role("button", name="Retry").click()
    expect(dialog(page).get_by_role("heading", name="Save your secret now")).to_be_visible()
    expect(page.locator("#toasts .is-error")).to_have_count(0)


def test_a_search_that_failed_is_asked_again(page: Page, world: World, record: Record) -> None:
    world.key("Zapier trial")
    world.key("Payroll")
    record.expect("ERR_INTERNET_DISCONNECTED", "^error: htmx:sendError", "^error: htmx:afterRequest")
    open_list(page)
    page.context.set_offline(True)
    page.get_by_label("Search keys").fill("zap")
    error(page, "Check your connection")
    page.context.set_offline(False)
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("link", name="Payroll", exact=True)).to_have_count(0)
    expect(page.get_by_role("link", name="Zapier trial", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("q=zap"))


def test_a_broken_server_says_so_and_can_be_dismissed(page: Page, world: World, record: Record) -> None:
    record.expect_status(503)
    world.key(NAME)
    open_list(page)
    asked = act(page, NAME, "Revoke…")
    page.route("**/revoke/", lambda route: route.fulfill(status=503, body=""))
    asked.get_by_role("button", name="Revoke key").click()
    error(page, NOT_SAVED)
    asked.get_by_role("button", name="Revoke key").click()
    expect(page.locator("#toasts .toast")).to_have_count(1)
    assert page.evaluate("document.getElementById('toasts').closest('dialog:modal') !== null")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator("#toasts .toast")).to_have_count(0)
    page.unroute("**/revoke/")
    asked.get_by_role("button", name="Revoke key").click()
    expect(page.locator("#toasts").get_by_text("Key revoked")).to_be_visible()


def test_a_dialog_that_does_not_load(page: Page, world: World, record: Record) -> None:
    record.expect_status(500)
    open_list(page)

    page.route(re.compile("/keys/create/"), lambda route: route.fulfill(status=500, body=""), times=1)
    page.get_by_role("link", name="Create key").click()
    error(page, "Not loaded. Check your connection and try again.")
    page.get_by_role("button", name="Retry").click()
    expect(dialog(page).get_by_role("heading", name="Create API key")).to_be_visible()


def test_forbidden_meanwhile(page_of: PageOf, world: World, record: Record) -> None:
    record.expect_status(403)
    world.key(NAME)
    page = page_of("jonas")
    open_list(page)
    asked = act(page, NAME, "Revoke…")
    Membership.objects.filter(person=world.people["jonas"]).update(role="auditor")
    asked.get_by_role("button", name="Revoke key").click()
    error(page, "You don’t have permission to revoke this key. Ask an owner of Northwind.")


def test_somebody_else_was_faster(page: Page, page_of: PageOf, world: World, record: Record) -> None:
    record.expect_status(409)
    world.key(NAME)
    open_list(page)
    asked = act(page, NAME, "Revoke…")
    other = page_of("jonas")
    open_list(other)
    act(other, NAME, "Revoke…").get_by_role("button", name="Revoke key").click()
    expect(other.locator("#toasts").get_by_text("Key revoked")).to_be_visible()
    asked.get_by_role("button", name="Revoke key").click()
    error(page, "This key is already revoked.")


def test_deleted_meanwhile(page: Page, page_of: PageOf, world: World, record: Record) -> None:
    record.expect_status(404)
    world.key(NAME)
    open_list(page)
    other = page_of("jonas")
    open_list(other)
    asked = act(other, NAME, "Delete…")
    asked.get_by_role("textbox").fill(NAME)
    asked.get_by_role("button", name="Delete key").click()
    expect(other.locator("#toasts").get_by_text("Key deleted")).to_be_visible()
    open_menu(page, NAME).get_by_role("menuitem", name="Revoke…").click()
    error(page, re.compile(r"This key was deleted on .* by Jonas Lind\."))


@pytest.mark.parametrize("who", ["priya", "asha"])
def test_an_auditor_reads_and_acts_on_nothing(page_of: PageOf, world: World, record: Record, who: str) -> None:
    world.demonstration()
    page = page_of(who)
    open_list(page)
    expect(page.get_by_role("link", name="Create key")).to_have_count(0)
    page.keyboard.press("c")
    expect(dialog(page)).to_have_count(0)
    items = open_menu(page, NAME).get_by_role("menuitem")
    expect(items).to_have_text(["View", "Copy key ID"])
    items.first.click()
    expect(page.get_by_role("heading", name=NAME, level=1)).to_be_visible()
    for name in ("Revoke…", "Reactivate…", "Delete…"):
        expect(page.get_by_role("link", name=name)).to_have_count(0)

    record.expect_status(403)
    page.evaluate(
        "(id) => htmx.ajax('GET', `/keys/${id}/revoke/`, {target: '#dialog-slot'})", str(world.keys[NAME].key.id)
    )
    error(page, "You don’t have permission to revoke this key. Ask an owner of Northwind.")
    expect(dialog(page)).to_have_count(0)


def test_who_has_no_role_sees_nothing(page_of: PageOf, world: World, record: Record) -> None:
    record.expect_status(403)
    page = page_of("sam")
    page.goto("/")
    expect(page.get_by_role("heading", name="No access yet")).to_be_visible()
    page.locator("main").get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
