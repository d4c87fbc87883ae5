"""Sessions of people who sign in to the API and use access tokens. Pages use Django's sessions."""

import uuid
from typing import Any, Self
from uuid import UUID

from django.db import models
from django.db.models.functions import Length, Now
from django.db.models.lookups import Exact


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
    #: The person's `get_session_auth_hash` at sign-in. A new password, or signing out everywhere, changes the hash and
    #: so ends the session.
    binding = models.CharField(max_length=64)
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

    @property
    def is_bound(self) -> bool:
        """Whether the person's session hash is still the one of the sign-in."""
        return bool(self.binding == self.person.get_session_auth_hash())


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
