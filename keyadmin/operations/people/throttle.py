"""Limits on guesses at passwords and on requested mails, for each account across all client addresses.

django-allauth limits attempts by client address, in a cache; it has no growing delay and no exception for browsers that
are known, so that these counts are our own. Each attempt is one statement that decides and counts at once: parallel
attempts cannot pass together.

A count by account alone would let an attacker lock its owner out. So a browser in which the person signed in before
carries a signed cookie and has a count of its own, and a link by mail makes a browser known.
"""

import hashlib
import math
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.core import signing
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

from keyadmin.core.email_address import EmailAddressError, normal_form
from keyadmin.models.person import Person
from keyadmin.models.sign_in import AttemptCount

#: After this many failures each further attempt waits: 1 second, doubled with each failure, up to MAX_DELAY_SECONDS.
FREE_FAILURES: Final = 10
MAX_DELAY_SECONDS: Final = 60
#: A count without a new attempt for so long begins again.
FORGOTTEN_AFTER: Final = timedelta(days=1)
#: Mails to reset a password that one address, or one known browser, gets in RESET_WINDOW.
MAX_RESETS: Final = 3
RESET_WINDOW: Final = timedelta(hours=1)
DEVICE_COOKIE_AGE: Final = timedelta(days=400)
_SALT: Final = "keyadmin.device"


def count_guess(subject: bytes) -> tuple[int, int]:
    """Count an attempt of the subject as a failure. Returns the seconds to wait, 0 if it may be made, and the failures.

    An attempt that must wait is not counted.
    """
    parameters: dict[str, Any] = {
        "subject": subject,
        "free": FREE_FAILURES,
        "longest": MAX_DELAY_SECONDS,
        "forgotten": FORGOTTEN_AFTER,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_GUESS, parameters)
        if row := cursor.fetchone():
            return 0, row[0]
        cursor.execute(_SECONDS_LEFT, parameters)
        row = cursor.fetchone()
    return (max(1, math.ceil(row[0])), row[1]) if row else (1, FREE_FAILURES)


def undo_guess(subject: bytes) -> None:
    """The password was not checked: the attempt does not count, and may be made again at once."""
    counts = AttemptCount.objects.filter(subject=subject)
    counts.filter(count=1).delete()
    counts.update(count=F("count") - 1, next_at=Now())


def forget(subject: bytes) -> None:
    """The subject knows the password: its failures no longer count."""
    AttemptCount.objects.filter(subject=subject).delete()


def count_mail(subject: bytes) -> bool:
    """Count a requested mail of the subject. Returns False if it has had MAX_RESETS in RESET_WINDOW."""
    parameters: dict[str, Any] = {"subject": subject, "most": MAX_RESETS, "window": RESET_WINDOW}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_MAIL, parameters)
        return cursor.fetchone() is not None


def remove_old() -> int:
    """Delete the counts that have begun again."""
    return AttemptCount.objects.filter(last_at__lt=Now() - FORGOTTEN_AFTER).delete()[0]


def subject_of(purpose: str, text: str) -> bytes:
    """The subject of an email address, in any of its forms, or of a browser."""
    try:
        text = normal_form(text)
    except EmailAddressError:
        text = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return salted_hmac("keyadmin.attempts", f"{purpose} {text}", algorithm="sha256").digest()


def device_cookie(person: Person) -> str:
    """The value of the cookie of a browser in which the person has signed in or used a link."""
    value = {"person": person.id.hex, "generation": person.session_generation, "device": uuid4().hex}
    return signing.dumps(value, salt=_SALT)


def known_device(cookie: str, email: str) -> str:
    """The id of the browser, if it has the cookie of the active person with this address; else "".

    A cookie ends when the person signs out everywhere, is deactivated or verifies the address for the first time.
    """
    try:
        value = signing.loads(cookie, salt=_SALT, max_age=DEVICE_COOKIE_AGE)
        known = (
            Person.objects.active()
            .with_email(email)
            .filter(id=UUID(value["person"]), session_generation=value["generation"])
        )
        return str(value["device"]) if known.exists() else ""
    except (signing.BadSignature, KeyError, TypeError, ValueError):
        return ""


_COUNT_GUESS: Final = """
    INSERT INTO attempt_count AS counted (subject, count, first_at, last_at, next_at)
    VALUES (%(subject)s, 1, clock_timestamp(), clock_timestamp(), clock_timestamp())
    ON CONFLICT (subject) DO UPDATE SET (count, last_at, next_at) = (
        SELECT new.count, new.at, new.at + make_interval(secs =>
            CASE WHEN new.count < %(free)s THEN 0 ELSE least(%(longest)s, 2 ^ least(new.count - %(free)s, 30)) END)
        FROM (
            SELECT clock_timestamp() AS at,
                CASE WHEN counted.last_at < clock_timestamp() - %(forgotten)s THEN 1 ELSE counted.count + 1 END AS count
        ) AS new
    )
    WHERE counted.next_at <= clock_timestamp()
    RETURNING count
"""
_SECONDS_LEFT: Final = """
    SELECT extract(epoch FROM next_at - clock_timestamp()), count FROM attempt_count WHERE subject = %(subject)s
"""
_COUNT_MAIL: Final = """
    INSERT INTO attempt_count AS counted (subject, count, first_at, last_at, next_at)
    VALUES (%(subject)s, 1, clock_timestamp(), clock_timestamp(), clock_timestamp())
    ON CONFLICT (subject) DO UPDATE SET (count, first_at, last_at) = (
        SELECT CASE WHEN new.begins THEN 1 ELSE counted.count + 1 END,
            CASE WHEN new.begins THEN clock_timestamp() ELSE counted.first_at END,
            clock_timestamp()
        FROM (SELECT counted.first_at < clock_timestamp() - %(window)s AS begins) AS new
    )
    WHERE counted.count < %(most)s OR counted.first_at < clock_timestamp() - %(window)s
    RETURNING count
"""
