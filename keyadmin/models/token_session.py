"""Sessions of people who use the API with tokens. Pages have sessions of Django's own."""

import uuid
from typing import Any, Self
from uuid import UUID

from django.db import models
from django.db.models.functions import Length, Now
from django.db.models.lookups import Exact


class TokenSessionQuerySet(models.QuerySet[Any]):
    def alive(self) -> Self:
        """By the database's clock, which `now` tells as well; of people who are active. The caller compares
        `binding`.
        """
        found = self.filter(ended_at__isnull=True, expires_at__gt=Now(), person__is_active=True)
        return found.annotate(now=Now()).select_related("person")


class TokenSession(models.Model):
    """From a sign-in to its end, by whoever ends it or by time; access tokens name it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey("keyadmin.Person", on_delete=models.PROTECT, related_name="token_sessions")
    #: The person's `get_session_auth_hash` at sign-in: another password ends the session, and so does signing out
    #: everywhere.
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
    def of(cls, session: UUID, person: UUID) -> Any:
        """The living session, if it is that person's and nothing has ended it; with `now`."""
        found = cls.objects.alive().filter(id=session, person=person).first()
        return found if found is not None and found.is_bound else None

    @property
    def is_bound(self) -> bool:
        return bool(self.binding == self.person.get_session_auth_hash())


class RefreshToken(models.Model):
    """One of a session, as a digest; a used one stays until the session's end, so that a second use is noticed."""

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
