"""Whether the shortcuts of single keys work (WCAG 2.1.4): a cookie, as for the theme."""

from typing import Final

from django.http import HttpRequest

COOKIE: Final = "keyadmin_shortcuts"
OFF: Final = "off"
#: What the cookie may say.
CHOICES: Final = ("on", OFF)


def are_off(request: HttpRequest) -> bool:
    return request.COOKIES.get(COOKIE) == OFF
