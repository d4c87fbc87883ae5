"""The review report: findings about keys that are neither revoked nor expired, such as "never used".

`review_keys` computes the findings of some keys. For all keys of a large installation this takes too long for a page,
so `ReviewFinding` has the findings as of the last build of the report.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import Exists, ExpressionWrapper, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from keyadmin.models import paging
from keyadmin.models.base import ActorQuerySet
from keyadmin.models.key import EXPIRING_SOON, Key, KeyQuerySet
from keyadmin.models.meter import Meter
from keyadmin.models.network import AllowListEntry
from keyadmin.models.organisation import is_expiry_allowed
from keyadmin.models.person import Membership
from keyadmin.models.scope import Scope, allowed_for_kind, scopes_of_role
from keyadmin.models.texts import RedactedText
from keyadmin.models.usage import ScopeDay

#: Without a call for this time, a key or a permission counts as unused.
UNUSED_AFTER: Final = timedelta(days=90)
#: The texts of a key and its bot that may contain an API key, because they were stored before that was refused.
_TEXTS: Final = ("name", "description", "created_by", "bot__name", "bot__description")


class Finding(models.TextChoices):
    """The findings, in the order of reports."""

    NEVER_USED = "never-used", _("Never used")
    UNUSED = "unused", _("Unused for 90 days")
    NO_EXPIRY = "no-expiry", _("No expiry")
    EXPIRING = "expiring", _("Expiring soon")
    OUTSIDE_POLICY = "policy", _("Outside the key policy")
    OPEN = "open", _("Any IP address")
    NO_ADDRESS = "no-address", _("No usable IP address")
    FULL_ACCESS = "full-access", _("Full access")
    PERMISSIONS = "permissions", _("Unused permissions")
    OWNER_GONE = "owner-gone", _("Owner gone")
    KEY_IN_TEXT = "key-in-text", _("API key in a text")


@dataclass(frozen=True, slots=True)
class KeyReview:
    """The findings of a key. `scopes` are its own or inherited ones; `unused` are those without a call for 90 days."""

    key: UUID
    organisation: UUID
    findings: tuple[Finding, ...]
    scopes: frozenset[str]
    unused: frozenset[str]

    @property
    def pk(self) -> UUID:
        """The tiebreaker of `paging`."""
        return self.key

    @property
    def total(self) -> int:
        """The number of findings."""
        return len(self.findings)


def reviewable(keys: KeyQuerySet) -> KeyQuerySet:
    """The keys that are neither revoked nor expired. Paused keys are included, because they may be resumed."""
    return keys.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=Now()), revoked_at__isnull=True)


def review_keys(keys: QuerySet[Any]) -> list[KeyReview]:
    """The findings of each key, in the order of the query. Sends two statements."""
    catalogue = frozenset(Scope.objects.values_list("name", flat=True))
    now = timezone.now()
    since = (now - UNUSED_AFTER).astimezone(UTC).date()
    return [_review(facts, catalogue, now) for facts in _facts(keys, since)]


def iterate(keys: KeyQuerySet, batch_size: int = 500) -> Iterator[tuple[Any, KeyReview]]:
    """(key, review) for each of the keys that has findings, the newest key first.

    The keys have organisation, bot, status and usage. Reads `batch_size` keys at a time, so that statements are short
    and memory does not grow.
    """
    rows = reviewable(keys).with_status().with_usage().select_related("organisation", "bot")
    cursor = ""
    while True:
        page = paging.page(rows, paging.NEWEST_FIRST, cursor, batch_size)
        reviews = {row.key: row for row in review_keys(Key.objects.filter(id__in=[key.id for key in page.rows]))}
        for key in page.rows:
            review = reviews.get(key.id)  # None if the key was deleted since the first statement
            if review and review.findings:
                yield key, review
        cursor = page.after
        if not cursor:
            return


def _facts(keys: QuerySet[Any], since: date) -> QuerySet[Any]:
    """What the findings of each key depend on. Scopes count as used if they opened a call after the day `since`."""
    entries = AllowListEntry.objects.order_by()
    roles = Membership.objects.filter(person=OuterRef("creator"), organisation=OuterRef("organisation"))
    granted = Key.scopes.through.objects.filter(key=OuterRef("pk")).order_by().values("scope")
    days = ScopeDay.objects.filter(day__gt=since).order_by()
    own, of_bot = entries.filter(key=OuterRef("pk")), entries.filter(bot=OuterRef("bot"))
    bot_networks = entries.filter(bot=OuterRef(OuterRef("bot")), network__overlaps=OuterRef("network"))
    used = days.filter(ExpressionWrapper(OuterRef("inherits"), models.BooleanField()), key_id=OuterRef("pk"))
    idle = granted.filter(~Exists(days.filter(key_id=OuterRef("key"), scope=OuterRef("scope"))))
    return keys.values(
        "id",
        "kind",
        "inherits",
        "expires_at",
        "creator",
        "creator__is_active",
        "creator__system_role",
        "organisation__may_never_expire",
        "organisation__max_expiry_days",
        *_TEXTS,
        owner=models.F("organisation"),
        last_used_at=Subquery(Meter.objects.filter(key_id=OuterRef("pk")).values("last_used_at")),
        is_open=~Exists(own) & ~Exists(of_bot),
        has_no_address=Exists(own) & Exists(of_bot) & ~Exists(own.filter(Exists(bot_networks))),
        role=Coalesce(Subquery(roles.values("role")), models.Value("")),
        granted=ArraySubquery(granted),
        # `idle`: the key's own scopes without a call. `used`: for a key that inherits, whose scopes are not in the
        # database, the scopes with calls.
        idle=ArraySubquery(idle),
        used=ArraySubquery(used.values("scope").distinct()),
    )


def _review(facts: dict[str, Any], catalogue: Collection[str], now: datetime) -> KeyReview:
    scopes, unused = frozenset(facts["granted"]), frozenset(facts["idle"])
    is_gone = facts["creator"] is not None and not (
        facts["creator__is_active"] and (facts["role"] or facts["creator__system_role"])
    )
    if facts["inherits"]:
        roles = {"system_role": facts["creator__system_role"], "role": facts["role"]}
        inherited = scopes_of_role(**roles, catalogue=catalogue) if facts["creator__is_active"] else frozenset[str]()
        scopes = allowed_for_kind(facts["kind"], inherited)
        unused = scopes - frozenset(facts["used"])
    expires_at, used_at = facts["expires_at"], facts["last_used_at"]
    policy = {name: facts[f"organisation__{name}"] for name in ("may_never_expire", "max_expiry_days")}
    applies = {
        Finding.NEVER_USED: used_at is None,
        Finding.UNUSED: used_at is not None and used_at < now - UNUSED_AFTER,
        Finding.NO_EXPIRY: expires_at is None,
        Finding.EXPIRING: expires_at is not None and expires_at <= now + EXPIRING_SOON,
        Finding.OUTSIDE_POLICY: not is_expiry_allowed(expires_at, now, **policy),
        Finding.OPEN: facts["is_open"],
        Finding.NO_ADDRESS: facts["has_no_address"],
        Finding.FULL_ACCESS: facts["inherits"] or scopes >= allowed_for_kind(facts["kind"], catalogue),
        Finding.PERMISSIONS: bool(unused),
        Finding.OWNER_GONE: is_gone,
        Finding.KEY_IN_TEXT: any(isinstance(facts[name], RedactedText) for name in _TEXTS),
    }
    findings = tuple(finding for finding in Finding if applies[finding])
    return KeyReview(facts["id"], facts["owner"], findings, scopes, unused)


class ReviewFindingQuerySet(ActorQuerySet):
    organisation_path = "organisation_id"

    def of(self, finding: str) -> Self:
        """One row for each key with that finding, or with any finding if it is ""."""
        return self.filter(finding=finding or ANY)


#: A key with findings has one more row, with this value, so that one index finds the keys with any finding.
ANY: Final = "any"


class ReviewFinding(models.Model):
    """A finding of a key as of the last build. `total` is the number of findings of the key.

    There are no foreign keys, because the key may be deleted later.
    """

    pk = models.CompositePrimaryKey("key_id", "finding")
    key_id = models.UUIDField()
    finding = models.CharField(max_length=12, choices=[*Finding.choices, (ANY, ANY)])
    organisation_id = models.UUIDField()
    total = models.PositiveSmallIntegerField()

    objects = ReviewFindingQuerySet.as_manager()

    class Meta:
        db_table = "review_finding"
        indexes = (
            models.Index(fields=("finding", "-total", "-key_id"), name="review_finding_most"),
            models.Index(fields=("organisation_id", "finding", "-total", "-key_id"), name="review_finding_of"),
        )
        constraints = (
            models.CheckConstraint(condition=Q(finding__in=[*Finding.values, ANY]), name="review_finding_known"),
        )

    def __str__(self) -> str:
        return f"{self.key_id} {self.finding}"


class ReviewBuild(models.Model):
    """The last build of the report, in one row: its time, and the number of the newest event at that time."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    at = models.DateTimeField()
    event = models.BigIntegerField()

    class Meta:
        db_table = "review_build"
        constraints = (models.CheckConstraint(condition=Q(id=1), name="review_build_single"),)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"
