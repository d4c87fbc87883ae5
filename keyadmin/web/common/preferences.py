"""Preferences of a browser, each in a cookie: the theme, and whether single-key shortcuts work (WCAG 2.1.4)."""

from typing import Final

from django.http import HttpRequest

COOKIE_MAX_AGE_SECONDS: Final = 365 * 24 * 60 * 60

THEME_COOKIE: Final = "keyadmin_theme"
THEMES: Final = ("auto", "light", "dark")

SHORTCUTS_COOKIE: Final = "keyadmin_shortcuts"
SHORTCUTS_OFF: Final = "off"
SHORTCUT_CHOICES: Final = ("on", SHORTCUTS_OFF)


def get_theme(request: HttpRequest) -> str:
    """One of THEMES; `auto` if the cookie is missing or has another value."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return theme if theme in THEMES else "auto"


def are_shortcuts_off(request: HttpRequest) -> bool:
    return request.COOKIES.get(SHORTCUTS_COOKIE) == SHORTCUTS_OFF
