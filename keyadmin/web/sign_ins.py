"""What libraries announce by signal only: signing in, failing to, signing out. Each becomes history here."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from keyadmin.models import Person
from keyadmin.operations import sessions
from keyadmin.web import actors


@receiver(user_logged_in, dispatch_uid="keyadmin.signed_in")
def signed_in(request: HttpRequest | None, user: Person, **_: Any) -> None:
    if request is not None:
        sessions.sign_in(actor=actors.of_person(request, user))


@receiver(user_login_failed, dispatch_uid="keyadmin.sign_in_failed")
def sign_in_failed(request: HttpRequest | None, credentials: dict[str, Any], **_: Any) -> None:
    """Not sent for attempts that were throttled: a flood does not fill the history."""
    if request is not None:
        typed = actors.clean(str(credentials.get("email", "")), 254)
        sessions.fail_sign_in(actor=actors.of_nobody(request, typed))


@receiver(user_logged_out, dispatch_uid="keyadmin.signed_out")
def signed_out(request: HttpRequest | None, user: Person | None, **_: Any) -> None:
    if request is not None and user is not None:
        sessions.sign_out(actor=actors.of_person(request, user))
