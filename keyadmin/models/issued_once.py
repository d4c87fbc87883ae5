"""What a form or an Idempotency-Key has already made, so that a secret is never made or shown twice."""

import uuid

from django.db import models


class IssuedOnce(models.Model):
    """One request of one actor, and the key it issued or regenerated."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    actor_id = models.UUIDField()
    nonce = models.CharField(max_length=255)
    key_id = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        db_table = "issued_once"
        constraints = (models.UniqueConstraint(fields=("actor_id", "nonce"), name="issued_once_unique"),)

    def __str__(self) -> str:
        return self.nonce
