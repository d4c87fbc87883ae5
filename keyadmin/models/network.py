"""Allow-list entries: the networks from which a key, or every key of a bot, may be used."""

import uuid
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, Any, Self

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Coalesce, Concat, Left
from django.db.models.lookups import GreaterThan

from keyadmin.models import texts
from keyadmin.models.base import ActorQuerySet, RevisionedModel
from keyadmin.models.expressions import EqualsAny

if TYPE_CHECKING:
    _Field = models.Field[Any, Any]
else:  # Django's fields cannot be subscripted at run time.
    _Field = models.Field


class CidrField(_Field):
    """PostgreSQL's `cidr`: a network without host bits, as an IPv4Network or IPv6Network.

    Migration 0001 imports this class by this name.
    """

    def db_type(self, connection: Any) -> str:
        return "cidr"

    def to_python(self, value: Any) -> IPv4Network | IPv6Network | None:
        return None if value is None else ip_network(value)

    def from_db_value(self, value: Any, *_: Any) -> IPv4Network | IPv6Network | None:
        return self.to_python(value)

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else str(value)


@CidrField.register_lookup
class ContainsAddress(models.Lookup):
    """`network__contains_address="203.0.113.24"`: the address is in the network."""

    lookup_name = "contains_address"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        network, network_params = self.process_lhs(compiler, connection)
        address, address_params = self.process_rhs(compiler, connection)
        return f"{network} >>= {address}::inet", (*network_params, *address_params)


@CidrField.register_lookup
class Overlaps(models.Lookup):
    """`network__overlaps=other`: the two networks have an address in common."""

    lookup_name = "overlaps"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        network, network_params = self.process_lhs(compiler, connection)
        other, other_params = self.process_rhs(compiler, connection)
        return f"{network} && {other}", (*network_params, *other_params)


class Masklen(models.Func):
    """The prefix length of a network: 24 for 203.0.113.0/24."""

    function = "masklen"
    output_field = models.IntegerField()


class AllowListQuerySet(ActorQuerySet):
    def visible_to(self, actor: Any) -> "AllowListQuerySet":
        """The entries of the keys and bots that the actor may read."""
        if self.sees_everything(actor):
            return self
        if actor.has_system_role:
            return self.filter(Exists(self.person_with_system_role(actor)))
        readable = self.readable_organisations(actor)
        return self._of_owners(Q(organisation__in=readable) & self.in_known_organisations(actor, "organisation"))

    def of_organisation(self, organisation: Any) -> Self:
        return self._of_owners(Q(organisation=organisation))

    def _of_owners(self, owners: Q) -> Self:
        """The entries of the bots and keys that meet the condition. Each part of the union uses an index."""
        parts = []
        for name in ("bot", "key"):
            owner: Any = AllowListEntry._meta.get_field(name).related_model
            entries = AllowListEntry.objects.filter(**{f"{name}__in": owner.objects.filter(owners).values("id")})
            parts.append(entries.order_by().values("id"))
        return self.filter(id__in=parts[0].union(parts[1], all=True))

    def with_owner(self) -> Self:
        """Adds `owner_id`, the ID of the bot or key. The expression has an index."""
        return self.annotate(owner_id=Coalesce("bot_id", "key_id"))

    def with_sort_key(self) -> Self:
        """Adds `sort_key`, a text that sorts entries by organisation, name of the bot or key, and its ID."""
        slug = Coalesce("bot__organisation__slug", "key__organisation__slug")
        name = Left(Coalesce("bot__name", "key__name"), 24)
        owner = Cast(Coalesce("bot_id", "key_id"), models.CharField())
        return self.annotate(
            sort_key=Concat(slug, Value(" "), name, Value(" "), owner, output_field=models.CharField())
        )


class AllowListEntry(RevisionedModel):
    """A network on the list of a key, or of a bot. The list of a bot applies to all its keys."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.ForeignKey("keyadmin.Key", null=True, blank=True, on_delete=models.CASCADE, related_name="allow_list")
    bot = models.ForeignKey("keyadmin.Bot", null=True, blank=True, on_delete=models.CASCADE, related_name="allow_list")
    network = CidrField()
    #: What the network is, for people. Calls do not read it.
    note = texts.Text(max_length=200, blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AllowListQuerySet.as_manager()

    class Meta:
        db_table = "allow_list_entry"
        ordering = ("created_at", "id")
        indexes = (
            # For the keys that can be used from an address.
            GistIndex(fields=("network",), name="allow_list_network", opclasses=["inet_ops"]),
            # For `with_owner`: the order of lists that are too long to sort by name.
            models.Index(Coalesce("bot_id", "key_id"), "id", name="allow_list_owner"),
        )
        constraints = (
            models.CheckConstraint(condition=Q(key__isnull=True) ^ Q(bot__isnull=True), name="allow_list_one_owner"),
            models.CheckConstraint(condition=GreaterThan(Masklen("network"), 0), name="allow_list_no_slash_0"),
            models.UniqueConstraint(fields=("key", "network"), name="allow_list_key_network_unique"),
            models.UniqueConstraint(fields=("bot", "network"), name="allow_list_bot_network_unique"),
        )

    def __str__(self) -> str:
        return str(self.network)


def usable_from_address(keys: QuerySet[Any], address: str) -> QuerySet[Any]:
    """The keys that have an allow-list, of their own or of their bot, and whose lists all contain the address."""
    entries = AllowListEntry.objects.all()
    containing = entries.filter(network__contains_address=address)
    # PostgreSQL looks arrays up in the indexes of keys. For a condition with two sub-queries it would read every key.
    owners = {
        name: ArraySubquery(containing.filter(**{f"{name}__isnull": False}).values(name)) for name in ("key", "bot")
    }
    usable = keys.filter(Q(EqualsAny(F("id"), owners["key"])) | Q(EqualsAny(F("bot_id"), owners["bot"])))
    for owner, row in (("key", "pk"), ("bot", "bot")):
        of_owner = Q(**{owner: OuterRef(row)})
        usable = usable.filter(~Exists(entries.filter(of_owner)) | Exists(containing.filter(of_owner)))
    return usable
