"""Receivers of signals of Django and django-allauth. Each records an event.

Django and django-allauth announce sign-in, failed sign-in, sign-out and password reset only by signals.
"""

from typing import Any, Final

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

_MAX_EMAIL_LENGTH: Final = 254


def connect() -> None:
    """Connect the receivers below. AppConfig.ready() calls this."""
    # Django's receiver would save the time of the sign-in before `record_sign_in` runs, also if recording fails.
    user_logged_in.disconnect(dispatch_uid="update_last_login")
    user_logged_in.connect(record_sign_in, dispatch_uid="keyadmin.signed_in")
    user_login_failed.connect(record_failed_sign_in, dispatch_uid="keyadmin.sign_in_failed")
    user_logged_out.connect(record_sign_out, dispatch_uid="keyadmin.signed_out")
    password_reset.connect(record_password_reset, dispatch_uid="keyadmin.password_reset")


def record_sign_in(request: HttpRequest | None, user: Person, **_: Any) -> None:
    """Record the sign-in. If recording fails, undo the sign-in: flush the session that the library has filled."""
    if request is None:
        return
    try:
        sessions.sign_in(actor=actors.person_actor(request, user))
    except Exception:
        request.user = AnonymousUser()
        request.session.flush()
        raise


def record_failed_sign_in(request: HttpRequest | None, credentials: dict[str, Any], **_: Any) -> None:
    """Record a failed sign-in. The signal is not sent above the rate limit, which bounds the number of events."""
    if request is None:
        return
    email = without_control_characters(str(credentials.get("email", "")), _MAX_EMAIL_LENGTH)
    interface = Interface.API if is_api(request) else Interface.PAGE
    sessions.record_failed_sign_in(actor=actors.anonymous_actor(request, email, interface))


def record_sign_out(request: HttpRequest | None, user: Person | None, **_: Any) -> None:
    if request is not None and user is not None:
        sessions.sign_out(actor=actors.person_actor(request, user))


def record_password_reset(request: HttpRequest, user: Person, **_: Any) -> None:
    passwords.record_reset(actor=actors.person_actor(request, user))
