"""Secrets, stored as digests. The secret itself is never stored."""

import uuid

from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import Exact


class Secret(models.Model):
    """The digest of a secret of a key.

    A key has one current secret, whose `not_after` is NULL. After a regeneration it may also have an old one, which is
    valid until `not_after`: its grace period.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.ForeignKey("keyadmin.Key", on_delete=models.CASCADE, related_name="secrets")
    #: HMAC-SHA256 of the whole key under the pepper `pepper_id`, 32 bytes. Calls look keys up by this column only.
    digest = models.BinaryField(unique=True)
    pepper_id = models.PositiveIntegerField(db_index=True)
    not_after = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "secret"
        constraints = (
            models.CheckConstraint(condition=Exact(Length("digest"), 32), name="secret_digest_length"),
            models.UniqueConstraint(
                fields=("key",), condition=models.Q(not_after__isnull=True), name="secret_one_current"
            ),
            models.UniqueConstraint(
                fields=("key",), condition=models.Q(not_after__isnull=False), name="secret_one_in_grace"
            ),
        )

    def __str__(self) -> str:
        return str(self.id)
