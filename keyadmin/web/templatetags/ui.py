"""Template filters and tags for text: relative times, short numbers, masked keys, links that open a dialog.

Charts are in `pictures`. Both modules are built-ins of the template engine.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zlib import crc32

from django import template
from django.template.defaultfilters import date as date_filter
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from keyadmin import __version__
from keyadmin.core.cidr import Network
from keyadmin.web.common import capped_count, querystring
from keyadmin.web.common.current_user import get_current_user

register = template.Library()

#: Lengths of units in seconds.
MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MONTH = 30 * DAY
YEAR = 365 * DAY
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@register.simple_tag
def version() -> str:
    """The release of keyadmin."""
    return __version__


@register.filter
def relative_time(value: datetime | None, now: datetime | None = None) -> str:
    """`2 min ago`, `in 3 months`: one unit, rounded, relative to `now`. "" for None."""
    if value is None:
        return ""
    difference = value - (now or timezone.now())
    seconds = int(abs(difference).total_seconds())
    if seconds < MINUTE:
        return gettext("just now") if difference <= timedelta(0) else gettext("in a moment")
    sentence = gettext("%(span)s ago") if difference < timedelta(0) else gettext("in %(span)s")
    return sentence % {"span": _span(seconds)}


def _span(seconds: int) -> str:
    """The rounded number of the largest units. Minutes and hours are abbreviated."""
    minutes, hours, days, months, years = (
        (2 * seconds + unit) // (2 * unit) for unit in (MINUTE, HOUR, DAY, MONTH, YEAR)
    )
    if minutes < HOUR // MINUTE:
        return gettext("%(count)s min") % {"count": minutes}
    if hours < DAY // HOUR:
        return gettext("%(count)s h") % {"count": hours}
    if days < 2 * MONTH // DAY:
        return ngettext("%(count)s day", "%(count)s days", days) % {"count": days}
    if months < YEAR // MONTH:
        return ngettext("%(count)s month", "%(count)s months", months) % {"count": months}
    years = max(1, years)
    return ngettext("%(count)s year", "%(count)s years", years) % {"count": years}


@register.filter
def absolute_time(value: datetime) -> str:
    """`22 Nov 2026, 16:58 UTC`."""
    return date_format(value.astimezone(UTC), "j M Y, H:i") + " UTC"


@register.filter
def absolute_hour(value: datetime) -> str:
    """`22 Nov 2026, 16:00` to `17:00`, in UTC."""
    return date_format(value.astimezone(UTC), "j M Y, H:00–") + f"{(value.astimezone(UTC).hour + 1) % 24:02}:00"


@register.filter
def exact_time(value: datetime) -> str:
    """`22 Nov 2026, 16:58:07 UTC`."""
    return date_format(value.astimezone(UTC), "j M Y, H:i:s") + " UTC"


@register.filter
def short_date(value: datetime) -> str:
    """`3 Nov`; with the year if it is not the current one."""
    moment = value.astimezone(UTC)
    this_year = moment.year == timezone.now().astimezone(UTC).year
    return date_format(moment, "j M" if this_year else "j M Y")


@register.filter
def long_date(value: datetime) -> str:
    """`14 Mar 2027`, in UTC."""
    return date_format(value.astimezone(UTC), "j M Y")


def minute_time(value: datetime) -> str:
    """`22 Nov 2026, 16:58`, in UTC."""
    return date_format(value.astimezone(UTC), "j M Y, H:i")


_TIME_STYLES: Final[dict[str, Callable[[datetime], str]]] = {
    "relative": relative_time,
    "date": long_date,
    "short": short_date,
    "minute": minute_time,
    "absolute": absolute_time,
    "exact": exact_time,
}


@register.simple_tag
def moment(value: datetime, style: str = "relative") -> str:
    """A `<time>` element with the absolute time on hover and focus.

    style: relative, date, short, minute (without "UTC", which the column says), absolute or exact.

    It has no template, because the newline at the end of a file would become a space before punctuation.
    """
    format_time = _TIME_STYLES[style]
    element = '<time datetime="{}" title="{}" tabindex="0">{}</time>'
    return format_html(element, date_filter(value, "c"), absolute_time(value), format_time(value))


@register.filter
def compact(number: int) -> str:
    """`37.1k`, `1.2M`: at most three digits. Rounded down, so that 999,999 is `999k`."""
    for size, suffix in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            tenths = number * 10 // size
            whole, tenth = divmod(tenths, 10)
            return f"{whole}.{tenth}{suffix}" if tenth and whole < 100 else f"{whole}{suffix}"
    return str(number)


@register.filter
def thousands(number: int) -> str:
    """`3,412`."""
    return f"{number:,}"


@register.filter
def capped(number: int) -> str:
    """`412`, or `1,000+` for a capped count."""
    return capped_count.format_count(number)


@register.filter
def network_size(network: Network) -> str:
    """`1 address`, `65,536 addresses`, `2⁶⁴ addresses`."""
    host_bits = network.max_prefixlen - network.prefixlen
    count = f"{2**host_bits:,}" if host_bits <= 32 else f"2{str(host_bits).translate(_SUPERSCRIPT)}"
    return ngettext("%(count)s address", "%(count)s addresses", 2**host_bits) % {"count": count}


@register.filter
def initials(name: str) -> str:
    """`MO` for Maya Okafor."""
    words = name.split()
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


@register.filter
def hue(name: str) -> str:
    """The CSS class of an avatar's colour. It depends on the name only."""
    return "alt" if crc32(name.encode()) % 2 else ""


@register.filter
def masked(recognisable: str) -> SafeString:
    """`kad_a1b2c3d4••••`: a key without its secret, left to right in any text direction."""
    return format_html(
        '<code dir="ltr">{}<i aria-hidden="true">••••</i><span class="visually-hidden"> {}</span></code>',
        recognisable,
        gettext("and more, hidden"),
    )


@register.filter
def text(value: Any) -> str:
    """The value as a string, to compare it with the value of a form field."""
    return str(value)


@register.simple_tag(takes_context=True)
def list_url(context: dict[str, Any], name: str, **query: str) -> str:
    """The URL of a list, with the filters `query`, in the organisation that the switcher shows."""
    request = context.get("request")
    user = getattr(request, "user", None)
    if request is None or user is None or not user.is_authenticated:  # an error page
        return querystring.link(reverse(name), query)
    return get_current_user(request).list_url(name, **{key: str(value) for key, value in query.items()})


@register.simple_tag
def dialog_link(url: str) -> SafeString:
    """The attributes of a link that opens `url` in a dialog; without JavaScript it opens as a page."""
    return format_html('href="{0}" hx-get="{0}" hx-target="#dialog-slot" hx-swap="innerHTML"', url)
