"""Sessions of people who use the API with tokens: begun, continued by refresh tokens, ended."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils.crypto import constant_time_compare

from keyadmin.conf import conf
from keyadmin.core.actors import Actor
from keyadmin.core.errors import NotFoundError
from keyadmin.models import EventType, Person, RefreshToken, TokenSession
from keyadmin.operations import audit


@dataclass(frozen=True, slots=True)
class Begun:
    """A session and its newest refresh token, which is told once; `at` is the database's time."""

    session: UUID
    person: UUID
    at: datetime
    refresh: str = field(repr=False)


def begin(*, actor: Actor, binding: str) -> Begun:
    """The actor has signed in; `binding` is of the password that was checked. NotFound where it has just changed."""
    with audit.audited_transaction(actor):
        person = Person.objects.active().filter(id=actor.id).first()
        if person is None or not constant_time_compare(person.get_session_auth_hash(), binding):
            raise NotFoundError
        now = audit.database_time()
        TokenSession.objects.filter(person=person, expires_at__lte=now).delete()
        until = now + timedelta(seconds=settings.SESSION_COOKIE_AGE)
        session = TokenSession.objects.create(person=person, binding=binding, created_at=now, expires_at=until)
        begun = Begun(session.id, person.id, now, _new(session))
        audit.record(EventType.SIGNED_IN, actor=actor, target=person)
    return begun


def refresh(*, actor: Actor, token: str) -> Begun | None:
    """Another refresh token in place of this one, which must not be used again: then somebody else has it too, the
    whole session ends, and the answer is None. NotFound for what is no token of a living session.
    """
    with audit.audited_transaction(actor):
        row = _lock(actor, token)
        now = audit.database_time()
        if row.used_at is not None:
            _end(row.session, now)
            audit.record(EventType.REFRESH_TOKEN_REUSED, actor=actor, target=row.session.person)
            return None
        row.used_at = now
        row.save(update_fields=("used_at",))
        begun = Begun(row.session_id, row.session.person_id, now, _new(row.session))
        audit.record(EventType.TOKEN_REFRESHED, actor=actor, target=row.session.person)
    return begun


def end(*, actor: Actor, token: str) -> None:
    """Sign out: end the session of the refresh token."""
    with audit.audited_transaction(actor):
        row = _lock(actor, token)
        _end(row.session, audit.database_time())
        audit.record(EventType.SIGNED_OUT, actor=actor, target=row.session.person)


def holder(token: str) -> Person | None:
    """Whose refresh token it is, used or not."""
    row = RefreshToken.objects.select_related("session__person").filter(digest=_digest(token)).first()
    return row.session.person if row else None


def _lock(actor: Actor, token: str) -> RefreshToken:
    """The token, with its living session locked."""
    row = RefreshToken.objects.filter(digest=_digest(token), session__person=actor.id).first()
    if row is None:
        raise NotFoundError
    session = TokenSession.objects.alive().select_for_update(of=("self",)).filter(id=row.session_id).first()
    if session is None or not session.is_bound:
        raise NotFoundError
    row.refresh_from_db(fields=("used_at",))  # whoever held the lock may have used it
    row.session = session
    return row


def _end(session: TokenSession, now: datetime) -> None:
    session.ended_at = now
    session.save(update_fields=("ended_at",))


def _new(session: TokenSession) -> str:
    token = secrets.token_urlsafe(32)
    RefreshToken.objects.create(session=session, digest=_digest(token))
    return token


def _digest(token: str) -> bytes:
    return hmac.digest(conf.jwt_key, token.encode("utf-8", "replace"), hashlib.sha256)
