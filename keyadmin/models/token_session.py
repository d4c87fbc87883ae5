"""Sessions of people who use access tokens: after a sign-in to the API, or on the page of the API docs.

Pages use Django's sessions. An access token that a page got also ends with the session of the page.
"""

import hashlib
import uuid
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import models
from django.db.models.functions import Length, Now
from django.db.models.lookups import Exact

if TYPE_CHECKING:
    from keyadmin.models.person import Person


class TokenSessionQuerySet(models.QuerySet[Any]):
    def alive(self) -> Self:
        """Sessions of active people that have neither ended nor expired. The caller must also check `is_bound`.

        Adds `now`, the time of the database's clock.
        """
        rows = self.filter(ended_at__isnull=True, expires_at__gt=Now(), person__is_active=True)
        return rows.annotate(now=Now()).select_related("person")


class TokenSession(models.Model):
    """A session from sign-in to sign-out or expiry. Access tokens contain its id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey("keyadmin.Person", on_delete=models.PROTECT, related_name="token_sessions")
    #: The value of `binding_of` at the beginning. The session ends when the value is a different one.
    binding = models.CharField(max_length=64)
    #: The key of the page session in which the session began; "" after a sign-in to the API.
    page_session = models.CharField(max_length=40, blank=True, default="")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = TokenSessionQuerySet.as_manager()

    class Meta:
        db_table = "token_session"

    def __str__(self) -> str:
        return str(self.id)

    @classmethod
    def find_alive(cls, session: UUID, person: UUID) -> Any:
        """The session with `now`, if it is the person's, `alive` and `is_bound`; otherwise None."""
        row = cls.objects.alive().filter(id=session, person=person).first()
        return row if row is not None and row.is_bound else None

    @staticmethod
    def binding_of(person: "Person", page_session: str = "") -> str:
        """What a session depends on: a new password, or signing out everywhere, changes the value.

        In a page session, a change of the person's roles, address or name changes it too.
        """
        auth_hash: str = person.get_session_auth_hash()
        return hashlib.sha256(f"{auth_hash}:{person.revision}".encode()).hexdigest() if page_session else auth_hash

    @property
    def is_bound(self) -> bool:
        """Whether the binding is still the one of the beginning, and the page session has not ended."""
        if self.binding != self.binding_of(self.person, self.page_session):
            return False
        return not self.page_session or self._page_session_is_alive()

    def _page_session_is_alive(self) -> bool:
        store = import_module(settings.SESSION_ENGINE).SessionStore(self.page_session)
        return bool(store.get(SESSION_KEY) == str(self.person_id))


class RefreshToken(models.Model):
    """The digest of a refresh token. A used one is kept with its session, so that a second use is detected."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(TokenSession, on_delete=models.CASCADE, related_name="refresh_tokens")
    #: HMAC-SHA256 under KEYADMIN_JWT_KEY.
    digest = models.BinaryField(unique=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "refresh_token"
        constraints = (
            models.CheckConstraint(condition=Exact(Length("digest"), 32), name="refresh_token_digest_length"),
        )

    def __str__(self) -> str:
        return str(self.id)
