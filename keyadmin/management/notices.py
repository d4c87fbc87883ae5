"""Letters about keys that expire: one to each person, about all their keys."""

from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused
from typing import Any, Final

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import ngettext

from keyadmin.conf import conf
from keyadmin.core.actors import Actor
from keyadmin.core.time import rfc3339
from keyadmin.models import Person
from keyadmin.models.notice import due_for, recipients
from keyadmin.operations.keys import expiry_notices

#: Keys in one letter; the next run tells of the others.
MOST: Final = 100
#: Where nobody would get a letter.
_NOWHERE: Final = {f"django.core.mail.backends.{name}.EmailBackend" for name in ("console", "dummy")}


def has_mail_server() -> bool:
    return settings.MAILERS["default"]["BACKEND"] not in _NOWHERE


def send_all(actor: Actor, *, is_dry: bool = False) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What was sent, and what could not be. A server that takes no letters at all is asked once."""
    sent: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    if not is_dry:
        expiry_notices.forget_past()
    for person in recipients():
        due = list(due_for(person)[:MOST])
        keys = due if is_dry or not due else expiry_notices.begin(person, due)
        if not keys:
            continue
        try:
            if not is_dry:
                _send(person, keys)
        except (OSError, SMTPException) as error:
            expiry_notices.give_up(person, keys)
            failed.append(_described(person, keys) | {"error": type(error).__name__})
            if not isinstance(error, SMTPRecipientsRefused | SMTPDataError):
                break
        else:
            if not is_dry:
                expiry_notices.finish(actor=actor, person=person, keys=keys)
            sent.append(_described(person, keys))
    return sent, failed


def _send(person: Person, keys: list[Any]) -> None:
    first = keys[0]
    words = ngettext(
        "The key %(name)s expires on %(day)s", "%(count)s keys expire, the first on %(day)s", len(keys)
    ) % {"name": first.name, "count": len(keys), "day": f"{first.expires_at:%-d %b %Y}"}
    context = {"person": person, "rows": [(key, _url(key)) for key in keys]}
    send_mail(words, render_to_string("keys/mail/expiring.txt", context), None, [person.email])


def _url(key: Any) -> str:
    base = conf.base_url or _base()
    return f"{base.rstrip('/')}{reverse('keys:detail', args=[key.id])}" if base else ""


def _base() -> str:
    """What the first host that the pages answer to makes an address, if it is one."""
    host = next(iter(settings.ALLOWED_HOSTS), "")
    return f"https://{host}" if settings.PRODUCTION and host and host[0] not in ".*" else ""


def _described(person: Person, keys: list[Any]) -> dict[str, Any]:
    return {
        "to": person.email,
        "keys": [
            {"id": str(key.id), "name": key.name, "expires_at": rfc3339(key.expires_at), "days": key.days}
            for key in keys
        ],
    }
