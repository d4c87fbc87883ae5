"""Scopes, the routes that each opens, and the scopes of roles. Pages call a scope a permission."""

from collections.abc import Iterable
from datetime import UTC, timedelta
from typing import Any, Final, Self
from uuid import UUID

from django.db import models
from django.db.models.functions import Now, TruncDate
from django.utils.translation import gettext_lazy as _

from keyadmin.core.endpoints import KEY_ROUTES
from keyadmin.core.routes import Route
from keyadmin.models import texts
from keyadmin.models.base import CatalogueQuerySet, RevisionedModel
from keyadmin.models.expressions import CappedCount
from keyadmin.models.key import Key, KeyKind
from keyadmin.models.person import Role, SystemRole
from keyadmin.models.usage import ScopeDay

IMPERSONATE: Final = "users:impersonate"
#: The scopes of keyadmin's own API. Their routes are in core/endpoints.py, not in the database.
OWN_SCOPES: Final = frozenset({IMPERSONATE, "keys:read", "keys:write", "keys:verify", "history:read"})
#: The scopes that a key inherits from an auditor.
READING_SCOPES: Final = frozenset({"keys:read", "history:read"})


def scopes_of_role(*, system_role: str, role: str, catalogue: Iterable[str]) -> frozenset[str]:
    """The scopes of a person in an organisation; empty without a role.

    The person can give these scopes to a key, and a key that inherits from the person has them. `system_role` is a
    value of SystemRole or ""; `role` is a value of Role or "". `catalogue` is the names of all scopes.
    """
    if system_role == SystemRole.ADMINISTRATOR:
        return frozenset(catalogue)
    if role == Role.OWNER:
        return frozenset(catalogue) - {IMPERSONATE}
    if system_role == SystemRole.AUDITOR or role == Role.AUDITOR:
        return READING_SCOPES
    return frozenset()


def allowed_for_kind(kind: str, scopes: Iterable[str]) -> frozenset[str]:
    """Those of the scopes that a key of the kind may have. Only a master key may act for people."""
    return frozenset(scopes) if kind == KeyKind.MASTER else frozenset(scopes) - {IMPERSONATE}


def effective_scopes(key: Any) -> frozenset[str]:
    """The scopes that the key has now: its own, or those that it inherits.

    The key must be read `with_lists` and `with_creator_roles`.
    """
    if not key.inherits:
        return frozenset(key.scope_names)
    roles = {"system_role": key.creator_system_role, "role": key.creator_role}
    return allowed_for_kind(key.kind, scopes_of_role(**roles, catalogue=key.catalogue))


class ScopeQuerySet(CatalogueQuerySet):
    def with_key_count(self) -> Self:
        """Adds `key_count`: the number of keys with the scope, without keys that inherit; at most COUNT_LIMIT + 1."""
        return self.annotate(key_count=CappedCount(Key.scopes.through.objects, "scope")).order_by("position", "name")

    def with_use_by_key(self, key: UUID) -> Self:
        """Adds `last_used` and `calls_this_week` of one key; None if there were no calls.

        `last_used` is the last day on which the scope opened a call. `calls_this_week` is the number of calls that it
        opened in the last seven days, today included. Days are UTC, by the database's clock.
        """
        days = ScopeDay.objects.filter(key_id=key, scope=models.OuterRef("name"))
        week = days.filter(day__gt=TruncDate(Now() - timedelta(days=7), tzinfo=UTC)).order_by().values("scope")
        return self.annotate(
            last_used=models.Subquery(days.order_by("-day").values("day")[:1]),
            calls_this_week=models.Subquery(week.annotate(calls=models.Sum("count")).values("calls")),
        )


class Scope(RevisionedModel):
    """A permission that keys may have."""

    name = models.CharField(primary_key=True, max_length=60)
    resource = texts.Text(_("resource"), max_length=60)
    label = texts.Text(_("label"), max_length=80)
    #: A few words beside a checkbox, such as "List and open". `explanation` says it in full.
    caption = texts.Text(_("caption"), max_length=60, blank=True, default="")
    explanation = texts.Text(_("explanation"), max_length=300)
    #: Completes the sentence "The key can …", for example "read chats".
    ability = texts.Text(max_length=80)
    #: Pages warn about a key that has this scope and may be used from any address.
    is_sensitive = models.BooleanField(default=False)
    position = models.PositiveIntegerField(default=100)

    objects = ScopeQuerySet.as_manager()

    class Meta:
        db_table = "scope"
        ordering = ("position", "name")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(name__regex=r"^[a-z][a-z-]*:[a-z][a-z-]*$"), name="scope_name_shape"
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_own(self) -> bool:
        """Whether the scope is part of keyadmin itself and cannot be changed."""
        return self.name in OWN_SCOPES

    @property
    def opened_routes(self) -> "list[ScopeRoute | Route]":
        """The routes of the calls that the scope allows, those of keyadmin's own API included."""
        if self.is_own:
            return [route for route in KEY_ROUTES if route.scope == self.name]
        return list(self.routes.all())


class ChannelSource(models.TextChoices):
    """The part of a call that names its channel."""

    NONE = "", _("No channel")
    HEADER = "header", _("The X-Channel header")
    PATH = "path", _("The {channel} segment of the path")


class ScopeRoute(models.Model):
    """A method and path pattern that a scope opens; core/routes.py describes patterns. Scopes may share a route."""

    scope = models.ForeignKey(Scope, on_delete=models.CASCADE, related_name="routes")
    method = models.CharField(max_length=10)
    pattern = texts.Text(max_length=200)
    channel_from = models.CharField(max_length=8, choices=ChannelSource, blank=True, default="")

    class Meta:
        db_table = "scope_route"
        ordering = ("pattern", "method", "id")
        constraints = (
            models.UniqueConstraint(fields=("scope", "method", "pattern"), name="scope_route_unique"),
            models.CheckConstraint(condition=models.Q(pattern__startswith="/"), name="scope_route_rooted"),
            models.CheckConstraint(
                condition=models.Q(method__in=["GET", "POST", "PUT", "PATCH", "DELETE"]),
                name="scope_route_method_known",
            ),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.pattern}"
