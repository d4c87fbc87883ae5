"""What libraries announce by signal only: signing in, failing to, signing out, a password reset by mail. Each
becomes history here.
"""

from typing import Any

from allauth.account.signals import password_reset
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from keyadmin.core.actors import Interface
from keyadmin.core.request_origin import without_control_characters
from keyadmin.models import Person
from keyadmin.operations.people import passwords, sessions
from keyadmin.web.common import actors
from keyadmin.web.common.middleware import is_api


def connect() -> None:
    """Connect the receivers below. AppConfig.ready() calls this."""
    # Django's receiver saves the time of the sign-in before `signed_in` records it, even if recording fails.
    user_logged_in.disconnect(dispatch_uid="update_last_login")
    user_logged_in.connect(signed_in, dispatch_uid="keyadmin.signed_in")
    user_login_failed.connect(sign_in_failed, dispatch_uid="keyadmin.sign_in_failed")
    user_logged_out.connect(signed_out, dispatch_uid="keyadmin.signed_out")
    password_reset.connect(password_was_reset, dispatch_uid="keyadmin.password_reset")


def signed_in(request: HttpRequest | None, user: Person, **_: Any) -> None:
    """Whoever history can't be told of does not come in: what the library has put into the session goes again."""
    if request is None:
        return
    try:
        sessions.sign_in(actor=actors.person_actor(request, user))
    except Exception:
        request.user = AnonymousUser()
        request.session.flush()
        raise


def sign_in_failed(request: HttpRequest | None, credentials: dict[str, Any], **_: Any) -> None:
    """Not sent for attempts that were throttled: a flood does not fill the history."""
    if request is not None:
        typed = without_control_characters(str(credentials.get("email", "")), 254)
        sessions.fail_sign_in(
            actor=actors.anonymous_actor(request, typed, Interface.API if is_api(request) else Interface.PAGE)
        )


def signed_out(request: HttpRequest | None, user: Person | None, **_: Any) -> None:
    if request is not None and user is not None:
        sessions.sign_out(actor=actors.person_actor(request, user))


def password_was_reset(request: HttpRequest, user: Person, **_: Any) -> None:
    """Changing a password has a page of ours, which needs no signal."""
    passwords.note_reset(actor=actors.person_actor(request, user))
