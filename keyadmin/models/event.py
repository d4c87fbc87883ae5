"""History: one row a change, copied labels instead of foreign keys, each row chained to the one before."""

from datetime import UTC
from typing import Any, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from keyadmin.core.actors import Actor, ActorKind
from keyadmin.models.base import ActorQuerySet
from keyadmin.models.person import Person


class EventType(models.TextChoices):
    """Everything that can have happened."""

    ORGANISATION_CREATED = "organisation.created", _("Organisation created")
    ORGANISATION_EDITED = "organisation.edited", _("Organisation changed")
    ORGANISATION_DISABLED = "organisation.disabled", _("Organisation disabled")
    ORGANISATION_ENABLED = "organisation.enabled", _("Organisation enabled")
    PERSON_CREATED = "person.created", _("Person added")
    PERSON_INVITED = "person.invited", _("Person invited")
    LINK_MADE = "person.link_made", _("Password link made")
    PASSWORD_CHOSEN = "person.password_chosen", _("Password chosen")
    PASSWORD_CHANGED = "person.password_changed", _("Password changed")
    PASSWORD_RESET_REQUESTED = "person.password_reset_requested", _("Password reset asked for")
    PASSWORD_RESET = "person.password_reset", _("Password reset")
    PERSON_EDITED = "person.edited", _("Person changed")
    PERSON_DEACTIVATED = "person.deactivated", _("Person deactivated")
    PERSON_REACTIVATED = "person.reactivated", _("Person reactivated")
    SYSTEM_ROLE_CHANGED = "person.system_role_changed", _("System role changed")
    ROLE_CHANGED = "person.role_changed", _("Role changed")
    ROLE_REMOVED = "person.role_removed", _("Role removed")
    BOT_CREATED = "bot.created", _("Bot created")
    BOT_EDITED = "bot.edited", _("Bot changed")
    BOT_DISABLED = "bot.disabled", _("Bot disabled")
    BOT_ENABLED = "bot.enabled", _("Bot enabled")
    KEY_ISSUED = "key.issued", _("Key created")
    KEY_EDITED = "key.edited", _("Key changed")
    KEY_REGENERATED = "key.regenerated", _("Secret regenerated")
    KEY_REVOKED = "key.revoked", _("Key revoked")
    KEY_REACTIVATED = "key.reactivated", _("Key reactivated")
    KEY_DELETED = "key.deleted", _("Key deleted")
    GRACE_ENDED = "key.grace_ended", _("Old secret ended")
    NETWORK_ADDED = "allow_list.added", _("IP range added")
    NETWORK_CHANGED = "allow_list.changed", _("IP range changed")
    NETWORK_REMOVED = "allow_list.removed", _("IP range removed")
    CHANNEL_CREATED = "channel.created", _("Channel created")
    CHANNEL_RENAMED = "channel.renamed", _("Channel renamed")
    CHANNEL_REMOVED = "channel.removed", _("Channel removed")
    TIER_CREATED = "tier.created", _("Tier created")
    TIER_EDITED = "tier.edited", _("Tier changed")
    TIER_REMOVED = "tier.removed", _("Tier removed")
    SCOPE_CREATED = "scope.created", _("Permission created")
    SCOPE_EDITED = "scope.edited", _("Permission changed")
    SCOPE_REMOVED = "scope.removed", _("Permission removed")
    NOTICE_SENT = "notice.sent", _("Expiry notice sent")
    USAGE_PRUNED = "usage.pruned", _("Old usage removed")
    REVIEW_EXPORTED = "review.exported", _("Review report exported")
    SIGNED_IN = "session.signed_in", _("Signed in")
    SIGN_IN_FAILED = "session.sign_in_failed", _("Sign-in failed")
    SIGNED_OUT = "session.signed_out", _("Signed out")
    TOKEN_REFRESHED = "session.token_refreshed", _("Token refreshed")
    REFRESH_TOKEN_REUSED = "session.refresh_token_reused", _("Refresh token used twice")
    SIGNED_OUT_EVERYWHERE = "session.signed_out_everywhere", _("Signed out everywhere")
    HISTORY_EXPORTED = "history.exported", _("History exported")


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
    verb = models.CharField(max_length=40, choices=EventType)
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
