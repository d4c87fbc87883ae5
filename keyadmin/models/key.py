"""API keys and the queries that list them."""

import uuid
from datetime import datetime, timedelta
from typing import Any, Final, Self

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Cast, Coalesce, JSONObject, Now, Upper
from django.db.models.lookups import GreaterThan
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from keyadmin.core.key_shapes import contains_key, public_part
from keyadmin.core.text import normalise
from keyadmin.core.tokens import KeyFormat
from keyadmin.models import texts
from keyadmin.models.base import ActorQuerySet, RevisionedModel
from keyadmin.models.bot import Bot
from keyadmin.models.expressions import EqualsAny
from keyadmin.models.network import AllowListEntry, CidrField
from keyadmin.models.organisation import Organisation
from keyadmin.models.person import Membership
from keyadmin.models.secret import Secret
from keyadmin.models.usage import AddressDay, CallOutcome, LastDenial, SecretUse, UsageHour
from keyadmin.models.usage_sums import KeyDay, summed_until

_RECOGNITION_LENGTH: Final = 8
#: A key that expires within this time has the status EXPIRING.
EXPIRING_SOON: Final = timedelta(days=7)


class KeyKind(models.TextChoices):
    """The kind of a key. Only a master key may act for people. An organisation has at most one public key."""

    MASTER = "master", _("Master User API key")
    STANDARD = "standard", _("API key")
    BOT = "bot", _("Bot API key")
    PUBLIC = "public", _("Public API key")


class KeyStatus(models.TextChoices):
    """The status of a key: the first of these that applies. A key is paused if its bot or organisation is disabled."""

    REVOKED = "revoked", _("Revoked")
    EXPIRED = "expired", _("Expired")
    PAUSED = "paused", _("Paused")
    EXPIRING = "expiring", _("Expiring soon")
    ACTIVE = "active", _("Active")


def _array(element: "models.Field[Any, Any]", query: str, column: str = "id") -> models.Func:
    """The values that a query of one column returns, as an array. `{}` in the query is the key's `column`.

    Written in SQL, because Django takes five times as long to build such a sub-query as PostgreSQL to run it.
    """
    template = f"ARRAY({query.format('%(expressions)s')})"
    return models.Func(models.F(column), template=template, output_field=ArrayField(element))


class _ExpiryOrInfinity(models.Func):
    """The expiry of a key, infinity if it has none.

    Also keeps PostgreSQL from using the index of `expires_at`, which is slower for a condition that about half of all
    keys meet.
    """

    template = "coalesce(%(expressions)s, 'infinity')"
    output_field = models.DateTimeField()


def _owner_is_disabled(column: str, owners: type[models.Model]) -> Q:
    """The condition that the owner in `column` is disabled.

    PostgreSQL looks an array up in the index of keys. For a join it would read every key.
    """
    return Q(
        EqualsAny(F(column), ArraySubquery(owners._default_manager.filter(is_active=False).order_by().values("id")))
    )


class KeyQuerySet(ActorQuerySet):
    def with_status(self) -> Self:
        """Adds `status_now`, the value of `Key.status` by the database's clock."""
        paused = Q(organisation__is_active=False) | Q(bot__is_active=False)
        return self.annotate(
            status_now=Case(
                When(revoked_at__isnull=False, then=Value(KeyStatus.REVOKED.value)),
                When(expires_at__lte=Now(), then=Value(KeyStatus.EXPIRED.value)),
                When(paused, then=Value(KeyStatus.PAUSED.value)),
                When(expires_at__lte=Now() + EXPIRING_SOON, then=Value(KeyStatus.EXPIRING.value)),
                default=Value(KeyStatus.ACTIVE.value),
                output_field=models.CharField(),
            )
        )

    def in_status(self, status: str) -> Self:
        """The keys that have that Status now. Unlike a filter on `status_now`, the conditions use indexes."""
        if status == KeyStatus.REVOKED:
            return self.filter(revoked_at__isnull=False)
        if status == KeyStatus.EXPIRED:
            return self.filter(revoked_at__isnull=True, expires_at__lte=Now())
        if status == KeyStatus.PAUSED:
            return self.valid().filter(
                _owner_is_disabled("organisation_id", Organisation) | _owner_is_disabled("bot_id", Bot)
            )
        if status == KeyStatus.EXPIRING:
            return self.usable().filter(expires_at__gt=Now(), expires_at__lte=Now() + EXPIRING_SOON)
        return self.usable().filter(Q(GreaterThan(_ExpiryOrInfinity(F("expires_at")), Now() + EXPIRING_SOON)))

    def valid(self) -> Self:
        """Neither revoked nor expired."""
        return self.filter(Q(GreaterThan(_ExpiryOrInfinity(F("expires_at")), Now())), revoked_at__isnull=True)

    def usable(self) -> Self:
        """Neither revoked nor expired nor paused: the keys whose calls are not denied for their status."""
        return self.valid().filter(Q(bot__isnull=True) | Q(bot__is_active=True), organisation__is_active=True)

    def with_usage(self) -> Self:
        """Adds `total`, `last_used_at`, `last_used_day` and `last_used_ip` from the meters."""
        columns = ("total", "last_used_at", "last_used_day", "last_used_ip")
        return self.annotate(**{column: F(f"meter__{column}") for column in columns})

    def with_denied_total(self) -> Self:
        """Adds `denied_total`: the denied calls since the key was created, as far as its usage is still kept."""
        of_key = {"key_id": models.OuterRef("id")}
        days = KeyDay.objects.filter(**of_key).order_by().values("key_id").annotate(calls=models.Sum("denied"))
        hours = UsageHour.objects.filter(**of_key, hour__gte=summed_until("days_until")).exclude(outcome=CallOutcome.OK)
        hours = hours.order_by().values("key_id").annotate(calls=models.Sum("count"))
        parts = (Cast(models.Subquery(part.values("calls")), models.BigIntegerField()) for part in (days, hours))
        finished, running = (Coalesce(part, 0) for part in parts)
        return self.annotate(denied_total=finished + running)

    def with_last_call(self) -> Self:
        """Adds `last_call`, the redacted request line of the last allowed call, about a second after the call.

        Needs `with_usage`.
        """
        of_day = AddressDay.objects.filter(key_id=models.OuterRef("id"), day=models.OuterRef("last_used_day"))
        calls = of_day.filter(address=models.OuterRef("last_used_ip")).values("call")
        return self.annotate(last_call=models.Subquery(calls))

    def with_grace(self) -> Self:
        """Adds `old_secret_until`, the end of the grace period of the previous secret; None if there is none."""
        old = Secret.objects.filter(key=models.OuterRef("id"), not_after__gt=Now())
        return self.annotate(old_secret_until=models.Subquery(old.values("not_after")[:1]))

    def with_old_secret_use(self) -> Self:
        """Adds `old_secret_used_at`: when the old secret was last used since its replacement; None if it was not."""
        secrets = Secret.objects.filter(key=models.OuterRef(models.OuterRef("id")))
        current = Secret.objects.filter(key=models.OuterRef(models.OuterRef("id")), not_after__isnull=True)
        use = SecretUse.objects.filter(
            secret_id__in=secrets.filter(not_after__gt=Now()).values("id"),
            last_used_at__gt=models.Subquery(current.values("created_at")),
        )
        return self.annotate(old_secret_used_at=models.Subquery(use.values("last_used_at")[:1]))

    def with_denials(self, since: datetime) -> Self:
        """Adds `denied_calls`, by reason since the hour `since`, and `last_denials`, for `usage.denials_by_reason`."""
        of_key = UsageHour.objects.denied(models.OuterRef("id"), since).order_by()
        calls = of_key.values("outcome").annotate(calls=models.Sum("count"))
        last = LastDenial.objects.filter(key_id=models.OuterRef("id"))
        columns = {name: F(name) for name in ("reason", "at", "address", "call")}
        return self.annotate(
            denied_calls=ArraySubquery(calls.values(row=JSONObject(reason=F("outcome"), calls=F("calls")))),
            last_denials=ArraySubquery(last.values(row=JSONObject(**columns))),
        )

    def with_hourly_usage(self) -> Self:
        """Adds `used_now`: the calls in the rolling hour that ends now.

        Also adds the meter's newest minute, which is not in the ledger yet: `newest_minute` (minutes since the epoch)
        and `newest_minute_calls`.
        """
        parts = (F("meter__minute"), F("meter__cells"), F("meter__used"))
        used = models.Func(*parts, function="meter_used", output_field=models.BigIntegerField())
        return self.annotate(
            used_now=used,
            newest_minute=F("meter__minute"),
            newest_minute_calls=F("meter__cells__0"),
        )

    def with_lists(self) -> Self:
        """Adds the arrays `scope_names`, `channel_ids`, `own_networks`, `own_notes` and `bot_networks`.

        `own_notes` are the notes of `own_networks`, in the same order. All are the key's own; inherited scopes are not
        included.
        """
        return self.annotate(
            scope_names=_array(models.CharField(), "SELECT scope_id FROM key_scope WHERE key_id = {} ORDER BY 1"),
            channel_ids=_array(models.UUIDField(), "SELECT channel_id FROM key_channel WHERE key_id = {}"),
            own_networks=_array(
                CidrField(), "SELECT network FROM allow_list_entry WHERE key_id = {} ORDER BY created_at, id"
            ),
            own_notes=_array(
                texts.Text(), "SELECT note FROM allow_list_entry WHERE key_id = {} ORDER BY created_at, id"
            ),
            bot_networks=_array(
                CidrField(),
                "SELECT network FROM allow_list_entry WHERE bot_id = {} ORDER BY created_at, id",
                column="bot_id",
            ),
        )

    def with_creator_roles(self) -> Self:
        """Adds what `effective_scopes` needs of a key that inherits.

        `creator_system_role` and `creator_role` are "" without such a role, and if the creator is deactivated.
        `catalogue` is the names of all scopes.
        """
        memberships = Membership.objects.filter(
            person=models.OuterRef("creator"), organisation=models.OuterRef("organisation"), person__is_active=True
        )
        names = models.Func(template="ARRAY(SELECT name FROM scope)", output_field=ArrayField(models.CharField()))
        return self.annotate(
            creator_system_role=Case(When(creator__is_active=True, then=F("creator__system_role")), default=Value("")),
            creator_role=Coalesce(models.Subquery(memberships.values("role")), Value("")),
            catalogue=names,
        )

    def with_channel_slugs(self) -> Self:
        """Adds `channel_slugs`, in ascending order."""
        channels = "SELECT slug FROM channel JOIN key_channel ON channel.id = channel_id WHERE key_id = {} ORDER BY 1"
        return self.annotate(channel_slugs=_array(texts.Slug(), channels))

    def with_network_count(self) -> Self:
        """Adds `network_count`, the number of entries on the key's own list and its bot's."""
        counts = []
        for owner, outer in (("key", "id"), ("bot", "bot_id")):
            entries = AllowListEntry.objects.filter(**{owner: models.OuterRef(outer)}).order_by().values(owner)
            counts.append(Coalesce(models.Subquery(entries.annotate(n=models.Count("id")).values("n")), 0))
        return self.annotate(network_count=counts[0] + counts[1])

    def search(self, text: str) -> Self:
        """Keys whose name, key ID or bot's name contains the text, or whose `recognition` begins with it.

        The text may also be a masked key, or a whole key, whose secret is not searched for.
        """
        text = normalise(text)
        if contains_key(text, texts.known_prefixes):
            text = public_part(text)
            if not text:  # only a secret
                return self.none()
        text = text.rstrip("•")
        prefix, _separator, recognition = text.partition("_")
        bots = Bot.objects.search(text).order_by().values("id")
        return self.filter(
            Q(name__icontains=text)
            | Q(key_id__icontains=text)
            | Q(recognition__istartswith=text)
            | (Q(prefix=prefix, recognition=recognition) if len(recognition) == _RECOGNITION_LENGTH else Q())
            # PostgreSQL looks an array up in the index of `bot_id`. For a join it would read every key.
            | Q(EqualsAny(F("bot_id"), ArraySubquery(bots)))
        )


class Key(RevisionedModel):
    """A key of an organisation or of one of its bots.

    A disabled organisation or bot pauses its keys. This is derived from the owner's row, and not stored with the key.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("keyadmin.Organisation", on_delete=models.PROTECT, related_name="keys")
    bot = models.ForeignKey("keyadmin.Bot", null=True, blank=True, on_delete=models.PROTECT, related_name="keys")
    kind = models.CharField(max_length=8, choices=KeyKind, default=KeyKind.STANDARD)
    name = texts.Text(_("name"), max_length=120)
    description = texts.Text(_("description"), max_length=500, blank=True, default="")
    #: The name was taken from the description, and changes with it until it is edited itself.
    name_follows_description = models.BooleanField(default=False, db_default=False)
    prefix = models.CharField(max_length=12)
    format = models.CharField(max_length=8, choices=[(f.value, f.value) for f in KeyFormat])
    #: The public part of a key in the default format, `<prefix>_<id16>`; NULL in the compact format.
    key_id = models.CharField(max_length=40, null=True, blank=True, unique=True)
    #: The eight characters after the prefix, which pages show to tell keys apart. Calls are not looked up by them.
    recognition = models.CharField(max_length=8)
    tier = models.ForeignKey("keyadmin.Tier", on_delete=models.PROTECT, related_name="keys")
    #: Instead of scopes of its own, the key has those of its creator's current roles in the organisation.
    inherits = models.BooleanField(default=False)
    creator = models.ForeignKey(
        "keyadmin.Person", null=True, blank=True, on_delete=models.PROTECT, related_name="created_keys"
    )
    created_by = texts.Text(max_length=200)
    scopes = models.ManyToManyField("keyadmin.Scope", blank=True, related_name="keys", db_table="key_scope")
    channels = models.ManyToManyField("keyadmin.Channel", blank=True, related_name="keys", db_table="key_channel")
    expires_at = models.DateTimeField(null=True, blank=True, db_index=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_reason = texts.Text(max_length=300, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = KeyQuerySet.as_manager()

    class Meta:
        db_table = "key"
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("organisation", "-created_at", "-id"), name="key_of_organisation"),
            # For keys that may still be used. Includes the columns that counts by status need, for index-only scans.
            models.Index(
                fields=("organisation", "expires_at"),
                include=("id", "bot"),
                condition=Q(revoked_at=None),
                name="key_not_revoked",
            ),
            # Master keys are few among all keys.
            models.Index(fields=("organisation",), condition=Q(kind=KeyKind.MASTER), name="key_master"),
            models.Index(fields=("name", "id"), name="key_by_name"),
            models.Index(F("expires_at").desc(nulls_last=True), F("id").desc(), name="key_by_expiry"),
            models.Index(fields=("prefix",), name="key_by_prefix"),
            models.Index(fields=("revoked_at",), condition=Q(revoked_at__isnull=False), name="key_revoked"),
            # For `search`. One index for all columns, because any of them may match.
            GinIndex(
                *(OpClass(Upper(column), "gin_trgm_ops") for column in ("name", "key_id", "recognition")),
                name="key_search",
            ),
        )
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=KeyKind.values), name="key_kind_known"),
            models.CheckConstraint(
                condition=Q(kind=KeyKind.BOT, bot__isnull=False) | (~Q(kind=KeyKind.BOT) & Q(bot__isnull=True)),
                name="key_bot_kind_has_bot",
            ),
            models.UniqueConstraint(fields=("organisation",), condition=Q(kind=KeyKind.PUBLIC), name="key_one_public"),
            models.CheckConstraint(
                condition=Q(format=KeyFormat.DEFAULT.value, key_id__isnull=False)
                | Q(format=KeyFormat.COMPACT.value, key_id__isnull=True),
                name="key_id_by_format",
            ),
            models.CheckConstraint(
                condition=Q(inherits=False) | Q(creator__isnull=False), name="key_inheriting_has_creator"
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def masked(self) -> str:
        """Prefix and `recognition`, such as `kad_a1b2c3d4`: what pages show of the key."""
        return f"{self.prefix}_{self.recognition}"

    def is_expired_at(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def status_at(self, now: datetime) -> KeyStatus:
        """The status at a time of the database's clock."""
        if self.revoked_at is not None:
            return KeyStatus.REVOKED
        if self.is_expired_at(now):
            return KeyStatus.EXPIRED
        if not self.organisation.is_active or (self.bot is not None and not self.bot.is_active):
            return KeyStatus.PAUSED
        if self.expires_at is not None and self.expires_at <= now + EXPIRING_SOON:
            return KeyStatus.EXPIRING
        return KeyStatus.ACTIVE

    @property
    def status(self) -> KeyStatus:
        """The status now: `status_now` of `with_status`, else by this machine's clock."""
        known: Any = getattr(self, "status_now", None)
        return KeyStatus(known) if known else self.status_at(timezone.now())
