"""History: one row a change, copied labels instead of foreign keys, each row chained to the one before."""

from datetime import UTC
from typing import Any, Self

from django.db import models

from keyadmin.core.actors import Actor, ActorKind
from keyadmin.models.base import ActorQuerySet
from keyadmin.models.event_types import EventType
from keyadmin.models.person import Person


class EventQuerySet(ActorQuerySet):
    def visible_to(self, actor: Actor) -> Self:
        """A person also reads what they did themselves and what happened to them."""
        if self.sees_everything(actor):
            return self
        visible = models.Q(organisation_id__in=self.readable_organisations(actor))
        if actor.kind is ActorKind.PERSON:
            system = Person.objects.active().filter(id=actor.id).exclude(system_role="")
            visible |= models.Q(actor_id=actor.id) | models.Q(models.Exists(system))
        return self.filter(visible)

    def of_target(self, target_id: Any) -> Self:
        return self.filter(target_id=target_id)


class Event(models.Model):
    """`number` counts from 1 without a gap: it is the event's place in the chain."""

    number = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    #: A value of EventType. The field has no choices, so that a new type needs no migration.
    verb = models.CharField(max_length=40)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.UUIDField(null=True)
    actor_label = models.CharField(max_length=254)
    door = models.CharField(max_length=12)
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True, default="")
    organisation_id = models.UUIDField(null=True)
    organisation_label = models.CharField(max_length=120, blank=True, default="")
    target_kind = models.CharField(max_length=20)
    target_id = models.CharField(max_length=64)
    target_label = models.CharField(max_length=254)
    #: Field → [before, after]; JSON values, never a secret or a digest.
    changes = models.JSONField(default=dict)
    reason = models.CharField(max_length=300, blank=True, default="")
    previous_hash = models.BinaryField()
    #: SHA-256 of `previous_hash` and the canonical JSON of every other field.
    hash = models.BinaryField()

    objects = EventQuerySet.as_manager()

    class Meta:
        db_table = "event"
        ordering = ("-number",)
        indexes = (
            models.Index(fields=("organisation_id", "-number"), name="event_of_organisation"),
            models.Index(fields=("target_id", "-number"), name="event_of_target"),
            models.Index(fields=("actor_id", "-number"), name="event_of_actor"),
            models.Index(fields=("verb", "-number"), name="event_of_verb"),
        )

    def __str__(self) -> str:
        return f"{self.number} {self.verb} {self.target_label}"

    @property
    def type_label(self) -> str:
        """The label of the type; its value, if only a newer version knows the type."""
        event_type = EventType.from_value(self.verb)
        return str(event_type.label) if event_type else self.verb

    def serialize(self) -> dict[str, Any]:
        """The event in JSON values, as the API, exports and pages tell it: all that its hash is made of."""
        return {
            "number": self.number,
            "at": self.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "action": self.verb,
            "actor": {
                "kind": self.actor_kind,
                "id": str(self.actor_id) if self.actor_id else None,
                "label": self.actor_label,
                "door": self.door,
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
    """The newest event's number and hash; one row, whose lock puts all changes in order."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)
    hash = models.BinaryField(default=bytes(32))

    class Meta:
        db_table = "chain_head"
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="chain_head_single"),)

    def __str__(self) -> str:
        return str(self.number)


class ChainCheck(models.Model):
    """The last walk of the chain: one row. Whole up to `number`; `problem` says what is wrong with the next event."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    at = models.DateTimeField()
    number = models.BigIntegerField()
    problem = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        db_table = "chain_check"
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="chain_check_single"),)

    def __str__(self) -> str:
        return str(self.number)
