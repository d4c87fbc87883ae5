"""The scenes of people, permissions, channels, tiers, settings and the profile."""

import re
import secrets
from typing import Final

from playwright.sync_api import Page, expect

from tests.browser.scenes import Scene, in_steps, modal, open_dialog

PASSWORD_LINK = re.compile("link…$")


def open_page(page: Page, path: str, heading: str) -> None:
    page.goto(path)
    expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()


def open_people(page: Page) -> None:
    open_page(page, "/people/?organisation=northwind", "People & roles")


def open_person(page: Page) -> None:
    open_people(page)
    page.get_by_role("link", name="Jonas Lind", exact=True).click()
    expect(page.get_by_role("heading", name="Jonas Lind", level=1)).to_be_visible()


def choose_from_menu(page: Page, button: str, item: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_role("menuitem", name=item).click()
    expect(modal(page)).to_be_visible()


def invite(page: Page, email: str = "") -> None:
    """Invite a person. Without an address, a new random one is used."""
    email = email or f"noor-{secrets.token_hex(4)}@northwind.example"
    open_people(page)
    open_dialog(page, "Invite")
    modal(page).get_by_role("textbox", name="Email").fill(email)
    modal(page).get_by_role("textbox", name="Name").fill("Noor Haddad")
    modal(page).get_by_role("button", name="Invite").click()


def _invited(page: Page) -> None:
    invite(page)
    expect(modal(page).get_by_role("button", name="Copy link")).to_be_visible()


def _invite_invalid(page: Page) -> None:
    invite(page, "jonas@northwind.example")
    expect(modal(page).get_by_text("Fix 1 problem to invite them.")).to_be_visible()


def _welcome(page: Page) -> None:
    _invited(page)
    page.goto(modal(page).get_by_label("Link").input_value())
    expect(page.get_by_role("heading", name="Welcome, Noor")).to_be_visible()


def _link_expired(page: Page) -> None:
    _welcome(page)
    link = page.url
    open_people(page)
    page.get_by_role("link", name="New invitation link for Noor Haddad").first.click()
    expect(modal(page)).to_be_visible()
    modal(page).get_by_role("button", name="Create link").click()
    expect(modal(page).get_by_role("button", name="Copy link")).to_be_visible()
    page.goto(link)
    expect(page.get_by_role("heading", name="This link no longer works")).to_be_visible()


def _withdraw_invitation(page: Page) -> None:
    _invited(page)
    open_people(page)
    page.get_by_role("link", name="Withdraw the invitation of Noor Haddad").first.click()
    expect(modal(page).get_by_role("button", name="Withdraw")).to_be_visible()


def _no_person_matches(page: Page) -> None:
    page.goto("/people/?q=no-such-name")
    expect(page.get_by_text("No person matches")).to_be_visible()


def _people_filter(page: Page) -> None:
    open_people(page)
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_label("Role")).to_be_visible()


def _last_administrator(page: Page) -> None:
    page.goto("/people/?role=system-administrator")
    page.get_by_role("link", name="Maya Okafor", exact=True).click()
    page.goto(f"{page.url}deactivate/")
    expect(modal(page).get_by_text("is the last system administrator.")).to_be_visible()


def open_permissions(page: Page) -> None:
    open_page(page, "/permissions/", "Permissions")


def _route_invalid(page: Page) -> None:
    open_permissions(page)
    choose_from_menu(page, "Actions for Read chats", "Edit…")
    form = modal(page)
    form.get_by_role("button", name="Add route").click()
    form.get_by_label("Path pattern").last.fill("/api/**/chats")
    form.get_by_role("button", name="Save").click()
    expect(modal(page).get_by_text("can only be the last segment")).to_be_visible()


def open_channels(page: Page) -> None:
    open_page(page, "/channels/?organisation=northwind", "Channels")


def open_tiers(page: Page) -> None:
    open_page(page, "/tiers/", "Tiers")


def open_settings(page: Page) -> None:
    open_page(page, "/settings/?organisation=northwind", "Settings")


def _settings_invalid(page: Page) -> None:
    open_settings(page)
    page.get_by_role("textbox", name="Key prefix").fill("9 lives")
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("Fix 1 problem to save the settings.")).to_be_visible()


def open_profile(page: Page) -> None:
    open_page(page, "/profile/", "Profile")


SCENES: Final[dict[str, Scene]] = {
    "people": Scene(open_people),
    "people-filter": Scene(_people_filter),
    "people-none-match": Scene(_no_person_matches),
    "person": Scene(open_person),
    "invite": in_steps(open_people, lambda page: open_dialog(page, "Invite")),
    "invite-422": Scene(_invite_invalid, 422),
    "invited": Scene(_invited),
    "welcome": Scene(_welcome),
    "link-ended": Scene(_link_expired, 410),
    "invitation-withdraw": Scene(_withdraw_invitation),
    "own-invitations": Scene(lambda page: open_page(page, "/invitations/", "Invitations")),
    "link": in_steps(open_person, lambda page: open_dialog(page, PASSWORD_LINK)),
    "person-edit": in_steps(open_person, lambda page: open_dialog(page, "Edit…")),
    "role": in_steps(open_person, lambda page: open_dialog(page, "Change the role in Northwind")),
    "role-remove": in_steps(open_person, lambda page: open_dialog(page, "Remove from Northwind")),
    "role-add": in_steps(open_person, lambda page: open_dialog(page, "Add…")),
    "system-role": in_steps(open_person, lambda page: open_dialog(page, "Change the system role")),
    "deactivate": in_steps(open_person, lambda page: open_dialog(page, "Deactivate…")),
    "last-administrator": Scene(_last_administrator),
    "permissions": Scene(open_permissions),
    "permission-new": in_steps(open_permissions, lambda page: open_dialog(page, "New permission")),
    "permission-edit": in_steps(
        open_permissions, lambda page: choose_from_menu(page, "Actions for Read chats", "Edit…")
    ),
    "permission-422": Scene(_route_invalid, 422),
    "permission-remove": in_steps(
        open_permissions, lambda page: choose_from_menu(page, "Actions for Read chats", "Remove…")
    ),
    "channels": Scene(open_channels),
    "channel-new": in_steps(open_channels, lambda page: open_dialog(page, "New channel")),
    "channel-remove": in_steps(open_channels, lambda page: choose_from_menu(page, "Actions for WhatsApp", "Remove…")),
    "channels-empty": Scene(lambda page: open_page(page, "/channels/?organisation=fabrikam", "Channels")),
    "tiers": Scene(open_tiers),
    "tier-edit": in_steps(open_tiers, lambda page: choose_from_menu(page, "Actions for Standard", "Edit…")),
    "tier-remove": in_steps(open_tiers, lambda page: choose_from_menu(page, "Actions for Standard", "Remove…")),
    "settings": Scene(open_settings),
    "settings-422": Scene(_settings_invalid, 422),
    "settings-choose": Scene(lambda page: open_page(page, "/settings/", "Settings")),
    "profile": Scene(open_profile),
    "change-password": in_steps(open_profile, lambda page: open_dialog(page, "Change…")),
    "sign-out-everywhere": in_steps(open_profile, lambda page: open_dialog(page, "Sign out everywhere…")),
}
