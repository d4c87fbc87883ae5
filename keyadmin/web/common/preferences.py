"""The reader's choice of light or dark: a cookie that a script writes, never more than a choice of three."""

from typing import Final

from django.http import HttpRequest

COOKIE: Final = "keyadmin_theme"
THEMES: Final = ("auto", "light", "dark")
#: Of the cookie, in seconds.
LIFE: Final = 365 * 24 * 60 * 60


def theme_of(request: HttpRequest) -> str:
    chosen = request.COOKIES.get(COOKIE, "")
    return chosen if chosen in THEMES else "auto"
