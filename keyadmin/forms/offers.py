"""What a person may choose from when creating or editing a key: owners, permissions, channels, tiers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from django.utils.translation import gettext

from keyadmin.core.actors import Actor
from keyadmin.models import Bot, Channel, Kind, Organisation, Scope, Tier
from keyadmin.models.scope import allowed_for_kind, scopes_of_role
from keyadmin.operations.policy import Permission


@dataclass(frozen=True, slots=True)
class Owner:
    """Who will own the key, and of what kind it will be."""

    organisation: Organisation
    bot: Bot | None = None
    kind: Kind = Kind.STANDARD

    @property
    def value(self) -> str:
        """What the form carries: `bot:<id>`, or the kind and the organisation's id."""
        return f"{Kind.BOT}:{self.bot.id}" if self.bot else f"{self.kind}:{self.organisation.id}"

    @property
    def label(self) -> str:
        if self.bot:
            return self.bot.name
        if self.kind == Kind.MASTER:
            return gettext("%(organisation)s (Master User API key)") % {"organisation": self.organisation.name}
        return self.organisation.name


@dataclass(frozen=True, slots=True)
class Offer:
    """Everything the form's choices are made of. `owner` is the one chosen so far; its organisation has `channels`."""

    owners: Sequence[Owner]
    owner: Owner
    catalogue: Sequence[Scope]
    channels: Sequence[Channel]
    tiers: Sequence[Tier]
    may_choose_tier: bool

    @classmethod
    def to(
        cls,
        actor: Actor,
        *,
        organisations: Sequence[Organisation],
        permissions: Mapping[UUID, frozenset[Permission]],
        system_role: str,
        roles: Mapping[UUID, str],
        chosen: str,
    ) -> Self:
        """`organisations` are those the actor may issue keys in, the preferred one first; `roles` are theirs."""
        owners = _owners(actor, organisations, permissions)
        owner = next((owner for owner in owners if owner.value == chosen), owners[0])
        organisation = owner.organisation
        scopes = list(Scope.objects.prefetch_related("routes"))
        role = roles.get(organisation.id, "")
        may_hold = scopes_of_role(system_role=system_role, role=role, catalogue=[scope.name for scope in scopes])
        master = any(owner.kind == Kind.MASTER for owner in owners)
        may_hold = allowed_for_kind(Kind.MASTER if master else owner.kind, may_hold)
        may_choose_tier = Permission.CHOOSE_TIERS in permissions[organisation.id]
        tiers = Tier.objects.all() if may_choose_tier else Tier.objects.filter(id=organisation.default_tier_id)
        return cls(
            owners=owners,
            owner=owner,
            catalogue=[scope for scope in scopes if scope.name in may_hold],
            channels=list(Channel.objects.filter(organisation=organisation)),
            tiers=list(tiers),
            may_choose_tier=may_choose_tier,
        )

    @classmethod
    def for_key(cls, key: Any, *, system_role: str, role: str, may_choose_tier: bool) -> Self:
        """What somebody with the roles may choose from when editing the key `with_lists`: never less than it has."""
        owner = Owner(key.organisation, key.bot, Kind(key.kind))
        scopes = list(Scope.objects.prefetch_related("routes"))
        may_hold = scopes_of_role(system_role=system_role, role=role, catalogue=[scope.name for scope in scopes])
        may_hold = allowed_for_kind(key.kind, may_hold) | set(key.scope_names)
        return cls(
            owners=[owner],
            owner=owner,
            catalogue=[scope for scope in scopes if scope.name in may_hold],
            channels=list(Channel.objects.filter(organisation=key.organisation)),
            tiers=list(Tier.objects.all()) if may_choose_tier else [key.tier],
            may_choose_tier=may_choose_tier,
        )

    @property
    def bot_networks(self) -> list[str]:
        """The ranges that hold for every key of the owner."""
        return [str(entry) for entry in self.owner.bot.allow_list.all()] if self.owner.bot else []

    @property
    def owner_choices(self) -> list[Any]:
        """Grouped by organisation; without groups where there is only one."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for owner in self.owners:
            groups.setdefault(owner.organisation.name, []).append((owner.value, owner.label))
        return list(groups.items()) if len(groups) > 1 else next(iter(groups.values()))

    @property
    def scopes_by_resource(self) -> list[tuple[str, list[Scope]]]:
        groups: dict[str, list[Scope]] = {}
        for scope in self.catalogue:
            groups.setdefault(scope.resource, []).append(scope)
        return list(groups.items())


def _owners(
    actor: Actor, organisations: Sequence[Organisation], permissions: Mapping[UUID, frozenset[Permission]]
) -> list[Owner]:
    bots: dict[UUID, list[Bot]] = {}
    for bot in Bot.objects.visible_to(actor).filter(organisation__in=[o.id for o in organisations], is_active=True):
        bots.setdefault(bot.organisation_id, []).append(bot)
    owners = []
    for organisation in organisations:
        owners.append(Owner(organisation))
        owners += [Owner(organisation, bot, Kind.BOT) for bot in bots.get(organisation.id, ())]
        if Permission.MASTER_KEYS in permissions[organisation.id]:
            owners.append(Owner(organisation, kind=Kind.MASTER))
    return owners
