"""What a form or an Idempotency-Key has already done, so that nothing is made twice and no secret shown twice."""

import uuid

from django.db import models


class IdempotencyRecord(models.Model):
    """One request of one actor, and what it made."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    actor_id = models.UUIDField()
    nonce = models.CharField(max_length=255)
    #: A digest of the request, where the same nonce could be sent with another one.
    asked = models.CharField(max_length=64, blank=True, default="")
    #: The primary key of what was made.
    made = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        db_table = "done_once"
        constraints = (models.UniqueConstraint(fields=("actor_id", "nonce"), name="done_once_unique"),)

    def __str__(self) -> str:
        return self.nonce
