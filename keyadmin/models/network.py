"""Allow-list entries: the networks a key, or every key of a bot, may be used from."""

import uuid
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from django.db import models

from keyadmin.models.visibility import ActorQuerySet


class CidrField(models.Field):
    """PostgreSQL's `cidr`: an IPv4 or IPv6 network without host bits; Python's ip_network objects."""

    def db_type(self, connection: Any) -> str:
        return "cidr"

    def to_python(self, value: Any) -> IPv4Network | IPv6Network | None:
        return None if value is None else ip_network(value)

    def from_db_value(self, value: Any, *_: Any) -> IPv4Network | IPv6Network | None:
        return self.to_python(value)

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else str(value)


class AllowListQuerySet(ActorQuerySet):
    def visible_to(self, actor: Any) -> "AllowListQuerySet":
        if self.sees_everything(actor):
            return self
        organisations = self.readable_organisations(actor)
        return self.filter(
            models.Q(bot__organisation__in=organisations) | models.Q(key__organisation__in=organisations)
        )


class AllowListEntry(models.Model):
    """A network on a key's own list or on a bot's, which applies to every key of the bot."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.ForeignKey("keyadmin.Key", null=True, blank=True, on_delete=models.CASCADE, related_name="allow_list")
    bot = models.ForeignKey("keyadmin.Bot", null=True, blank=True, on_delete=models.CASCADE, related_name="allow_list")
    network = CidrField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AllowListQuerySet.as_manager()

    class Meta:
        db_table = "allow_list_entry"
        ordering = ("created_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(key__isnull=True) ^ models.Q(bot__isnull=True), name="allow_list_one_owner"
            ),
            models.UniqueConstraint(fields=("key", "network"), name="allow_list_key_network_unique"),
            models.UniqueConstraint(fields=("bot", "network"), name="allow_list_bot_network_unique"),
        )

    def __str__(self) -> str:
        return str(self.network)
