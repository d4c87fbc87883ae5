"""The catalogue of scopes, the calls each opens, and which scopes a person's role amounts to."""

from collections.abc import Iterable
from datetime import UTC, timedelta
from typing import Final, Self
from uuid import UUID

from django.db import models
from django.db.models.functions import Now, TruncDate
from django.utils.translation import gettext_lazy as _

from keyadmin.models.base import CatalogueQuerySet, RevisionedModel
from keyadmin.models.expressions import CappedCount
from keyadmin.models.key import Key, Kind
from keyadmin.models.person import Role, SystemRole
from keyadmin.models.usage import ScopeDay

IMPERSONATE: Final = "users:impersonate"
#: keyadmin's own scopes. Their endpoints are declared in code, never in the table of routes.
OWN_SCOPES: Final = frozenset({IMPERSONATE, "keys:read", "keys:write", "keys:verify", "history:read"})
#: What an auditor's role amounts to, for a key that inherits it.
READING_SCOPES: Final = frozenset({"keys:read", "history:read"})


def scopes_of_role(*, system_role: str, role: str, catalogue: Iterable[str]) -> frozenset[str]:
    """The scopes, of the whole catalogue, that a person's roles amount to in an organisation.

    What the person may grant, and what a key that inherits from them may do. No role: none.
    """
    if system_role == SystemRole.ADMINISTRATOR:
        return frozenset(catalogue)
    if role == Role.OWNER:
        return frozenset(catalogue) - {IMPERSONATE}
    if system_role == SystemRole.AUDITOR or role == Role.AUDITOR:
        return READING_SCOPES
    return frozenset()


def allowed_for_kind(kind: str, scopes: Iterable[str]) -> frozenset[str]:
    """Of the scopes, those that a key of the kind may have: only a master key acts for people."""
    return frozenset(scopes) if kind == Kind.MASTER else frozenset(scopes) - {IMPERSONATE}


class ScopeQuerySet(CatalogueQuerySet):
    def with_key_count(self) -> Self:
        """Adds `key_count`: how many keys hold the scope on a list of their own; capped."""
        return self.annotate(key_count=CappedCount(Key.scopes.through.objects, "scope")).order_by("position", "name")

    def with_use_by_key(self, key: UUID) -> Self:
        """Adds `last_used`, the last day on which the scope opened a call of the key, None where it never did, and
        `calls_this_week`, of the seven days to today (UTC, by the database's clock), None where there were none.
        """
        days = ScopeDay.objects.filter(key_id=key, scope=models.OuterRef("name"))
        week = days.filter(day__gt=TruncDate(Now() - timedelta(days=7), tzinfo=UTC)).order_by().values("scope")
        return self.annotate(
            last_used=models.Subquery(days.order_by("-day").values("day")[:1]),
            calls_this_week=models.Subquery(week.annotate(calls=models.Sum("count")).values("calls")),
        )


class Scope(RevisionedModel):
    """What a key may do; pages call it a permission."""

    name = models.CharField(primary_key=True, max_length=60)
    resource = models.CharField(_("resource"), max_length=60)
    label = models.CharField(_("label"), max_length=80)
    #: In a few words, beside a checkbox: "List and open". The explanation says it in full.
    caption = models.CharField(_("caption"), max_length=60, blank=True, default="")
    explanation = models.CharField(_("explanation"), max_length=300)
    #: Completes "… can": "read chats".
    ability = models.CharField(max_length=80)
    #: A key that can write or export, open to any address, is worth a warning.
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
        """Part of keyadmin itself, and nobody's to change."""
        return self.name in OWN_SCOPES


class ChannelSource(models.TextChoices):
    """Where a call on a route says which channel it acts through."""

    NONE = "", _("Not about a channel")
    HEADER = "header", _("The X-Channel header")
    PATH = "path", _("The {channel} segment of the path")


class ScopeRoute(models.Model):
    """A method and path pattern that a scope opens. Several scopes may open the same one."""

    scope = models.ForeignKey(Scope, on_delete=models.CASCADE, related_name="routes")
    method = models.CharField(max_length=10)
    pattern = models.CharField(max_length=200)
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
