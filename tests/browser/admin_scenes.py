"""The scenes of people, permissions, channels, tiers, settings and the profile."""

import re
import secrets
from collections.abc import Callable
from typing import Final

from playwright.sync_api import Page, expect

from tests.browser.scenes import Place, dialog

PASSWORD_LINK = re.compile("link…$")


def open_page(page: Page, address: str, heading: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()


def open_people(page: Page) -> None:
    open_page(page, "/people/?organisation=northwind", "People & roles")


def open_person(page: Page) -> None:
    open_people(page)
    page.get_by_role("link", name="Jonas Lind", exact=True).click()
    expect(page.get_by_role("heading", name="Jonas Lind", level=1)).to_be_visible()


def opened(page: Page, link: str | re.Pattern[str]) -> None:
    page.get_by_role("main").get_by_role("link", name=link).first.click()
    expect(dialog(page)).to_be_visible()


def from_menu(page: Page, button: str, item: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_role("menuitem", name=item).click()
    expect(dialog(page)).to_be_visible()


def invite(page: Page, email: str = "") -> None:
    """Invite a person. Without an address, a new random one is used."""
    email = email or f"noor-{secrets.token_hex(4)}@northwind.example"
    open_people(page)
    opened(page, "Invite")
    dialog(page).get_by_label("Email", exact=True).fill(email)
    dialog(page).get_by_role("textbox", name="Name").fill("Noor Haddad")
    dialog(page).get_by_role("button", name="Invite").click()


def _invited(page: Page) -> None:
    invite(page)
    expect(dialog(page).get_by_role("button", name="Copy link")).to_be_visible()


def _invite_refused(page: Page) -> None:
    invite(page, "jonas@northwind.example")
    expect(dialog(page).get_by_text("Fix 1 problem to invite them.")).to_be_visible()


def _welcome(page: Page) -> None:
    _invited(page)
    page.goto(dialog(page).get_by_label("Link").input_value())
    expect(page.get_by_role("heading", name="Welcome, Noor")).to_be_visible()


def _link_ended(page: Page) -> None:
    _welcome(page)
    link, address = page.url, page.locator("[name=username]").input_value()
    page.goto(f"/people/?q={address}")
    page.get_by_role("link", name="Noor Haddad", exact=True).click()
    opened(page, PASSWORD_LINK)
    dialog(page).get_by_role("button", name="Create link").click()
    expect(dialog(page).get_by_role("button", name="Copy link")).to_be_visible()
    page.goto(link)
    expect(page.get_by_role("heading", name="This link no longer works")).to_be_visible()


def _no_person_matches(page: Page) -> None:
    page.goto("/people/?q=no-such-name")
    expect(page.get_by_text("No person matches")).to_be_visible()


def _filter(page: Page) -> None:
    open_people(page)
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_label("Role")).to_be_visible()


def _last_administrator(page: Page) -> None:
    page.goto("/people/?role=system-administrator")
    page.get_by_role("link", name="Maya Okafor", exact=True).click()
    page.goto(f"{page.url}deactivate/")
    expect(dialog(page).get_by_text("is the last system administrator.")).to_be_visible()


def open_permissions(page: Page) -> None:
    open_page(page, "/permissions/", "Permissions")


def _routes_refused(page: Page) -> None:
    open_permissions(page)
    from_menu(page, "Actions for Read chats", "Edit…")
    form = dialog(page)
    form.get_by_role("button", name="Add route").click()
    form.get_by_label("Path pattern").last.fill("/api/**/chats")
    form.get_by_role("button", name="Save").click()
    expect(dialog(page).get_by_text("can only be the last segment")).to_be_visible()


def open_channels(page: Page) -> None:
    open_page(page, "/channels/?organisation=northwind", "Channels")


def open_tiers(page: Page) -> None:
    open_page(page, "/tiers/", "Tiers")


def open_settings(page: Page) -> None:
    open_page(page, "/settings/?organisation=northwind", "Settings")


def _settings_refused(page: Page) -> None:
    open_settings(page)
    page.get_by_label("Key prefix").fill("9 lives")
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("Fix 1 problem to save the settings.")).to_be_visible()


def open_profile(page: Page) -> None:
    open_page(page, "/profile/", "Profile")


def after(first: Callable[[Page], None], then: Callable[[Page], None]) -> Place:
    def scene(page: Page) -> None:
        first(page)
        then(page)

    return Place(scene)


SCENES: Final[dict[str, Place]] = {
    "people": Place(open_people),
    "people-filter": Place(_filter),
    "people-none-match": Place(_no_person_matches),
    "person": Place(open_person),
    "invite": after(open_people, lambda page: opened(page, "Invite")),
    "invite-422": Place(_invite_refused, 422),
    "invited": Place(_invited),
    "welcome": Place(_welcome),
    "link-ended": Place(_link_ended, 410),
    "link": after(open_person, lambda page: opened(page, PASSWORD_LINK)),
    "person-edit": after(open_person, lambda page: opened(page, "Edit…")),
    "role": after(open_person, lambda page: opened(page, "Change the role in Northwind")),
    "role-remove": after(open_person, lambda page: opened(page, "Remove from Northwind")),
    "role-add": after(open_person, lambda page: opened(page, "Add…")),
    "system-role": after(open_person, lambda page: opened(page, "Change the system role")),
    "deactivate": after(open_person, lambda page: opened(page, "Deactivate…")),
    "last-administrator": Place(_last_administrator),
    "permissions": Place(open_permissions),
    "permission-new": after(open_permissions, lambda page: opened(page, "New permission")),
    "permission-edit": after(open_permissions, lambda page: from_menu(page, "Actions for Read chats", "Edit…")),
    "permission-422": Place(_routes_refused, 422),
    "permission-remove": after(open_permissions, lambda page: from_menu(page, "Actions for Read chats", "Remove…")),
    "channels": Place(open_channels),
    "channel-new": after(open_channels, lambda page: opened(page, "New channel")),
    "channel-remove": after(open_channels, lambda page: from_menu(page, "Actions for WhatsApp", "Remove…")),
    "channels-empty": Place(lambda page: open_page(page, "/channels/?organisation=fabrikam", "Channels")),
    "tiers": Place(open_tiers),
    "tier-edit": after(open_tiers, lambda page: from_menu(page, "Actions for Standard", "Edit…")),
    "tier-remove": after(open_tiers, lambda page: from_menu(page, "Actions for Standard", "Remove…")),
    "settings": Place(open_settings),
    "settings-422": Place(_settings_refused, 422),
    "settings-choose": Place(lambda page: open_page(page, "/settings/", "Settings")),
    "profile": Place(open_profile),
    "change-password": after(open_profile, lambda page: opened(page, "Change…")),
    "sign-out-everywhere": after(open_profile, lambda page: opened(page, "Sign out everywhere…")),
}
