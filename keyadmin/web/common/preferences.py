"""Preferences of a browser, each in a cookie.

They are the theme, whether single-key shortcuts work (WCAG 2.1.4), and the organisation that the switcher shows on
pages without that filter.
"""

import re
from typing import Final

from django.http import HttpRequest, HttpResponseBase

COOKIE_MAX_AGE_SECONDS: Final = 365 * 24 * 60 * 60

THEME_COOKIE: Final = "keyadmin_theme"
THEMES: Final = ("auto", "light", "dark")

SHORTCUTS_COOKIE: Final = "keyadmin_shortcuts"
SHORTCUTS_OFF: Final = "off"
SHORTCUT_CHOICES: Final = ("on", SHORTCUTS_OFF)

#: The slug that the last list was filtered by; "" for all organisations.
ORGANISATION_COOKIE: Final = "keyadmin_organisation"
is_slug: Final = re.compile(r"[-a-zA-Z0-9_]{1,60}").fullmatch


def get_theme(request: HttpRequest) -> str:
    """One of THEMES; `auto` if the cookie is missing or has another value."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return theme if theme in THEMES else "auto"


def get_organisation_slug(request: HttpRequest) -> str:
    """The slug of the remembered organisation; "" for all organisations."""
    slug = request.COOKIES.get(ORGANISATION_COOKIE, "")
    return slug if is_slug(slug) else ""


def remember_organisation(request: HttpRequest, response: HttpResponseBase) -> None:
    """Remember the organisation that the list at the URL is filtered by, until the browser closes."""
    slug = request.GET.get("organisation", "")
    if slug == request.COOKIES.get(ORGANISATION_COOKIE, ""):
        return
    if is_slug(slug):
        response.set_cookie(ORGANISATION_COOKIE, slug, httponly=True, samesite="Lax", secure=request.is_secure())
    else:
        response.delete_cookie(ORGANISATION_COOKIE, samesite="Lax")


def are_shortcuts_off(request: HttpRequest) -> bool:
    return request.COOKIES.get(SHORTCUTS_COOKIE) == SHORTCUTS_OFF
