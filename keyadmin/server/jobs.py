"""The handlers of the outbox's jobs, one for each kind of job. A job sends one mail, or revokes many keys.

A handler takes the payload that the operation queued. It may run more than once. It does nothing if the mail is no
longer needed. If it raises an exception, the job is retried later. It returns True if work is left: it is then called
again.
"""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from keyadmin.conf import conf
from keyadmin.core.actors import Actor, ActorKind, Interface
from keyadmin.models import AccountStatus, Invitation, Key, LinkPurpose, PasswordLink, Person
from keyadmin.models.outbox import JobKind
from keyadmin.operations.keys import bulk_revocation, expiry_notices
from keyadmin.operations.people import links, passwords

type Payload = dict[str, Any]

#: The actor of the worker's own operations.
WORKER: Final = Actor(kind=ActorKind.SYSTEM, id=None, label="keyadmin worker", interface=Interface.BACKGROUND)


def send_invitation(payload: Payload) -> None:
    """Mail an invited address the link of its invitation."""
    invitation = Invitation.objects.select_related("organisation", "maker").filter(id=payload["link"]).first()
    if invitation is not None and links.is_open(invitation):
        context = {"invitation": invitation, "link": _link(payload, invitation), "days": links.INVITATION_LIFETIME.days}
        _send(invitation.email, gettext("Your invitation to keyadmin"), "people/mail/invitation.txt", context)


def send_password_link(payload: Payload) -> None:
    """Mail a person a link that was made for them, or the one that verifies their address."""
    link = PasswordLink.objects.select_related("person", "maker").filter(id=payload["link"]).first()
    if link is None or not links.is_open(link) or links.is_address_taken(link):
        return
    purpose = LinkPurpose(link.purpose)
    context = {
        "person": link.person,
        "link": _link(payload, link),
        "days": links.LIFETIMES[purpose].days,
        "sender": link.maker_label,
    }
    if purpose is LinkPurpose.CONFIRMATION:
        _send(link.person.email, gettext("Confirm your email address"), "account/mail/confirmation.txt", context)
    elif purpose is LinkPurpose.ADDRESS:
        _send(link.email, gettext("Confirm your new email address"), "account/mail/address.txt", context)
    elif link.person.account_status == AccountStatus.INVITED:
        _send(link.person.email, gettext("Your keyadmin account"), "people/mail/account.txt", context)
    else:
        _send(link.person.email, gettext("Choose a new keyadmin password"), "people/mail/password.txt", context)


def send_password_reset(payload: Payload) -> None:
    """Mail the link that was requested on the sign-in page. For an unknown address nothing is sent."""
    link = passwords.make_reset_link(payload["person"], UUID(payload["link"])) if payload["person"] else None
    if link is not None:
        context = {"person": link.person, "link": _link(payload, link)}
        subject = gettext("Choose a new keyadmin password")
        _send(link.person.email, subject, "account/mail/password_reset.txt", context)


def send_failed_sign_ins(payload: Payload) -> None:
    """Tell a person that sign-ins to their account fail repeatedly. For an unknown address nothing is sent."""
    person = Person.objects.active().filter(id=payload["person"]).first() if payload["person"] else None
    if person is not None:
        _send(person.email, gettext("Failed sign-ins to your account"), "account/mail/failed.txt", {"person": person})


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
    _send(person.email, subject, "keys/mail/expiring.txt", context)
    expiry_notices.record_sent(actor=WORKER, person=person, keys=keys)


def revoke_keys(payload: Payload) -> bool:
    """Revoke keys of a bulk revocation for a few seconds."""
    return bulk_revocation.run(UUID(payload["revocation"]))


HANDLERS: Final[dict[str, Callable[[Payload], bool | None]]] = {
    JobKind.INVITATION_MAIL: send_invitation,
    JobKind.PASSWORD_LINK_MAIL: send_password_link,
    JobKind.PASSWORD_RESET_MAIL: send_password_reset,
    JobKind.FAILED_SIGN_INS_MAIL: send_failed_sign_ins,
    JobKind.EXPIRY_NOTICE_MAIL: send_expiry_notice,
    JobKind.BULK_REVOCATION: revoke_keys,
}


def _link(payload: Payload, link: Invitation | PasswordLink) -> str:
    """The address of the page of the link. Its token proves that the mail was read."""
    path = reverse("choose_password", args=[links.token_of(link, is_mailed=True)])
    return f"{payload['base_url']}{path}"


def _send(email: str, subject: str, template: str, context: dict[str, Any]) -> None:
    send_mail(subject, render_to_string(template, context), None, [email])


def _key_page_url(key: Key) -> str:
    """The address of the key's page; "" if the address of the server is unknown."""
    base_url = conf.site_url()
    return f"{base_url}{reverse('keys:detail', args=[key.id])}" if base_url else ""
