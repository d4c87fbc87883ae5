"""Errors between the browser and the server: no connection, an ended session, a lost role, a conflict."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from keyadmin.models import Key, Membership
from tests.browser.console import ConsoleRecorder
from tests.browser.contexts import SignedInPage
from tests.browser.demo import PASSWORD, Demo
from tests.browser.scenes import choose_action, fill_create, modal, open_list, open_menu

NAME = "CRM integration"
NOT_SAVED = "Not saved. Check your connection and try again."


def expect_error(page: Page, text: str | re.Pattern[str]) -> None:
    """An error toast, which stays until it is dismissed."""
    expect(page.locator("#toasts .is-error").filter(has_text=text)).to_be_visible()


def fill_sign_in(page: Page, email: str, password: str) -> None:
    """Fill in the sign-in that has opened over the page."""
    dialog = page.get_by_role("dialog", name="Sign in")
    expect(dialog.get_by_text("Your session ended. Sign in to continue. What you entered is kept.")).to_be_visible()
    dialog.get_by_label("Email").fill(email)
    dialog.get_by_label("Password", exact=True).fill(password)
    dialog.get_by_role("button", name="Sign in").click()


def test_form_of_an_ended_session_is_saved_after_signing_in_over_it(
    page: Page, demo: Demo, console: ConsoleRecorder
) -> None:
    console.allow_status(401)
    form = fill_create(page)
    page.context.clear_cookies()
    form.get_by_role("button", name="Create key").click()
    fill_sign_in(page, demo.people["maya"].email, "wrong horse battery staple")
    expect(page.get_by_role("dialog", name="Sign in").get_by_role("alert").first).to_contain_text("password")
    fill_sign_in(page, demo.people["maya"].email, PASSWORD)
    expect(modal(page).get_by_role("heading", name="Save your secret now")).to_be_visible()
    assert list(Key.objects.filter(organisation=demo.northwind).values_list("name", flat=True)) == ["CRM sync"]


def test_dismissed_sign_in_keeps_the_form_and_what_was_typed(page: Page, demo: Demo, console: ConsoleRecorder) -> None:
    console.allow_status(401)
    demo.add_key(NAME)
    open_list(page)
    form = choose_action(page, NAME, "Revoke…")
    form.get_by_label("Reason").fill("The partner left.")
    page.context.clear_cookies(name="sessionid")
    form.get_by_role("button", name="Revoke key").click()
    page.get_by_role("button", name="Not now").click()
    expect(form.get_by_label("Reason")).to_have_value("The partner left.")
    form.get_by_role("button", name="Revoke key").click()
    fill_sign_in(page, demo.people["maya"].email, PASSWORD)
    expect(page.locator("#toasts").get_by_text("Key revoked")).to_be_visible()
    assert Key.objects.get(name=NAME).revoked_reason == "The partner left."


def test_other_person_who_signs_in_does_not_send_the_form(page: Page, demo: Demo, console: ConsoleRecorder) -> None:
    console.allow_status(401)
    form = fill_create(page)
    page.context.clear_cookies()
    form.get_by_role("button", name="Create key").click()
    with page.expect_navigation():
        fill_sign_in(page, demo.people["jonas"].email, PASSWORD)
    assert not Key.objects.filter(organisation=demo.northwind).exists()


@pytest.mark.parametrize("cookie", [None, "replaced"])
def test_form_with_an_old_csrf_token_is_saved(
    page: Page, demo: Demo, console: ConsoleRecorder, base_url: str, cookie: str | None
) -> None:
    """As after a sign-in in another tab, or when the browser dropped the cookie."""
    console.allow_status(403)
    demo.add_key(NAME)
    open_list(page)
    form = choose_action(page, NAME, "Revoke…")
    form.get_by_label("Reason").fill("The partner left.")
    page.context.clear_cookies(name="csrftoken")
    if cookie:
        page.context.add_cookies([{"name": "csrftoken", "value": "r" * 32, "url": base_url}])
    form.get_by_role("button", name="Revoke key").click()
    expect(page.locator("#toasts").get_by_text("Key revoked")).to_be_visible()
    expect(page.locator("#toasts .is-error")).to_have_count(0)
    assert Key.objects.get(name=NAME).revoked_reason == "The partner left."


@pytest.mark.parametrize("origin", ["null", "https://other.example"])
def test_form_from_a_foreign_origin_names_it_and_stays(
    page: Page, demo: Demo, console: ConsoleRecorder, origin: str
) -> None:
    console.allow_status(403)
    demo.add_key(NAME)
    open_list(page)
    form = choose_action(page, NAME, "Revoke…")
    form.get_by_label("Reason").fill("The partner left.")

    def send_from_origin(route: Route) -> None:
        route.fulfill(response=route.fetch(headers=route.request.headers | {"origin": origin}))

    page.route("**/revoke/", send_from_origin)
    form.get_by_role("button", name="Revoke key").click()
    expect_error(page, f"the browser sent this form from “{origin}”")
    expect(form.get_by_label("Reason")).to_have_value("The partner left.")


def test_wrong_password_shows_an_error_and_keeps_the_email(
    new_context: object, signed_in_page: SignedInPage, demo: Demo
) -> None:
    page = signed_in_page("maya")
    page.context.clear_cookies()
    page.goto("/account/login/")
    page.get_by_label("Email").fill(demo.people["maya"].email)
    page.get_by_label("Password", exact=True).fill("wrong")
    show = page.get_by_role("button", name=re.compile("[Ss]how password"))
    show.click()
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value(demo.people["maya"].email)
    expect(page.get_by_label("Password", exact=True)).to_have_value("")


def test_form_sent_offline_keeps_input_and_can_be_retried(page: Page, demo: Demo, console: ConsoleRecorder) -> None:
    console.allow("ERR_INTERNET_DISCONNECTED", "^error: htmx:sendError", "^error: htmx:afterRequest")
    form = fill_create(page)
    page.context.set_offline(True)
    form.get_by_role("button", name="Create key").click()
    expect_error(page, NOT_SAVED)
    expect(form.get_by_role("textbox", name="Name", exact=True)).to_have_value("CRM sync")
    page.context.set_offline(False)
    page.get_by_role("button", name="Retry").click()
    expect(modal(page).get_by_role("heading", name="Save your secret now")).to_be_visible()
    expect(page.locator("#toasts .is-error")).to_have_count(0)


def test_failed_search_can_be_retried(page: Page, demo: Demo, console: ConsoleRecorder) -> None:
    demo.add_key("Zapier trial")
    demo.add_key("Payroll")
    console.allow("ERR_INTERNET_DISCONNECTED", "^error: htmx:sendError", "^error: htmx:afterRequest")
    open_list(page)
    page.context.set_offline(True)
    page.get_by_label("Search keys").fill("zap")
    expect_error(page, "Check your connection")
    page.context.set_offline(False)
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("link", name="Payroll", exact=True)).to_have_count(0)
    expect(page.get_by_role("link", name="Zapier trial", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("q=zap"))


def test_server_error_in_dialog_is_shown_and_dismissed(page: Page, demo: Demo, console: ConsoleRecorder) -> None:
    console.allow_status(503)
    demo.add_key(NAME)
    open_list(page)
    dialog = choose_action(page, NAME, "Revoke…")
    page.route("**/revoke/", lambda route: route.fulfill(status=503, body=""))
    dialog.get_by_role("button", name="Revoke key").click()
    expect_error(page, NOT_SAVED)
    dialog.get_by_role("button", name="Revoke key").click()
    expect(page.locator("#toasts .toast")).to_have_count(1)
    assert page.evaluate("document.getElementById('toasts').closest('dialog:modal') !== null")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator("#toasts .toast")).to_have_count(0)
    page.unroute("**/revoke/")
    dialog.get_by_role("button", name="Revoke key").click()
    expect(page.locator("#toasts").get_by_text("Key revoked")).to_be_visible()


def test_dialog_that_fails_to_load_can_be_retried(page: Page, demo: Demo, console: ConsoleRecorder) -> None:
    console.allow_status(500)
    open_list(page)

    page.route(re.compile("/keys/create/"), lambda route: route.fulfill(status=500, body=""), times=1)
    page.get_by_role("link", name="Create key").click()
    expect_error(page, "Not loaded. Check your connection and try again.")
    page.get_by_role("button", name="Retry").click()
    expect(modal(page).get_by_role("heading", name="Create API key")).to_be_visible()


def test_action_after_losing_the_role_shows_an_error(
    signed_in_page: SignedInPage, demo: Demo, console: ConsoleRecorder
) -> None:
    console.allow_status(403)
    demo.add_key(NAME)
    page = signed_in_page("jonas")
    open_list(page)
    dialog = choose_action(page, NAME, "Revoke…")
    Membership.objects.filter(person=demo.people["jonas"]).update(role="auditor")
    dialog.get_by_role("button", name="Revoke key").click()
    expect_error(page, "You don’t have permission to revoke this key. Ask an owner of Northwind.")


def test_revoking_a_revoked_key_shows_an_error(
    page: Page, signed_in_page: SignedInPage, demo: Demo, console: ConsoleRecorder
) -> None:
    console.allow_status(409)
    demo.add_key(NAME)
    open_list(page)
    dialog = choose_action(page, NAME, "Revoke…")
    other = signed_in_page("jonas")
    open_list(other)
    choose_action(other, NAME, "Revoke…").get_by_role("button", name="Revoke key").click()
    expect(other.locator("#toasts").get_by_text("Key revoked")).to_be_visible()
    dialog.get_by_role("button", name="Revoke key").click()
    expect_error(page, "This key is already revoked.")


def test_action_on_a_deleted_key_names_who_deleted_it(
    page: Page, signed_in_page: SignedInPage, demo: Demo, console: ConsoleRecorder
) -> None:
    console.allow_status(404)
    demo.add_key(NAME)
    open_list(page)
    other = signed_in_page("jonas")
    open_list(other)
    dialog = choose_action(other, NAME, "Delete…")
    dialog.get_by_role("textbox").fill(NAME)
    dialog.get_by_role("button", name="Delete key").click()
    expect(other.locator("#toasts").get_by_text("Key deleted")).to_be_visible()
    open_menu(page, NAME).get_by_role("menuitem", name="Revoke…").click()
    expect_error(page, re.compile(r"This key was deleted on .* by Jonas Lind\."))


@pytest.mark.parametrize("person", ["priya", "asha"])
def test_auditor_reads_keys_and_cannot_change_them(
    signed_in_page: SignedInPage, demo: Demo, console: ConsoleRecorder, person: str
) -> None:
    demo.add_rows()
    page = signed_in_page(person)
    open_list(page)
    expect(page.get_by_role("link", name="Create key")).to_have_count(0)
    page.keyboard.press("c")
    expect(modal(page)).to_have_count(0)
    items = open_menu(page, NAME).get_by_role("menuitem")
    expect(items).to_have_text(["View", "Copy key ID"])
    items.first.click()
    expect(page.get_by_role("heading", name=NAME, level=1)).to_be_visible()
    for name in ("Revoke…", "Reactivate…", "Delete…"):
        expect(page.get_by_role("link", name=name)).to_have_count(0)

    console.allow_status(403)
    page.evaluate(
        "(id) => htmx.ajax('GET', `/keys/${id}/revoke/`, {target: '#dialog-slot'})", str(demo.keys[NAME].key.id)
    )
    expect_error(page, "You don’t have permission to revoke this key. Ask an owner of Northwind.")
    expect(modal(page)).to_have_count(0)


def test_person_without_role_sees_no_access_page(
    signed_in_page: SignedInPage, demo: Demo, console: ConsoleRecorder
) -> None:
    console.allow_status(403)
    page = signed_in_page("sam")
    page.goto("/")
    expect(page.get_by_role("heading", name="No access yet")).to_be_visible()
    page.locator("main").get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
