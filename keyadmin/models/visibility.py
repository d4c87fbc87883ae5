"""Who may read what: the base of every QuerySet whose rows belong to an organisation.

A command on the operator's shell and the background work read everything; a person with a system role
likewise; an owner or auditor reads their organisations; a key reads its own organisation.
"""

from typing import Any, Self

from django.apps import apps
from django.db import models

from keyadmin.core.actors import Actor, ActorKind


class ActorQuerySet(models.QuerySet[Any]):
    """Decides from the actor's current roles, in the same statement that reads the rows.

    Roles that were read before (`Actor.organisations`) only ever narrow that.
    """

    #: Path from a row to its organisation's id.
    organisation_path = "organisation"

    def visible_to(self, actor: Actor) -> Self:
        if self.sees_everything(actor):
            return self
        if actor.has_system_role:
            return self.filter(models.Exists(self.system_role_of(actor)))
        readable = self.filter(**{f"{self.organisation_path}__in": self.readable_organisations(actor)})
        return readable.filter(self.known_of(actor, self.organisation_path))

    @staticmethod
    def sees_everything(actor: Actor) -> bool:
        return actor.kind in (ActorKind.COMMAND, ActorKind.SYSTEM)

    @staticmethod
    def known_of(actor: Actor, path: str) -> models.Q:
        """That the organisation at the path is one that the actor can read at most, where those are known.

        It is said besides, as values: of a sub-query PostgreSQL thinks that half of all organisations come out of it.
        """
        return models.Q(**{f"{path}__in": actor.organisations}) if actor.organisations else models.Q()

    @staticmethod
    def system_role_of(actor: Actor) -> models.QuerySet[Any]:
        """The person, if it holds a system role: as a sub-query, asked once a statement and not once a row."""
        people = apps.get_model("keyadmin", "Person")._default_manager
        return people.filter(id=actor.id, is_active=True).exclude(system_role="")

    @classmethod
    def readable_organisations(cls, actor: Actor) -> models.QuerySet[Any]:
        """The ids of the organisations whose rows the actor may read, as a sub-query."""
        organisations = apps.get_model("keyadmin", "Organisation")._default_manager.all()
        if actor.kind is ActorKind.KEY:
            return organisations.filter(keys=actor.id).values("id")
        system = models.Exists(cls.system_role_of(actor))
        if actor.has_system_role:
            return organisations.filter(system).values("id")
        memberships = apps.get_model("keyadmin", "Membership")._default_manager.filter(
            person=actor.id, person__is_active=True, role__in=("owner", "auditor")
        )
        held = models.Q(id__in=memberships.values("organisation"))
        return organisations.filter(held if actor.has_system_role is False else system | held).values("id")


class CatalogueQuerySet(models.QuerySet[Any]):
    """Of what all organisations share: whole for who reads the whole installation, empty for everybody else."""

    def visible_to(self, actor: Actor) -> Self:
        if ActorQuerySet.sees_everything(actor):
            return self
        if actor.kind is ActorKind.KEY:
            return self.none()
        return self.filter(models.Exists(ActorQuerySet.system_role_of(actor)))
