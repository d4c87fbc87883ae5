"""Base classes of the models: revision numbers, and QuerySets that know which rows an actor may read.

Commands and background work read every row. So does a person with a system role. An owner or auditor of an
organisation reads the rows of that organisation. A key reads the rows of its own organisation.
"""

from typing import Any, Self

from django.apps import apps
from django.db import models

from keyadmin.core.actors import Actor, ActorKind


class RevisionedModel(models.Model):
    """Adds `revision`, which every change to the row increments.

    An editor sends the revision it read; `operations.revisions.require` rejects the edit if the row has a later one.
    """

    revision = models.PositiveIntegerField(default=1, db_default=1)

    class Meta:
        abstract = True


class ActorQuerySet(models.QuerySet[Any]):
    """Restricts rows to those that an actor may read.

    The statement that reads the rows also reads the actor's current roles. `Actor.has_system_role` and
    `Actor.organisations` were read earlier: they help the planner and can only remove rows from the result.
    """

    #: Lookup path from a row to the ID of its organisation.
    organisation_path = "organisation"

    def visible_to(self, actor: Actor) -> Self:
        if self.sees_everything(actor):
            return self
        if actor.has_system_role:
            return self.filter(models.Exists(self.person_with_system_role(actor)))
        readable = self.filter(**{f"{self.organisation_path}__in": self.readable_organisations(actor)})
        return readable.filter(self.in_known_organisations(actor, self.organisation_path))

    @staticmethod
    def sees_everything(actor: Actor) -> bool:
        return actor.kind in (ActorKind.COMMAND, ActorKind.SYSTEM)

    @staticmethod
    def in_known_organisations(actor: Actor, path: str) -> models.Q:
        """The condition that the organisation at `path` is one of `actor.organisations`; empty if there are none.

        It repeats the sub-query's condition with literal values, because PostgreSQL estimates that the sub-query
        returns half of all organisations.
        """
        return models.Q(**{f"{path}__in": actor.organisations}) if actor.organisations else models.Q()

    @staticmethod
    def person_with_system_role(actor: Actor) -> models.QuerySet[Any]:
        """The actor's person row if it is active and has a system role, as a sub-query.

        The sub-query does not refer to the outer row, so PostgreSQL runs it once for each statement.
        """
        people: models.QuerySet[Any] = apps.get_model("keyadmin", "Person")._default_manager.all()
        return people.filter(id=actor.id, is_active=True).exclude(system_role="")

    @classmethod
    def readable_organisations(cls, actor: Actor) -> models.QuerySet[Any]:
        """The IDs of the organisations whose rows the actor may read, as a sub-query."""
        organisations = apps.get_model("keyadmin", "Organisation")._default_manager.all()
        if actor.kind is ActorKind.KEY:
            return organisations.filter(keys=actor.id).values("id")
        system = models.Exists(cls.person_with_system_role(actor))
        if actor.has_system_role:
            return organisations.filter(system).values("id")
        memberships = apps.get_model("keyadmin", "Membership")._default_manager.filter(
            person=actor.id, person__is_active=True, role__in=("owner", "auditor")
        )
        is_member = models.Q(id__in=memberships.values("organisation"))
        return organisations.filter(is_member if actor.has_system_role is False else system | is_member).values("id")


class CatalogueQuerySet(models.QuerySet[Any]):
    """Rows that all organisations share. Only actors that read the whole installation may list them."""

    def visible_to(self, actor: Actor) -> Self:
        if ActorQuerySet.sees_everything(actor):
            return self
        if actor.kind is ActorKind.KEY:
            return self.none()
        return self.filter(models.Exists(ActorQuerySet.person_with_system_role(actor)))
