"""Who may read what: the base of every QuerySet whose rows belong to an organisation.

A command on the operator's shell and the background work read everything; a person with a system role
likewise; an owner or auditor reads their organisations; a key reads its own organisation.
"""

from typing import Any, Self

from django.apps import apps
from django.db import models

from keyadmin.foundation.actors import Actor, ActorKind


class ActorQuerySet(models.QuerySet[Any]):
    """Decides from the actor's current roles, in the same statement that reads the rows."""

    #: Path from a row to its organisation's id.
    organisation_path = "organisation"

    def visible_to(self, actor: Actor) -> Self:
        if self.sees_everything(actor):
            return self
        return self.filter(**{f"{self.organisation_path}__in": self.readable_organisations(actor)})

    @staticmethod
    def sees_everything(actor: Actor) -> bool:
        return actor.kind in (ActorKind.COMMAND, ActorKind.SYSTEM)

    @staticmethod
    def readable_organisations(actor: Actor) -> models.QuerySet[Any]:
        """The ids of the organisations whose rows the actor may read, as a sub-query."""
        organisations = apps.get_model("keyadmin", "Organisation")._default_manager.all()
        if actor.kind is ActorKind.KEY:
            return organisations.filter(keys=actor.id).values("id")
        people = apps.get_model("keyadmin", "Person")._default_manager
        system = people.filter(id=actor.id, is_active=True).exclude(system_role="")
        memberships = apps.get_model("keyadmin", "Membership")._default_manager.filter(
            person=actor.id, person__is_active=True, role__in=("owner", "auditor")
        )
        return organisations.filter(
            models.Q(models.Exists(system)) | models.Q(id__in=memberships.values("organisation"))
        ).values("id")


class CatalogueQuerySet(models.QuerySet[Any]):
    """Of what all organisations share: whole for who reads the whole installation, empty for everybody else."""

    def visible_to(self, actor: Actor) -> Self:
        if ActorQuerySet.sees_everything(actor):
            return self
        if actor.kind is ActorKind.KEY:
            return self.none()
        people = apps.get_model("keyadmin", "Person")._default_manager
        system = people.filter(id=actor.id, is_active=True).exclude(system_role="")
        return self.filter(models.Exists(system))
