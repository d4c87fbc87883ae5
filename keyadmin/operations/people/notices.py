"""Notices by mail to people about their own account."""

from datetime import timedelta
from typing import Final

from keyadmin.models import JobKind, Person
from keyadmin.operations import audit, outbox

#: A notice that could not be sent for so long is dropped.
_LIFETIME: Final = timedelta(days=1)


def queue_failed_sign_ins(email: str) -> None:
    """Tell the person that sign-ins to their account fail repeatedly.

    For an unknown address the same is queued and nothing is sent, so that the time of the response shows no account.
    """
    with audit.audited_transaction():
        person = Person.objects.active().with_email(email).values_list("id", flat=True).first()
        payload = {"person": str(person) if person else None}
        outbox.enqueue(JobKind.FAILED_SIGN_INS_MAIL, payload, expires_in=_LIFETIME)
