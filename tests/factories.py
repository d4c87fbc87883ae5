"""Factories of rows for tests. They write to the tables directly and never call operations.

Organisations also get their version and keys their meter, which operations and calls need.
"""

import hmac
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone
from factory.declarations import LazyAttribute, LazyFunction, Sequence, SubFactory, Trait
from factory.django import DjangoModelFactory

from keyadmin.core import tokens
from keyadmin.core.actors import Actor, ActorKind, Interface
from keyadmin.core.cidr import parse
from keyadmin.models import (
    AllowListEntry,
    Bot,
    BulkRevocation,
    BulkRevocationKey,
    Channel,
    Invitation,
    Key,
    KeyKind,
    LinkPurpose,
    Membership,
    Meter,
    Organisation,
    PasswordLink,
    Person,
    RefreshToken,
    Role,
    ScopeDay,
    Secret,
    SystemRole,
    Tier,
    TokenSession,
    Version,
)
from keyadmin.models.meter import CELLS
from keyadmin.operations.people import links

PASSWORD = "correct horse battery staple"
#: The actor of commands, which has every permission.
OPERATOR = Actor(kind=ActorKind.COMMAND, id=None, label="command line", interface=Interface.COMMAND)


def as_actor(who: Person | Key, **kwargs: Any) -> Actor:
    """The person or key as an actor."""
    if isinstance(who, Key):
        return Actor(kind=ActorKind.KEY, id=who.id, label=who.name, interface=Interface.API, **kwargs)
    return Actor(kind=ActorKind.PERSON, id=who.id, label=who.name, interface=Interface.PAGE, **kwargs)


class TierFactory(DjangoModelFactory[Tier]):
    class Meta:
        model = Tier

    name = Sequence(lambda n: f"Tier {n}")
    hourly_limit = 100


class OrganisationFactory(DjangoModelFactory[Organisation]):
    class Meta:
        model = Organisation

    class Params:
        disabled = Trait(is_active=False)

    name = Sequence(lambda n: f"Organisation {n}")
    slug = Sequence(lambda n: f"organisation-{n}")
    default_tier = LazyFunction(lambda: Tier.objects.get(name="Standard"))

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Any:
        organisation = super()._create(model_class, *args, **kwargs)
        Version.objects.create(subject=organisation.id)
        return organisation


class PersonFactory(DjangoModelFactory[Person]):
    """`signs_in` gives the person PASSWORD. Otherwise they have none, which saves the time to hash it."""

    class Meta:
        model = Person

    class Params:
        administrator = Trait(system_role=SystemRole.ADMINISTRATOR)
        auditor = Trait(system_role=SystemRole.AUDITOR)
        deactivated = Trait(is_active=False)
        unverified = Trait(email_verified_at=None)

    name = Sequence(lambda n: f"Person {n}")
    email = Sequence(lambda n: f"person-{n}@example.com")
    email_verified_at = LazyFunction(timezone.now)

    @classmethod
    def _create(cls, model_class: Any, *args: Any, signs_in: bool = False, **kwargs: Any) -> Any:
        person = model_class(*args, **kwargs)
        person.set_password(PASSWORD if signs_in else None)
        person.save()
        return person


class MembershipFactory(DjangoModelFactory[Membership]):
    class Meta:
        model = Membership

    person = SubFactory(PersonFactory)
    organisation = SubFactory(OrganisationFactory)
    role = Role.MEMBER


def member_of(organisation: Organisation, role: str = Role.MEMBER, **kwargs: Any) -> Person:
    """A new person with a role in the organisation."""
    person = PersonFactory.create(**kwargs)
    MembershipFactory.create(person=person, organisation=organisation, role=role)
    return person


def token_session(person: Person, **fields: Any) -> str:
    """Create a live API session; returns its refresh token."""
    now, token = timezone.now(), secrets.token_urlsafe(32)
    times = {"created_at": now, "expires_at": now + timedelta(hours=1)}
    session = TokenSession.objects.create(person=person, binding=person.get_session_auth_hash(), **times | fields)
    digest = hmac.digest(settings.KEYADMIN_JWT_KEY, token.encode(), "sha256")
    RefreshToken.objects.create(session=session, digest=digest)
    return token


def invitation(organisation: Organisation | None, **fields: Any) -> Invitation:
    """An open invitation, made by a command."""
    given = {"name": "Invited Person", "role": Role.MEMBER if organisation else "", "maker_label": "command line"}
    expires_at, fingerprint = timezone.now() + timedelta(days=7), links.fingerprint(None, fields.get("maker"))
    values = given | {"organisation": organisation, "expires_at": expires_at, "fingerprint": fingerprint} | fields
    return Invitation.objects.create(**values)


def password_link(person: Person, purpose: LinkPurpose = LinkPurpose.GIVEN, **fields: Any) -> PasswordLink:
    """An open link of the person, made by a command."""
    fingerprint = links.fingerprint(person, fields.get("maker"))
    given = {"expires_at": timezone.now() + timedelta(days=7), "fingerprint": fingerprint, "maker_label": ""}
    return PasswordLink.objects.create(person=person, purpose=purpose, **given | fields)


class BotFactory(DjangoModelFactory[Bot]):
    """`networks` are the texts of the bot's allow-list."""

    class Meta:
        model = Bot

    class Params:
        disabled = Trait(is_active=False)

    organisation = SubFactory(OrganisationFactory)
    name = Sequence(lambda n: f"Bot {n}")

    @classmethod
    def _create(cls, model_class: Any, *args: Any, networks: Any = (), **kwargs: Any) -> Any:
        bot = super()._create(model_class, *args, **kwargs)
        AllowListEntry.objects.bulk_create([AllowListEntry(bot=bot, network=parse(network)) for network in networks])
        return bot


class ChannelFactory(DjangoModelFactory[Channel]):
    class Meta:
        model = Channel

    organisation = SubFactory(OrganisationFactory)
    name = Sequence(lambda n: f"Channel {n}")
    slug = Sequence(lambda n: f"channel-{n}")


if TYPE_CHECKING:

    class KeyWithToken(Key):
        """A key that also holds its API keys as a client sends them, which the database does not."""

        token: str
        old_token: str
else:
    KeyWithToken = Key


class KeyFactory(DjangoModelFactory[KeyWithToken]):
    """A key with its meter and secret. `key.token` is the API key as a client sends it.

    In addition to the fields it takes `scopes` (names), `channels` (rows) and `networks` (texts). `in_grace` adds an
    old secret, `key.old_token`, which works for another hour. A key with a `bot` is of the bot's kind.
    """

    class Meta:
        model = Key

    class Params:
        revoked = Trait(revoked_at=LazyFunction(timezone.now), revoked_reason="Lost")
        expired = Trait(expires_at=LazyFunction(lambda: timezone.now() - timedelta(hours=1)))
        expiring = Trait(expires_at=LazyFunction(lambda: timezone.now() + timedelta(days=3)))
        compact = Trait(format="compact")
        master = Trait(kind=KeyKind.MASTER)
        public = Trait(kind=KeyKind.PUBLIC)

    bot = None
    organisation = LazyAttribute(lambda o: o.bot.organisation if o.bot else OrganisationFactory.create())
    kind = LazyAttribute(lambda o: KeyKind.BOT if o.bot else KeyKind.STANDARD)
    name = Sequence(lambda n: f"Key {n}")
    prefix = LazyAttribute(lambda o: o.organisation.key_prefix)
    format = LazyAttribute(lambda o: o.organisation.key_format)
    tier = LazyAttribute(lambda o: o.organisation.default_tier)
    created_by = "A person"

    @classmethod
    def _create(
        cls,
        model_class: Any,
        *args: Any,
        scopes: Any = ("chats:read",),
        channels: Any = (),
        networks: Any = (),
        in_grace: bool = False,
        **kwargs: Any,
    ) -> Any:
        token = tokens.mint(kwargs["prefix"], tokens.KeyFormat(kwargs["format"]))
        key = model_class(*args, key_id=token.key_id, recognition=token.recognition, **kwargs)
        key.save()
        key.token = token.value
        _add_secret(key, token)
        if in_grace:
            old = tokens.mint(key.prefix, tokens.KeyFormat(key.format))
            key.old_token = old.value
            _add_secret(key, old, not_after=timezone.now() + timedelta(hours=1))
        # `set()` would first read what a new key does not have.
        scoped, channelled = Key.scopes.through, Key.channels.through
        names = () if key.inherits else scopes
        scoped.objects.bulk_create([scoped(key=key, scope_id=name) for name in names])
        channelled.objects.bulk_create([channelled(key=key, channel=channel) for channel in channels])
        AllowListEntry.objects.bulk_create([AllowListEntry(key=key, network=parse(network)) for network in networks])
        Meter.objects.create(key_id=key.id, cells=[0] * CELLS)
        return key


def _add_secret(key: Key, token: tokens.Token, **kwargs: Any) -> None:
    pepper_id = settings.KEYADMIN_CURRENT_PEPPER
    digest = tokens.digest(token.value, settings.KEYADMIN_PEPPERS[pepper_id])
    Secret.objects.create(key=key, digest=digest, pepper_id=pepper_id, **kwargs)


def started_revocation(*keys: Key, **fields: Any) -> BulkRevocation:
    """A bulk revocation of the keys that no worker has begun."""
    row: BulkRevocation = BulkRevocation.objects.create(
        **{"key_count": len(keys), "started_by": "A person", "started_at": timezone.now()} | fields
    )
    for key in keys:
        owner = key.bot or key.organisation
        names = {"name": key.name, "masked": key.masked, "owner": owner.name, "is_of_bot": key.bot is not None}
        BulkRevocationKey.objects.create(revocation=row, key_id=key.id, organisation_id=key.organisation_id, **names)
    return row


def use_key(key: Key, *scopes: str, days: int = 0) -> None:
    """Record that the key was used `days` ago, with one call of each of the scopes."""
    at = timezone.now() - timedelta(days=days)
    Meter.objects.filter(key_id=key.id).update(last_used_at=at, last_used_day=at.date())
    for scope in scopes:
        ScopeDay.objects.create(key_id=key.id, day=at.date(), scope=scope, count=1)
