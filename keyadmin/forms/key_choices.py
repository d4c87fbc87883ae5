"""The choices in the forms of a key: owners, permissions, channels and tiers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from django.utils.translation import gettext

from keyadmin.core.actors import Actor
from keyadmin.core.cidr import Network
from keyadmin.models import Bot, Channel, KeyKind, Organisation, Scope, Tier
from keyadmin.models.scope import allowed_for_kind, scopes_of_role
from keyadmin.operations.policy import Permission


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """A possible owner of a new key, with the kind that the key would have. NO_OWNER stands for none."""

    organisation: Organisation
    bot: Bot | None = None
    kind: KeyKind = KeyKind.STANDARD

    @property
    def value(self) -> str:
        """The value of the form field: `bot:<bot id>`, or `<kind>:<organisation id>`; "" for NO_OWNER."""
        if self is NO_OWNER:
            return ""
        return f"{KeyKind.BOT}:{self.bot.id}" if self.bot else f"{self.kind}:{self.organisation.id}"

    @property
    def label(self) -> str:
        if self.bot:
            return self.bot.name
        if self.kind == KeyKind.MASTER:
            return gettext("%(organisation)s (Master User API key)") % {"organisation": self.organisation.name}
        return self.organisation.name


#: The owner before one is selected: an organisation without rules of its own.
NO_OWNER: Final = KeyOwner(Organisation())


@dataclass(frozen=True, slots=True)
class KeyFormChoices:
    """The choices of a form. `owner` is the selected owner; `channels` and `tiers` are those of its organisation.

    Before an owner is selected, `owner` is NO_OWNER, and there are no channels and tiers.
    """

    owners: Sequence[KeyOwner]
    owner: KeyOwner
    catalogue: Sequence[Scope]
    channels: Sequence[Channel]
    tiers: Sequence[Tier]
    may_choose_tier: bool

    @classmethod
    def for_actor(
        cls,
        actor: Actor,
        *,
        organisations: Sequence[Organisation],
        permissions: Mapping[UUID, frozenset[Permission]],
        system_role: str,
        roles: Mapping[UUID, str],
        selected_owner: str,
    ) -> Self:
        """The choices for a new key.

        `organisations` are those in which the actor may issue keys. `roles` has the actor's role in each.
        `selected_owner` is the value of an owner; an unknown value selects none, unless there is one only.
        """
        owners = _owners(actor, organisations, permissions)
        default = owners[0] if len(organisations) == 1 else NO_OWNER
        owner = next((owner for owner in owners if owner.value == selected_owner), default)
        organisation = owner.organisation
        scopes = list(Scope.objects.prefetch_related("routes"))
        catalogue = [scope.name for scope in scopes]
        of_owner = [organisation] if owner is not NO_OWNER else organisations
        grantable = frozenset[str]().union(
            *(
                scopes_of_role(system_role=system_role, role=roles.get(each.id, ""), catalogue=catalogue)
                for each in of_owner
            )
        )
        # Selecting another owner does not load the permissions again, so those of a master key are always included.
        offers_master = any(owner.kind == KeyKind.MASTER for owner in owners)
        grantable = allowed_for_kind(KeyKind.MASTER if offers_master else owner.kind, grantable)
        may_choose_tier = Permission.CHOOSE_TIERS in permissions.get(organisation.id, ())
        tiers = Tier.objects.all() if may_choose_tier else Tier.objects.filter(id=organisation.default_tier_id)
        return cls(
            owners=owners,
            owner=owner,
            catalogue=[scope for scope in scopes if scope.name in grantable],
            channels=list(Channel.objects.filter(organisation=organisation)),
            tiers=list(tiers),
            may_choose_tier=may_choose_tier,
        )

    @classmethod
    def for_key(cls, key: Any, *, system_role: str, role: str, may_choose_tier: bool) -> Self:
        """The choices for editing `key`, loaded `with_lists()`, by a user with these roles.

        They include the scopes that the key has, even if the user could not grant them.
        """
        owner = KeyOwner(key.organisation, key.bot, KeyKind(key.kind))
        scopes = list(Scope.objects.prefetch_related("routes"))
        grantable = scopes_of_role(system_role=system_role, role=role, catalogue=[scope.name for scope in scopes])
        offered = allowed_for_kind(key.kind, grantable) | set(key.scope_names)
        return cls(
            owners=[owner],
            owner=owner,
            catalogue=[scope for scope in scopes if scope.name in offered],
            channels=list(Channel.objects.filter(organisation=key.organisation)),
            tiers=list(Tier.objects.all()) if may_choose_tier else [key.tier],
            may_choose_tier=may_choose_tier,
        )

    @property
    def bot_networks(self) -> list[Network]:
        """The allow-list of the selected bot, which applies to every key of it."""
        return [entry.network for entry in self.owner.bot.allow_list.all()] if self.owner.bot else []

    @property
    def owner_choices(self) -> list[Any]:
        """The choices of the owner field, grouped by organisation if there are several."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for owner in self.owners:
            groups.setdefault(owner.organisation.name, []).append((owner.value, owner.label))
        if len(groups) == 1:
            return next(iter(groups.values()))
        return [*([("", gettext("Choose an owner"))] if self.owner is NO_OWNER else []), *groups.items()]

    @property
    def scopes_by_resource(self) -> list[tuple[str, list[Scope]]]:
        groups: dict[str, list[Scope]] = {}
        for scope in self.catalogue:
            groups.setdefault(scope.resource, []).append(scope)
        return list(groups.items())


def _owners(
    actor: Actor, organisations: Sequence[Organisation], permissions: Mapping[UUID, frozenset[Permission]]
) -> list[KeyOwner]:
    bots: dict[UUID, list[Bot]] = {}
    for bot in Bot.objects.visible_to(actor).filter(organisation__in=[o.id for o in organisations], is_active=True):
        bots.setdefault(bot.organisation_id, []).append(bot)
    owners = []
    for organisation in organisations:
        owners.append(KeyOwner(organisation))
        owners += [KeyOwner(organisation, bot, KeyKind.BOT) for bot in bots.get(organisation.id, ())]
        if Permission.MASTER_KEYS in permissions[organisation.id]:
            owners.append(KeyOwner(organisation, kind=KeyKind.MASTER))
    return owners
