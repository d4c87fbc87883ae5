"""Operations on API sessions of people: begin, refresh, end. A refresh token can be used once; it is then replaced.

A session that a page begins has no refresh token.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.utils.crypto import constant_time_compare

from keyadmin.conf import conf
from keyadmin.core.actors import Actor
from keyadmin.core.errors import NotFoundError
from keyadmin.models import EventType, Person, RefreshToken, TokenSession
from keyadmin.operations import audit

ACCESS_TOKEN_LIFETIME: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class SessionGrant:
    """A session, and `refresh`, the only copy of its newest refresh token, "" for a session of a page.

    `at` is the database's time.
    """

    session: UUID
    person: UUID
    at: datetime
    refresh: str = field(repr=False)


def begin(*, actor: Actor, binding: str) -> SessionGrant:
    """Begin a session of the actor, who has signed in.

    `binding` is the person's `get_session_auth_hash` at the check of the password. Raises NotFoundError if the hash is
    a different one now, because the password has changed.
    """
    with audit.audited_transaction(actor):
        person = Person.objects.active().filter(id=actor.id).first()
        if person is None or not constant_time_compare(TokenSession.binding_of(person), binding):
            raise NotFoundError
        session = _create(person, timedelta(seconds=settings.SESSION_COOKIE_AGE))
        grant = SessionGrant(session.id, person.id, session.created_at, _create_refresh_token(session))
        audit.record(EventType.SIGNED_IN, actor=actor, target=person)
    return grant


def begin_on_page(*, actor: Actor, page_session: str) -> SessionGrant:
    """Begin a session of the actor for requests that they send from a page, where they are signed in.

    It lasts for one access token, and at most as long as the page session with this key. Raises NotFoundError for a
    deactivated person.
    """
    with audit.audited_transaction(actor):
        person = Person.objects.active().filter(id=actor.id).first()
        if person is None:
            raise NotFoundError
        session = _create(person, ACCESS_TOKEN_LIFETIME, page_session)
        audit.record(EventType.TOKEN_ISSUED, actor=actor, target=person)
    return SessionGrant(session.id, person.id, session.created_at, refresh="")


def refresh(*, actor: Actor, token: str) -> SessionGrant | None:
    """Replace the refresh token by a new one.

    If the token was used before, it has probably been stolen: the session ends, and the result is None. Raises
    NotFoundError if the token is unknown or its session has ended.
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
        grant = SessionGrant(row.session_id, row.session.person_id, now, _create_refresh_token(row.session))
        audit.record(EventType.TOKEN_REFRESHED, actor=actor, target=row.session.person)
    return grant


def end(*, actor: Actor, token: str) -> None:
    """Sign out: end the session of the refresh token."""
    with audit.audited_transaction(actor):
        row = _lock(actor, token)
        _end(row.session, audit.database_time())
        audit.record(EventType.SIGNED_OUT, actor=actor, target=row.session.person)


def person_of(token: str) -> Person | None:
    """The person of the refresh token, which may have been used; None if it is unknown."""
    row = RefreshToken.objects.select_related("session__person").filter(digest=_digest(token)).first()
    return row.session.person if row else None


def _lock(actor: Actor, token: str) -> RefreshToken:
    """The refresh token, with its session, which is alive and locked. Raises NotFoundError."""
    row = RefreshToken.objects.filter(digest=_digest(token), session__person=actor.id).first()
    if row is None:
        raise NotFoundError
    session = TokenSession.objects.alive().select_for_update(of=("self",)).filter(id=row.session_id).first()
    if session is None or not session.is_bound:
        raise NotFoundError
    row.refresh_from_db(fields=("used_at",))  # another request may have used it before this one got the lock
    row.session = session
    return row


def _end(session: TokenSession, now: datetime) -> None:
    session.ended_at = now
    session.save(update_fields=("ended_at",))


def _create(person: Person, lifetime: timedelta, page_session: str = "") -> TokenSession:
    """A new session. The person's expired ones are deleted."""
    now = audit.database_time()
    TokenSession.objects.filter(person=person, expires_at__lte=now).delete()
    session: TokenSession = TokenSession.objects.create(
        person=person,
        binding=TokenSession.binding_of(person, page_session),
        page_session=page_session,
        created_at=now,
        expires_at=now + lifetime,
    )
    return session


def _create_refresh_token(session: TokenSession) -> str:
    token = secrets.token_urlsafe(32)
    RefreshToken.objects.create(session=session, digest=_digest(token))
    return token


def _digest(token: str) -> bytes:
    return hmac.digest(conf.jwt_key, token.encode("utf-8", "replace"), hashlib.sha256)
