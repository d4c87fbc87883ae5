"""Channels: the routes through which an organisation talks to its users. A key may be restricted to some of them."""

import uuid
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from keyadmin.core.text import normalise
from keyadmin.models import texts
from keyadmin.models.base import ActorQuerySet, RevisionedModel
from keyadmin.models.expressions import CappedCount
from keyadmin.models.key import Key


class ChannelQuerySet(ActorQuerySet):
    def with_key_count(self) -> Self:
        """Adds `key_count`: the number of keys that are restricted to the channel, at most COUNT_LIMIT + 1."""
        return self.annotate(key_count=CappedCount(Key.channels.through.objects, "channel"))

    def search(self, text: str) -> Self:
        text = normalise(text)
        return self.filter(models.Q(name__icontains=text) | models.Q(slug__icontains=text))


class Channel(RevisionedModel):
    """A channel of an organisation. Calls name it by its slug."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("keyadmin.Organisation", on_delete=models.PROTECT, related_name="channels")
    name = texts.Text(_("name"), max_length=60)
    slug = texts.Slug(max_length=60)

    objects = ChannelQuerySet.as_manager()

    class Meta:
        db_table = "channel"
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(fields=("organisation", "slug"), name="channel_slug_unique"),
            models.UniqueConstraint(fields=("organisation", "name"), name="channel_name_unique"),
        )

    def __str__(self) -> str:
        return self.name
