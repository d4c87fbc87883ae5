"""Idempotency keys that were used. They make sure that a repeated request is carried out once."""

import uuid

from django.db import models


class IdempotencyRecord(models.Model):
    """One request of one actor, and the row that it created or changed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    actor_id = models.UUIDField()
    #: SHA-256 in hexadecimal of what the client sent, which may contain a secret.
    idempotency_key = models.CharField(max_length=255)
    #: SHA-256 of the request in hexadecimal. Empty for forms, whose repetition is always the same request.
    request_digest = models.CharField(max_length=64, blank=True, default="")
    #: The primary key of the row that the request created or changed.
    result_id = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        db_table = "idempotency_record"
        constraints = (
            models.UniqueConstraint(fields=("actor_id", "idempotency_key"), name="idempotency_record_unique"),
        )

    def __str__(self) -> str:
        return self.idempotency_key
