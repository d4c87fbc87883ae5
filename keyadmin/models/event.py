"""History: one row for each change. Each row contains the hash of the row before it.

Events have labels instead of foreign keys, so they stay readable when their actor or target is deleted.
"""

from typing import Any, Self

from django.db import models

from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.time import rfc3339
from keyadmin.models import texts
from keyadmin.models.base import ActorQuerySet
from keyadmin.models.event_types import EventType


class EventQuerySet(ActorQuerySet):
    def visible_to(self, actor: Actor) -> Self:
        """The events of the organisations that the actor may read. A person also reads what they did themselves."""
        if self.sees_everything(actor):
            return self
        visible = models.Q(organisation_id__in=self.readable_organisations(actor))
        if actor.kind is ActorKind.PERSON:
            has_system_role = models.Exists(self.person_with_system_role(actor))
            visible |= models.Q(actor_id=actor.id) | models.Q(has_system_role)
        return self.filter(visible)

    def of_target(self, target_id: Any) -> Self:
        return self.filter(target_id=target_id)


class Event(models.Model):
    """One event. `number` is its position in the chain: numbers start at 1 and have no gaps."""

    number = models.BigIntegerField(primary_key=True)
    #: The number of the canonical form from which `hash` is computed; see operations/audit/canonical.py.
    format = models.PositiveSmallIntegerField()
    at = models.DateTimeField(db_index=True)
    #: A value of EventType. The column has no choices, so that a new type needs no migration.
    type = models.CharField(max_length=40)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.UUIDField(null=True)
    actor_label = texts.Text(max_length=254)
    interface = models.CharField(max_length=12)
    ip = models.GenericIPAddressField(null=True)
    user_agent = texts.Text(max_length=300, blank=True, default="")
    request_id = texts.Text(max_length=64, blank=True, default="")
    organisation_id = models.UUIDField(null=True)
    organisation_label = texts.Text(max_length=120, blank=True, default="")
    target_kind = models.CharField(max_length=20)
    target_id = models.CharField(max_length=64)
    target_label = texts.Text(max_length=254)
    #: Field → [before, after], as JSON values, never a secret or a digest. EventType declares the fields.
    changes = texts.JSONTexts(default=dict)
    reason = texts.Text(max_length=300, blank=True, default="")
    #: The hash of the event before; 32 zero bytes for the first one.
    previous_hash = models.BinaryField()
    #: SHA-256 of `previous_hash` and the canonical form.
    hash = models.BinaryField()

    objects = EventQuerySet.as_manager()

    class Meta:
        db_table = "event"
        ordering = ("-number",)
        indexes = (
            models.Index(fields=("organisation_id", "-number"), name="event_of_organisation"),
            models.Index(fields=("target_id", "-number"), name="event_of_target"),
            models.Index(fields=("actor_id", "-number"), name="event_of_actor"),
            models.Index(fields=("type", "-number"), name="event_of_type"),
        )

    def __str__(self) -> str:
        return f"{self.number} {self.type} {self.target_label}"

    @property
    def type_label(self) -> str:
        """The label of the type. For a type that only a newer version knows, its value."""
        event_type = EventType.from_value(self.type)
        return str(event_type.label) if event_type else self.type

    def serialize(self) -> dict[str, Any]:
        """The event as JSON values, for the API, exports and pages. Includes all fields that the hash covers."""
        return {
            "number": self.number,
            "format": self.format,
            "at": rfc3339(self.at),
            "type": self.type,
            "actor": {
                "kind": self.actor_kind,
                "id": str(self.actor_id) if self.actor_id else None,
                "label": self.actor_label,
                "interface": self.interface,
                "ip": self.ip,
                "user_agent": self.user_agent,
            },
            "organisation": str(self.organisation_id) if self.organisation_id else None,
            "organisation_label": self.organisation_label,
            "target": {"kind": self.target_kind, "id": self.target_id, "label": self.target_label},
            "changes": self.changes,
            "reason": self.reason,
            "request_id": self.request_id,
            "previous_hash": bytes(self.previous_hash).hex(),
            "hash": bytes(self.hash).hex(),
        }


class ChainHead(models.Model):
    """The number and hash of the newest event, in one row. Every operation locks it, which serialises their events."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)
    hash = models.BinaryField(default=bytes(32))

    class Meta:
        db_table = "chain_head"
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="chain_head_single"),)

    def __str__(self) -> str:
        return str(self.number)


class ChainCheck(models.Model):
    """The result of the last verification of the chain, in one row.

    The chain is intact up to the event `number`. `problem` says what is wrong with the event after it; empty if
    nothing. `hash` is the hash of the event `number`; empty if the next verification has to start at the first event.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    at = models.DateTimeField()
    number = models.BigIntegerField()
    hash = models.BinaryField(default=b"", db_default=b"")
    problem = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        db_table = "chain_check"
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="chain_check_single"),)

    def __str__(self) -> str:
        return str(self.number)
