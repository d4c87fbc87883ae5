"""Receivers of signals of Django and django-allauth. Each records an event.

Django and django-allauth announce sign-in, failed sign-in and sign-out by signal only. Changes of passwords have views
of ours, which need no signal.
"""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from keyadmin.models import Person
from keyadmin.models.sign_in import AttemptKind
from keyadmin.operations.people import attempts, sessions
from keyadmin.web.common import actors


def connect() -> None:
    """Connect the receivers below. AppConfig.ready() calls this."""
    # Django's receiver would save the time of the sign-in before `record_sign_in` runs, also if recording fails.
    user_logged_in.disconnect(dispatch_uid="update_last_login")
    user_logged_in.connect(record_sign_in, dispatch_uid="keyadmin.signed_in")
    user_login_failed.connect(record_failed_sign_in, dispatch_uid="keyadmin.sign_in_failed")
    user_logged_out.connect(record_sign_out, dispatch_uid="keyadmin.signed_out")


def record_sign_in(request: HttpRequest | None, user: Person, **_: Any) -> None:
    """Record the sign-in. If recording fails, undo the sign-in: flush the session that the library has filled."""
    if request is None:
        return
    try:
        # The test client signs people in without a server.
        base_url = actors.site_url(request) if "SERVER_NAME" in request.META else ""
        sessions.sign_in(actor=actors.person_actor(request, user), base_url=base_url)
    except Exception:
        request.user = AnonymousUser()
        request.session.flush()
        raise


def record_failed_sign_in(request: HttpRequest | None, credentials: dict[str, Any], **_: Any) -> None:
    """Not sent for attempts above the rate limit. The address that was typed is not stored: it may be a password."""
    if request is None:
        return
    person = Person.objects.with_email(str(credentials.get("email", ""))).values_list("id", flat=True).first()
    attempts.count(AttemptKind.SIGN_IN, person=person, ip=actors.client_ip(request))


def record_sign_out(request: HttpRequest | None, user: Person | None, **_: Any) -> None:
    if request is not None and user is not None:
        sessions.sign_out(actor=actors.person_actor(request, user))
