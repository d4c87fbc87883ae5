"""Charts as inline SVG: geometry in attributes, colours in CSS classes, as the content security policy requires."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy, ngettext

register = template.Library()

#: The groups of outcomes in the order in which a bar stacks them, and their labels in the tooltip.
OUTCOMES = (
    ("ok", gettext_lazy("allowed")),
    ("permission", gettext_lazy("no permission")),
    ("address", gettext_lazy("IP denied")),
    ("limited", gettext_lazy("rate limited")),
    ("expired", gettext_lazy("inactive key")),
)


@register.simple_tag
def spark(usage: Sequence[tuple[int, int]], width: int = 76, height: int = 24, label: str = "") -> SafeString:
    """A sparkline with one bar a day, denied above allowed. A day without requests is a short grey bar."""
    highest = max((allowed + denied for allowed, denied in usage), default=0) or 1
    gap = 2
    bar = (width - gap * (len(usage) - 1)) / max(1, len(usage))
    bars: list[tuple[Any, ...]] = []
    for index, (allowed, denied) in enumerate(usage):
        left = round(index * (bar + gap), 2)
        for name, top, bar_height in _spark_bars(allowed, denied, highest, height):
            bars.append((name, left, round(top, 2), round(bar, 2), round(bar_height, 2)))
    return format_html(
        '<svg class="spark" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" aria-label="{2}">{3}</svg>',
        width,
        height,
        label or gettext("Requests per day"),
        _rectangles(bars, rounding=1),
    )


def _spark_bars(allowed: int, denied: int, highest: int, height: int) -> Iterable[tuple[str, float, float]]:
    """(class, top, height) of the one or two bars of a day."""
    if not allowed and not denied:
        yield "bar-nil", height - 2, 2
        return
    allowed_height = max(2.0, (height - 1) * allowed / highest) if allowed else 0.0
    if allowed_height:
        yield "bar-ok", height - allowed_height, allowed_height
    if denied / highest > 0.03:
        denied_height = max(2.0, (height - 1) * denied / highest)
        gap = 1 if allowed_height else 0
        yield "bar-bad", height - allowed_height - gap - denied_height, denied_height


class Frame(NamedTuple):
    """The plot area inside the chart, without the labels of the axes. `ceiling`: the value at its top."""

    left: int
    top: int
    width: float
    height: float
    ceiling: float

    def y(self, value: float) -> float:
        return self.top + self.height - self.height * value / self.ceiling


@register.simple_tag
def chart(
    days: Sequence[dict[str, Any]],
    width: int = 600,
    height: int = 224,
    every: int = 5,
    extra_class: str = "",
    label: str = "",
) -> SafeString:
    """Stacked bars, one a day. days: [{"label": "22 Nov", "counts": [an int for each of OUTCOMES]}], oldest first.

    The newest day is in the tab order; the arrow keys move to the others (page.js).
    Every `every` days there is a label, counted back from today. Templates draw the chart twice, wide and narrow, and
    CSS shows one of them.
    """
    counts = [[int(n) for n in day["counts"]] for day in days]
    step, ceiling = _scale(max((sum(day) for day in counts), default=0) or 1)
    frame = Frame(38, 10, width - 40, height - 34, ceiling)
    slot = frame.width / max(1, len(days))
    lines = [_grid_line(frame, step * index) for index in range(round(ceiling / step) + 1)]
    bars = [
        _day(frame, slot, index, str(days[index]["label"]), day, is_newest=index == len(days) - 1)
        for index, day in enumerate(counts)
    ]
    names = [
        _day_name(frame, slot, index, height, is_today=index == len(days) - 1, name=str(days[index]["label"]))
        for index in range(len(days))
        if (len(days) - 1 - index) % every == 0
    ]
    return format_html(
        '<svg class="chart {}" viewBox="0 0 {} {}" role="group" aria-label="{}">{}</svg>',
        extra_class,
        width,
        height,
        label,
        format_html_join("", "{}", ((part,) for part in lines + bars + names)),
    )


def _scale(highest: int) -> tuple[float, float]:
    """(step, ceiling): a round step for about four grid lines, and its first multiple above the highest bar."""
    step = 10.0 ** max(0, len(str(highest)) - 2)
    step *= next(factor for factor in (1, 2, 2.5, 5, 10, 20, 25) if highest / (step * factor) <= 4.2)
    return step, step * -(-highest // step)


def _grid_line(frame: Frame, value: float) -> SafeString:
    y = round(frame.y(value)) + 0.5
    return format_html(
        '<line class="grid{}" x1="{}" x2="{}" y1="{}" y2="{}"/>'
        '<text class="axis" x="{}" y="{}" text-anchor="end" aria-hidden="true">{}</text>',
        "" if value else " base",
        frame.left,
        frame.left + frame.width + 2,
        y,
        y,
        frame.left - 8,
        y + 3.5,
        f"{value / 1000:g}k" if value >= 1000 else f"{value:g}",
    )


def _bar_width(slot: float) -> float:
    return min(slot - 3, 22) if slot > 9 else slot - 2


def _day(frame: Frame, slot: float, index: int, name: str, counts: Sequence[int], *, is_newest: bool) -> SafeString:
    """The stacked bar of a day. An outcome with any request is at least 2.5 high, so that it is visible."""
    bar = _bar_width(slot)
    left = frame.left + index * slot + (slot - bar) / 2
    base = frame.top + frame.height
    bars: list[tuple[Any, ...]] = []
    for (outcome, _label), count in zip(OUTCOMES, counts, strict=True):
        if count:
            height = max(frame.height * count / frame.ceiling, 2.5)
            box = (left, base - height, bar, height)
            bars.append((f"outcome-{outcome}", *(round(side, 2) for side in box)))
            base -= height + 1
    return format_html(
        '<g class="day" role="img" aria-label="{0}" tabindex="{1}" data-tip><title>{0}</title>'
        '<rect class="hit" x="{2}" y="{3}" width="{4}" height="{5}"/>{6}</g>',
        _tip(name, counts),
        0 if is_newest else -1,
        round(frame.left + index * slot, 2),
        frame.top,
        round(slot, 2),
        frame.height,
        _rectangles(bars, rounding=1.5),
    )


def _tip(name: str, counts: Sequence[int]) -> str:
    total = ngettext("%(day)s: %(count)s request", "%(day)s: %(count)s requests", sum(counts))
    parts = [total % {"day": name, "count": f"{sum(counts):,}"}]
    denied = zip(OUTCOMES[1:], counts[1:], strict=True)
    parts += [f"{count:,} {label}" for (_, label), count in denied if count]
    return ", ".join(parts)


def _day_name(frame: Frame, slot: float, index: int, height: int, *, is_today: bool, name: str) -> SafeString:
    middle = frame.left + index * slot + slot / 2
    return format_html(
        '<text class="axis" x="{}" y="{}" text-anchor="{}" aria-hidden="true">{}</text>',
        round(middle + _bar_width(slot) / 2 if is_today else middle, 1),
        height - 6,
        "end" if is_today else "middle",
        gettext("Today") if is_today else name,
    )


def _rectangles(bars: Iterable[tuple[Any, ...]], *, rounding: float) -> SafeString:
    """bars: (class, x, y, width, height)."""
    return format_html_join(
        "",
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="{}"/>',
        ((*bar, rounding) for bar in bars),
    )


@register.simple_tag
def meter(used: int, limit: int, label: str = "") -> SafeString:
    """A bar that shows how much of a limit is used. Amber above four fifths."""
    share = min(1.0, used / limit)
    return format_html(
        '<svg class="meter{}" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="meter-track" width="100" height="6"/>'
        '<rect class="meter-value" width="{}" height="6"/></svg>',
        " is-hot" if share > 0.8 else "",
        label,
        round(100 * share, 1),
    )


@register.simple_tag
def swatch(outcome: str) -> SafeString:
    """The colour and pattern of an outcome, for a legend."""
    return format_html(
        '<svg class="swatch" width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">'
        '<rect class="outcome-{}" width="12" height="12" rx="3"/></svg>',
        outcome,
    )
