"""Bots: an organisation's service accounts."""

import uuid
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from keyadmin.core.text import normalise
from keyadmin.models import texts
from keyadmin.models.base import ActorQuerySet, RevisionedModel


class BotQuerySet(ActorQuerySet):
    """Bots of the organisations that the actor may read."""

    def search(self, text: str) -> Self:
        """Bots whose name contains the text."""
        return self.filter(name__icontains=normalise(text))


class Bot(RevisionedModel):
    """Owns keys. Disabling it pauses them. A bot that is not conversational exists only to own keys."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("keyadmin.Organisation", on_delete=models.PROTECT, related_name="bots")
    name = texts.Text(_("name"), max_length=120)
    description = texts.Text(_("description"), max_length=500, blank=True, default="")
    is_conversational = models.BooleanField(_("use as a conversational bot"), default=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = BotQuerySet.as_manager()

    class Meta:
        db_table = "bot"
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(fields=("organisation", "name"), name="bot_name_unique"),
            # The target of the composite foreign key that keeps a key's bot inside the key's organisation.
            models.UniqueConstraint(fields=("id", "organisation"), name="bot_id_organisation_unique"),
        )

    def __str__(self) -> str:
        return self.name
