"""Base classes of the models: revision numbers, and QuerySets that select the rows that an actor may read.

Commands, background work and people with a system role read every row. An owner or auditor of an organisation reads
the rows of that organisation. A key reads the rows of its own organisation.
"""

from typing import Any, Self

from django.apps import apps
from django.db import models

from keyadmin.core.actors import Actor, ActorKind


class RevisionedModel(models.Model):
    """Adds `revision`, a number that every edit of the row increments.

    An editor sends the revision that it read; `operations.revisions.require` rejects the edit if the row has a later
    one.
    """

    revision = models.PositiveIntegerField(default=1, db_default=1)

    class Meta:
        abstract = True


class ActorQuerySet(models.QuerySet[Any]):
    """Rows that belong to an organisation."""

    #: Lookup path from a row to the ID of its organisation.
    organisation_path = "organisation"

    def visible_to(self, actor: Actor) -> Self:
        """The rows that the actor may read.

        The statement that reads the rows also reads the actor's current roles. `Actor.has_system_role` and
        `Actor.organisations` were read earlier. They help the query planner, and can only remove rows from the result.
        """
        if self.sees_everything(actor):
            return self
        if actor.has_system_role:
            return self.filter(models.Exists(self.person_with_system_role(actor)))
        readable = self.filter(**{f"{self.organisation_path}__in": self.readable_organisations(actor)})
        return readable.filter(self.in_known_organisations(actor, self.organisation_path))

    @staticmethod
    def sees_everything(actor: Actor) -> bool:
        """Whether the actor reads every row without a look at its roles: commands and background work."""
        return actor.kind in (ActorKind.COMMAND, ActorKind.SYSTEM)

    @staticmethod
    def in_known_organisations(actor: Actor, path: str) -> models.Q:
        """The condition that the organisation at `path` is one of `actor.organisations`; empty if there are none.

        Use it beside `readable_organisations`. It repeats that condition with literal values, because PostgreSQL
        estimates that the sub-query returns half of all organisations.
        """
        return models.Q(**{f"{path}__in": actor.organisations}) if actor.organisations else models.Q()

    @staticmethod
    def person_with_system_role(actor: Actor) -> models.QuerySet[Any]:
        """The row of the actor, if the actor is an active person with a system role, as a sub-query.

        It does not refer to the outer query, so PostgreSQL runs it once for each statement.
        """
        people: models.QuerySet[Any] = apps.get_model("keyadmin", "Person")._default_manager.all()
        return people.filter(id=actor.id, is_active=True).exclude(system_role="")

    @classmethod
    def readable_organisations(cls, actor: Actor) -> models.QuerySet[Any]:
        """The IDs of the organisations whose rows the actor may read, as a sub-query."""
        organisations = apps.get_model("keyadmin", "Organisation")._default_manager.all()
        if actor.kind is ActorKind.KEY:
            return organisations.filter(keys=actor.id).values("id")
        has_system_role = models.Exists(cls.person_with_system_role(actor))
        if actor.has_system_role:
            return organisations.filter(has_system_role).values("id")
        memberships = apps.get_model("keyadmin", "Membership")._default_manager.filter(
            person=actor.id, person__is_active=True, role__in=("owner", "auditor")
        )
        is_member = models.Q(id__in=memberships.values("organisation"))
        # None, unknown, takes both conditions.
        condition = is_member if actor.has_system_role is False else has_system_role | is_member
        return organisations.filter(condition).values("id")


class CatalogueQuerySet(models.QuerySet[Any]):
    """Rows that all organisations share: scopes and tiers."""

    def visible_to(self, actor: Actor) -> Self:
        """All rows for people with a system role, commands and background work; none for other actors."""
        if ActorQuerySet.sees_everything(actor):
            return self
        if actor.kind is ActorKind.KEY:
            return self.none()
        return self.filter(models.Exists(ActorQuerySet.person_with_system_role(actor)))
