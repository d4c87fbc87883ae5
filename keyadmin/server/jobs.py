"""The handlers of the outbox's jobs, one for each kind of job. Every job sends one mail.

A handler takes the payload that the operation queued. It may run more than once. It does nothing if the mail is no
longer needed. If it raises an exception, the job is retried later.
"""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from allauth.account import app_settings
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from keyadmin.conf import conf
from keyadmin.core.actors import Actor, ActorKind, Interface
from keyadmin.models import Key, Person
from keyadmin.models.outbox import JobKind
from keyadmin.operations.keys import expiry_notices
from keyadmin.operations.people import passwords

type Payload = dict[str, Any]

#: The actor of the worker's own operations.
WORKER: Final = Actor(kind=ActorKind.SYSTEM, id=None, label="keyadmin worker", interface=Interface.BACKGROUND)


def send_password_link(payload: Payload) -> None:
    """Mail the link that an administrator made for an invited person, or for one who lost their password.

    Payload: `person` (id), `state` (digest of `passwords.state_of`), `is_invitation`, `sender` (name), `base_url`.
    """
    if (person := _person_in_state(payload)) is None:
        return
    path = reverse("choose_password", args=[passwords.token_of(person)])
    is_invitation = payload["is_invitation"]
    context = {
        "person": person,
        "link": f"{payload['base_url']}{path}",
        "days": passwords.LINK_LIFETIME.days,
        "sender": payload["sender"],
    }
    subject = gettext("Your keyadmin account") if is_invitation else gettext("Choose a new keyadmin password")
    template = "people/mail/invitation.txt" if is_invitation else "people/mail/password.txt"
    _send(person, subject, template, context)


def send_password_reset(payload: Payload) -> None:
    """Mail the link that was requested on the sign-in page. For an unknown address nothing is sent.

    Payload: `person` (id, or None for an unknown address), `state` (digest of `passwords.state_of`), `base_url`.
    """
    if (person := _person_in_state(payload)) is None:
        return
    token = app_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(person)
    key = quote(f"{user_pk_to_url_str(person)}-{token}")
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"}).replace("UID-KEY", key)
    context = {"person": person, "link": f"{payload['base_url']}{path}"}
    _send(person, gettext("Choose a new keyadmin password"), "account/mail/password_reset.txt", context)


def send_expiry_notice(payload: Payload) -> None:
    """Mail a person which keys expire soon, and record it in the history.

    Payload: `person` (id), `notices`: [{"key": id, "days": days before the expiry}].
    """
    person = Person.objects.active().filter(id=payload["person"]).first()
    if person is None:
        return
    keys = expiry_notices.unsent(person, payload["notices"])
    if not keys:
        return
    first = keys[0]
    subject = ngettext(
        "The key %(name)s expires on %(day)s", "%(count)s keys expire, the first on %(day)s", len(keys)
    ) % {"name": first.name, "count": len(keys), "day": f"{first.expires_at:%-d %b %Y}"}
    context = {"person": person, "rows": [(key, _key_page_url(key)) for key in keys]}
    _send(person, subject, "keys/mail/expiring.txt", context)
    expiry_notices.record_sent(actor=WORKER, person=person, keys=keys)


HANDLERS: Final[dict[str, Callable[[Payload], None]]] = {
    JobKind.PASSWORD_LINK_MAIL: send_password_link,
    JobKind.PASSWORD_RESET_MAIL: send_password_reset,
    JobKind.EXPIRY_NOTICE_MAIL: send_expiry_notice,
}


def _person_in_state(payload: Payload) -> Person | None:
    """The person, unless they were deactivated or their links have ended since the job was queued."""
    person: Person | None = Person.objects.filter(id=payload["person"]).first()
    return person if person is not None and passwords.is_current(person, payload["state"]) else None


def _send(person: Person, subject: str, template: str, context: dict[str, Any]) -> None:
    send_mail(subject, render_to_string(template, context), None, [person.email])


def _key_page_url(key: Key) -> str:
    """The URL of the key's page; "" if the URL of the server is unknown."""
    base_url = conf.base_url or _base_url_of_allowed_host()
    return f"{base_url.rstrip('/')}{reverse('keys:detail', args=[key.id])}" if base_url else ""


def _base_url_of_allowed_host() -> str:
    """In production, a URL with the first host name of KEYADMIN_ALLOWED_HOSTS; "" if that is a pattern."""
    host = next(iter(settings.ALLOWED_HOSTS), "")
    return f"https://{host}" if settings.PRODUCTION and host and host[0] not in ".*" else ""
