"""Filters, the organisation switcher, charts by keyboard and touch, tips, toasts in dialogs, and the time zone."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from keyadmin.models import Bot, Person, Scope
from tests.browser.console import ConsoleRecorder
from tests.browser.contexts import SignedInPage
from tests.browser.demo import Demo
from tests.browser.scenes import choose_action, fill_create, modal, open_create, open_list


def query(page: Page) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(page.url).query, keep_blank_values=True))


# Filters.


def choose_filters(page: Page, **choices: str) -> None:
    page.locator("#filter-button").click()
    form = page.locator("#filter-form")
    for label, choice in choices.items():
        form.get_by_label(label.replace("_", " "), exact=True).select_option(label=choice)
    form.get_by_role("button", name="Show").click()


def test_filters_of_keys_are_chips_that_edit_and_remove_them(page: Page, demo: Demo) -> None:
    demo.add_rows()
    open_list(page)
    choose_filters(page, Owner="Concierge", Allowed_IPs="Restricted")
    bot = Bot.objects.get(name="Concierge")
    assert query(page) == {"organisation": "northwind", "bot": str(bot.id), "open": "limited"}
    chips = page.locator(".filter-chip")
    expect(chips).to_have_count(2)
    expect(chips.first).to_contain_text("Owner Concierge")
    chips.last.get_by_role("button").click()
    expect(page.locator("#filter-form").get_by_label("Allowed IPs")).to_be_focused()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Remove filter Owner Concierge").click()
    assert query(page) == {"organisation": "northwind", "open": "limited"}
    choose_filters(page, Order="Name")
    assert query(page)["sort"] == "name"
    choose_filters(page, Order="Newest first")
    assert query(page) == {"organisation": "northwind", "open": "limited"}


FORMS = ["/keys/", "/people/", "/history/", "/bots/", "/organisations/", "/security/public-keys/", "/channels/"]


@pytest.mark.parametrize("path", [*FORMS, "/usage/", "/security/allow-lists/"])
@pytest.mark.parametrize("has_javascript", [True, False])
def test_forms_with_filters_leave_out_empty_values(
    signed_in_page: SignedInPage, demo: Demo, path: str, has_javascript: bool
) -> None:
    demo.add_rows()
    page = signed_in_page("maya", java_script_enabled=has_javascript)
    page.goto(path)
    for form in range(page.locator("main form[method=get]").count()):
        page.goto(path)
        chosen = page.locator("main form[method=get]").nth(form)
        if chosen.get_attribute("id") == "selected-keys":
            continue
        if chosen.get_attribute("popover") is not None:
            page.locator("#filter-button").click()
            chosen.get_by_role("button").last.click()
        elif chosen.get_by_role("button").count():
            chosen.get_by_role("button").last.click()
        else:
            chosen.get_by_role("searchbox").press("Enter")
        page.wait_for_load_state("networkidle")
        assert "=&" not in page.url + "&", page.url


def test_emptied_search_leaves_the_url(page: Page, demo: Demo) -> None:
    demo.add_rows()
    open_list(page)
    search = page.get_by_role("searchbox", name="Search keys")
    search.fill("zapier")
    expect(page).to_have_url(re.compile("q=zapier"))
    search.fill("")
    expect(page).not_to_have_url(re.compile("q="))
    expect(page.get_by_role("link", name="CRM integration", exact=True)).to_be_visible()


# The organisation switcher.


def test_switcher_finds_an_organisation(page: Page, demo: Demo) -> None:
    page.goto("/keys/")
    button = page.locator("#switcher-button")
    expect(button).to_have_attribute("aria-expanded", "false")
    button.press("Enter")
    field = page.get_by_role("searchbox", name="Find an organisation")
    expect(field).to_be_focused()
    links = page.locator("#switcher-menu").get_by_role("link")
    expect(links).to_have_count(4)
    field.fill(" FABRI ")
    expect(links).to_have_count(1)
    field.fill("nothing")
    expect(page.get_by_text("No organisation matches.")).to_be_visible()
    field.fill("o")
    page.keyboard.press("ArrowDown")
    expect(links.first).to_be_focused()
    page.keyboard.press("End")
    expect(links.last).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")  # empties the field
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    button.click()
    field.fill("contoso")
    field.press("Enter")
    expect(page).to_have_url(re.compile("organisation=contoso"))


# Charts and tips.


def tip(page: Page) -> Locator:
    return page.locator("#tip:popover-open")


@pytest.mark.parametrize("path", ["/", "/usage/", "key"])
def test_chart_shows_each_day_to_the_keyboard(page: Page, demo: Demo, path: str) -> None:
    demo.add_rows()
    page.goto(f"/keys/{demo.keys['CRM integration'].key.id}/" if path == "key" else f"{path}?organisation=northwind")
    days = page.locator(".chart.wide-only .day")
    last = days.count() - 1
    assert last in (13, 29)
    page.locator(".chart.wide-only .day[tabindex='0']").focus()
    expect(days.last).to_be_focused()
    expect(tip(page)).to_contain_text("requests")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(days.nth(last - 2)).to_be_focused()
    expect(tip(page)).to_have_text(days.nth(last - 2).get_attribute("aria-label") or "")
    page.keyboard.press("Home")
    expect(days.first).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(days.first).to_be_focused()
    page.keyboard.press("Escape")
    expect(tip(page)).to_have_count(0)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(days.first).to_be_focused()


def test_chart_shows_the_touched_day(signed_in_page: SignedInPage, demo: Demo) -> None:
    demo.add_rows()
    page = signed_in_page("maya", has_touch=True, is_mobile=True, viewport={"width": 390, "height": 800})
    page.goto("/usage/?organisation=northwind")
    day = page.locator(".chart.narrow-only .day").nth(20)
    day.tap()
    expect(tip(page)).to_have_text(day.get_attribute("aria-label") or "")


def test_permissions_that_do_not_fit_are_shown_on_focus(page: Page, demo: Demo) -> None:
    names = list(Scope.objects.exclude(name="users:impersonate").values_list("name", flat=True))
    demo.add_key("Wide", scopes=names)
    open_list(page)
    more = page.locator(".chip.more").first
    label = more.get_attribute("title") or ""
    assert label.count(",") > 1
    more.focus()
    expect(tip(page)).to_have_text(label)
    expect(more).to_have_attribute("aria-describedby", "tip")


# Toasts.


@pytest.mark.parametrize("size", [{"width": 1280, "height": 800}, {"width": 390, "height": 500}])
@pytest.mark.parametrize("form", ["create", "delete", "filled"])
def test_toasts_never_cover_the_foot_of_a_dialog(
    signed_in_page: SignedInPage, demo: Demo, form: str, size: dict[str, int]
) -> None:
    demo.add_rows()
    page = signed_in_page("maya", viewport=size)
    if form == "create":
        open_create(page)
    elif form == "delete":
        open_list(page)
        choose_action(page, "Zapier trial", "Delete…")
    else:
        fill_create(page)
    for number in range(3):
        toast = {"message": f"Not saved. Check your connection and try again. {number}", "level": "error"}
        page.evaluate("(detail) => document.dispatchEvent(new CustomEvent('toast', {detail}))", toast)
        expect_apart(page)
    if form == "filled":
        modal(page).get_by_label("Add an IP address or range").fill("\n".join(f"192.0.2.{n}" for n in range(9)))
        expect_apart(page)
    page.set_viewport_size({"width": size["width"], "height": size["height"] - 90})
    expect_apart(page)


def expect_apart(page: Page) -> None:
    """The toasts and the foot of the dialog do not overlap, and the toasts are in the window."""
    expect(page.locator("#toasts .toast").first).to_be_in_viewport()
    page.wait_for_function(
        """() => {
          const box = (selector) => document.querySelector(selector).getBoundingClientRect();
          const toasts = box("#toasts"), foot = box("dialog:modal .dialog-foot");
          return toasts.height > 0 && (toasts.bottom <= foot.top || toasts.top >= foot.bottom) && toasts.top >= 0;
        }"""
    )


# The time zone.


def test_time_zone_is_found_by_city_and_applies_to_times(page: Page, demo: Demo) -> None:
    demo.add_rows()
    page.goto("/profile/")
    field = page.get_by_role("combobox", name="Time zone")
    field.fill("kolkata")
    page.get_by_role("button", name="Save profile").click()
    expect(page.get_by_text("Profile saved")).to_be_visible()
    expect(field).to_have_value("Asia/Kolkata")
    open_list(page)
    time = page.locator("table time").first
    time.focus()
    expect(tip(page)).to_contain_text("UTC")
    expect(tip(page)).to_contain_text("your time")
    utc, local = tip(page).locator("span").all_inner_texts()
    minutes = {text: int(re.findall(r":(\d\d)", text)[0]) for text in (utc, local)}
    assert (minutes[local] - minutes[utc]) % 60 == 30


@pytest.mark.parametrize("zone", ["Asia/Calcutta", "Mars/Olympus"])
def test_time_zone_that_is_no_longer_offered_breaks_nothing(
    page: Page, demo: Demo, console: ConsoleRecorder, zone: str
) -> None:
    demo.add_rows()
    Person.objects.filter(id=demo.people["maya"].id).update(time_zone=zone)
    open_list(page)
    page.locator("table time").first.focus()
    expect(tip(page)).to_contain_text("your time")
    page.goto("/profile/")
    page.get_by_role("textbox", name="Name", exact=True).fill("Maya O.")
    page.get_by_role("button", name="Save profile").click()
    expect(page.get_by_text("Profile saved")).to_be_visible()
    assert Person.objects.get(id=demo.people["maya"].id).time_zone == zone
