"""Types of arguments, for argparse. A malformed argument ends the command with exit code 2."""

import re
from argparse import ArgumentTypeError
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.utils import timezone

from keyadmin.core import cidr

NEVER: Final = "never"
_RFC_3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DAYS: Final = re.compile(r"([0-9]{1,5})d")
_MAX_DAYS_OF_USAGE: Final = 90


def moment(text: str) -> datetime:
    """An RFC 3339 time with an offset, which is required."""
    try:
        if not _RFC_3339.fullmatch(text):
            raise ValueError  # noqa: TRY301 - fromisoformat accepts more than RFC 3339
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ArgumentTypeError(f"{text!r} is not a time such as 2027-03-01T12:00:00Z.") from None


def day(text: str) -> date:
    """A day in the form 2027-03-01."""
    try:
        parsed = date.fromisoformat(text)
        if parsed.isoformat() != text:
            raise ValueError  # noqa: TRY301 - fromisoformat accepts more forms
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a day such as 2027-03-01.") from None
    return parsed


def expiry(text: str) -> datetime | str:
    """NEVER, a number of days from now (90d), or an RFC 3339 time."""
    if text == NEVER:
        return NEVER
    if days := _DAYS.fullmatch(text):
        return timezone.now() + timedelta(days=int(days[1]))
    return _moment_or_days(text, "90d, never")


def since(text: str) -> datetime:
    """A number of days ago (7d), or an RFC 3339 time."""
    if days := _DAYS.fullmatch(text):
        return timezone.now() - timedelta(days=int(days[1]))
    return _moment_or_days(text, "7d")


def network(text: str) -> cidr.Network:
    """An IP network or address."""
    try:
        return cidr.parse(text)
    except cidr.CidrError as error:
        raise ArgumentTypeError(str(error)) from error


def count(text: str) -> int:
    """A positive whole number."""
    if not re.fullmatch(r"[0-9]{1,9}", text) or not int(text):
        raise ArgumentTypeError(f"{text!r} is not a positive whole number.")
    return int(text)


def days_of_usage(text: str) -> int:
    """A number of days from 1 to 90."""
    days = count(text)
    if days > _MAX_DAYS_OF_USAGE:
        raise ArgumentTypeError(f"{text} is more than {_MAX_DAYS_OF_USAGE} days.")
    return days


def days_or_never(text: str) -> int | str:
    """A whole number of days, or NEVER."""
    return NEVER if text == NEVER else count(text)


def _moment_or_days(text: str, others: str) -> datetime:
    try:
        return moment(text)
    except ArgumentTypeError:
        raise ArgumentTypeError(f"{text!r} is none of {others}, or a time such as 2027-03-01T12:00:00Z.") from None
