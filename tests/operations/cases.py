"""Every operation as one case that succeeds for an actor with the permission, and the rows that the cases need."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import Value
from django.utils import timezone

from keyadmin.core.actors import Actor
from keyadmin.core.cidr import parse
from keyadmin.core.routes import Route
from keyadmin.models import (
    AllowListEntry,
    AttemptKind,
    Bot,
    BulkRevocation,
    CallOutcome,
    Channel,
    Invitation,
    Key,
    KeyKind,
    Organisation,
    PasswordLink,
    Person,
    Role,
    Scope,
    SystemRole,
    Tier,
    UnrecordedAttempts,
    UsageHour,
)
from keyadmin.models.event_search import EventFilter
from keyadmin.operations import keys, organisations, people, review
from keyadmin.operations.audit import export
from keyadmin.operations.catalogue import channels, scopes, tiers
from keyadmin.operations.keys import bulk_revocation, expiry_notices, exports
from keyadmin.operations.organisations import allow_lists, bots
from keyadmin.operations.people import attempts, invitations, links, passwords, sessions, token_sessions
from keyadmin.operations.usage import pruning
from tests.factories import (
    PASSWORD,
    BotFactory,
    ChannelFactory,
    KeyFactory,
    KeyWithToken,
    OrganisationFactory,
    TierFactory,
    as_actor,
    invitation,
    member_of,
    password_link,
    started_revocation,
    token_session,
)


@dataclass
class World:
    """One row of each kind, in the state that the cases need."""

    organisation: Organisation
    closed: Organisation
    bot: Bot
    idle_bot: Bot
    channel: Channel
    key: KeyWithToken
    revoked: Key
    master: Key
    key_entry: AllowListEntry
    bot_entry: AllowListEntry
    person: Person
    leaver: Person
    tier: Tier
    scope: Scope
    refresh_token: str
    #: An invitation to the organisation, and one of `person` to another.
    invitation: Invitation
    own_invitation: Invitation
    #: An open link of `person` with its token.
    link: PasswordLink
    token: str
    #: A member whose email address is not verified.
    newcomer: Person
    attempts: UnrecordedAttempts
    #: Has not begun.
    revocation: BulkRevocation


def world(organisation: Organisation) -> World:
    bot = BotFactory.create(organisation=organisation, networks=["192.0.2.0/24"])
    person = member_of(organisation)
    key = KeyFactory.create(organisation=organisation, in_grace=True, networks=["10.0.0.0/8", "198.51.100.0/24"])
    long_ago = timezone.now() - timedelta(days=4_000)
    UsageHour.objects.create(key_id=key.id, hour=long_ago, outcome=CallOutcome.OK, count=1)
    entries = AllowListEntry.objects
    link = password_link(person)
    return World(
        organisation=organisation,
        closed=OrganisationFactory.create(disabled=True),
        bot=bot,
        idle_bot=BotFactory.create(organisation=organisation, disabled=True),
        channel=ChannelFactory.create(organisation=organisation),
        key=key,
        revoked=KeyFactory.create(organisation=organisation, revoked=True),
        master=KeyFactory.create(organisation=organisation, master=True),
        key_entry=entries.filter(key=key)[0],
        bot_entry=entries.get(bot=bot),
        person=person,
        leaver=member_of(organisation, deactivated=True),
        tier=TierFactory.create(),
        scope=Scope.objects.create(
            name="reports:read", resource="Reports", label="Read reports", explanation="Reads.", ability="read reports"
        ),
        refresh_token=token_session(person),
        invitation=invitation(organisation, email="invited@example.com"),
        own_invitation=invitation(OrganisationFactory.create(), email=person.email),
        link=link,
        token=links.token_of(link, is_mailed=True),
        newcomer=member_of(organisation, unverified=True),
        attempts=UnrecordedAttempts.objects.create(
            kind=AttemptKind.SIGN_IN, count=3, addresses=["192.0.2.1"], first_at=long_ago, last_at=long_ago
        ),
        revocation=started_revocation(KeyFactory.create(organisation=organisation)),
    )


def _issue(w: World, actor: Actor, **kwargs: Any) -> Any:
    return keys.issue(actor=actor, organisation=w.organisation.id, name="CI", scopes=["chats:read"], **kwargs)


def _expiring(key: Key) -> Any:
    """The key as a row of `due_for`."""
    row = Key.objects.annotate(days=Value(7)).get(id=key.id)
    row.expires_at = timezone.now()
    return row


def _new_scope(actor: Actor) -> Any:
    return scopes.create(
        actor=actor,
        name="notes:read",
        resource="Notes",
        label="Read notes",
        explanation="Reads notes.",
        ability="read notes",
        routes=[Route("GET", "/api/notes", "notes:read")],
    )


type Operation = Callable[[World, Actor], Any]

KEY_CASES: Final[dict[str, Operation]] = {
    "keys.issue": lambda w, a: _issue(w, a),
    "keys.edit": lambda w, a: keys.edit(actor=a, key=w.key.id, revision=1, name="New", networks=[parse("10.1.0.0/16")]),
    "keys.regenerate": lambda w, a: keys.regenerate(actor=a, key=w.key.id, grace=timedelta(hours=1)),
    "keys.end_grace": lambda w, a: keys.end_grace(actor=a, key=w.key.id),
    "keys.revoke": lambda w, a: keys.revoke(actor=a, key=w.key.id, reason="Lost"),
    "bulk_revocation.start": lambda w, a: bulk_revocation.start(actor=a, keys=[w.key.id], reason="Lost"),
    "bulk_revocation.stop": lambda w, a: bulk_revocation.stop(actor=a, revocation=w.revocation.id),
    "keys.reactivate": lambda w, a: keys.reactivate(actor=a, key=w.revoked.id),
    "keys.delete": lambda w, a: keys.delete(actor=a, key=w.key.id),
    "allow_lists.add": lambda w, a: allow_lists.add(actor=a, key=w.key.id, network="203.0.113.0/24"),
    "allow_lists.change": lambda w, a: allow_lists.change(actor=a, entry=w.key_entry.id, network="203.0.113.0/24"),
    "allow_lists.remove": lambda w, a: allow_lists.remove(actor=a, entry=w.key_entry.id),
}
OWNER_CASES: Final[dict[str, Operation]] = {
    "keys.issue public": lambda w, a: _issue(w, a, kind=KeyKind.PUBLIC),
    "allow_lists.add bot": lambda w, a: allow_lists.add(actor=a, bot=w.bot.id, network="203.0.113.0/24"),
    "allow_lists.change bot": lambda w, a: allow_lists.change(actor=a, entry=w.bot_entry.id, network="203.0.113.0/24"),
    "allow_lists.remove bot": lambda w, a: allow_lists.remove(actor=a, entry=w.bot_entry.id, allow_any=True),
    "bots.create": lambda w, a: bots.create(actor=a, organisation=w.organisation.id, name="Concierge"),
    "bots.edit": lambda w, a: bots.edit(actor=a, bot=w.bot.id, description="Answers"),
    "bots.disable": lambda w, a: bots.disable(actor=a, bot=w.bot.id),
    "bots.enable": lambda w, a: bots.enable(actor=a, bot=w.idle_bot.id),
    "channels.create": lambda w, a: channels.create(actor=a, organisation=w.organisation.id, name="Telegram"),
    "channels.rename": lambda w, a: channels.rename(actor=a, channel=w.channel.id, name="Telegram"),
    "channels.remove": lambda w, a: channels.remove(actor=a, channel=w.channel.id),
    "organisations.edit": lambda w, a: organisations.edit(actor=a, organisation=w.organisation.id, name="New"),
    "invitations.invite": lambda w, a: invitations.invite(
        actor=a, email="New@Example.com", name="New", organisation=w.organisation.id, role=Role.OWNER
    ),
    "invitations.renew": lambda w, a: invitations.renew(actor=a, invitation=w.invitation.id),
    "invitations.withdraw": lambda w, a: invitations.withdraw(actor=a, invitation=w.invitation.id),
    "people.create_password_link": lambda w, a: people.create_password_link(actor=a, person=w.person.id),
    "people.end_link": lambda w, a: people.end_link(actor=a, person=w.person.id, link=w.link.id),
    "people.edit": lambda w, a: people.edit(
        actor=a, person=w.person.id, email="other@example.com", base_url="https://keys.example.com"
    ),
    "people.deactivate": lambda w, a: people.deactivate(actor=a, person=w.person.id),
    "people.reactivate": lambda w, a: people.reactivate(actor=a, person=w.leaver.id),
    "people.set_role": lambda w, a: people.set_role(
        actor=a, person=w.person.id, organisation=w.organisation.id, role=Role.OWNER
    ),
    "people.remove_role": lambda w, a: people.remove_role(actor=a, person=w.person.id, organisation=w.organisation.id),
}
#: For system administrators only, about objects that other actors can see.
ADMINISTRATOR_CASES: Final[dict[str, Operation]] = {
    "keys.issue master": lambda w, a: _issue(w, a, kind=KeyKind.MASTER),
    "keys.issue tier": lambda w, a: _issue(w, a, tier=w.tier.id),
    "keys.edit master": lambda w, a: keys.edit(actor=a, key=w.master.id, revision=1, name="New"),
    "keys.regenerate master": lambda w, a: keys.regenerate(actor=a, key=w.master.id),
    "keys.revoke master": lambda w, a: keys.revoke(actor=a, key=w.master.id),
    "keys.delete master": lambda w, a: keys.delete(actor=a, key=w.master.id),
    "allow_lists.add master": lambda w, a: allow_lists.add(actor=a, key=w.master.id, network="203.0.113.0/24"),
    "organisations.edit tier": lambda w, a: organisations.edit(actor=a, organisation=w.organisation.id, tier=w.tier.id),
    "organisations.disable": lambda w, a: organisations.disable(actor=a, organisation=w.organisation.id),
    "people.verify_email": lambda w, a: people.verify_email(actor=a, person=w.newcomer.id),
    "people.set_system_role": lambda w, a: people.set_system_role(
        actor=a, person=w.person.id, system_role=SystemRole.AUDITOR
    ),
}
#: For system administrators only, about the whole installation.
SYSTEM_CASES: Final[dict[str, Operation]] = {
    "organisations.create": lambda w, a: organisations.create(actor=a, name="Fabrikam"),
    "people.create": lambda w, a: people.create(
        actor=a, email="New@Example.com", name="New", organisation=w.organisation.id, role=Role.OWNER
    ),
    "people.create alone": lambda w, a: people.create(actor=a, email="new@example.com", name="New"),
    "people.create administrator": lambda w, a: people.create(
        actor=a,
        email="new@example.com",
        name="New",
        is_email_verified=True,
        system_role=SystemRole.ADMINISTRATOR,
    ),
    "invitations.invite administrator": lambda w, a: invitations.invite(
        actor=a, email="new@example.com", name="New", system_role=SystemRole.ADMINISTRATOR
    ),
    "expiry_notices.record_sent": lambda w, a: expiry_notices.record_sent(
        actor=a, person=w.person, keys=[_expiring(w.key)]
    ),
    "pruning.prune": lambda w, a: pruning.prune(actor=a),
    "tiers.create": lambda w, a: tiers.create(actor=a, name="Gold", hourly_limit=9),
    "tiers.edit": lambda w, a: tiers.edit(actor=a, tier=w.tier.id, hourly_limit=9),
    "tiers.remove": lambda w, a: tiers.remove(actor=a, tier=w.tier.id),
    "scopes.create": lambda w, a: _new_scope(a),
    "scopes.edit": lambda w, a: scopes.edit(actor=a, scope=w.scope.name, label="Look at reports"),
    "scopes.remove": lambda w, a: scopes.remove(actor=a, scope=w.scope.name),
}
#: For system administrators only, about an organisation that only they and system auditors can see.
HIDDEN_ORGANISATION_CASES: Final[dict[str, Operation]] = {
    "organisations.enable": lambda w, a: organisations.enable(actor=a, organisation=w.closed.id),
}
#: For actors who may read the organisation's keys.
READER_CASES: Final[dict[str, Operation]] = {
    "review.export": lambda w, a: review.export(actor=a, organisation=w.organisation, finding=""),
    "exports.export": lambda w, a: exports.export(actor=a, organisation=w.organisation, filters={"status": "active"}),
}
ALL_CASES: Final[dict[str, Operation]] = (
    READER_CASES | KEY_CASES | OWNER_CASES | ADMINISTRATOR_CASES | SYSTEM_CASES | HIDDEN_ORGANISATION_CASES
)
#: Operations of people on their own sessions, after authentication.
SESSION_CASES: Final[dict[str, Operation]] = {
    "sessions.sign_in": lambda w, a: sessions.sign_in(actor=as_actor(w.person)),
    "attempts.record": lambda w, a: attempts.record(actor=a, attempts=w.attempts.id),
    "sessions.sign_out": lambda w, a: sessions.sign_out(actor=as_actor(w.person)),
    "token_sessions.begin": lambda w, a: token_sessions.begin(
        actor=as_actor(w.person), binding=w.person.get_session_auth_hash()
    ),
    "token_sessions.begin_on_page": lambda w, a: token_sessions.begin_on_page(
        actor=as_actor(w.person), page_session="k" * 32
    ),
    "token_sessions.refresh": lambda w, a: token_sessions.refresh(actor=as_actor(w.person), token=w.refresh_token),
    "token_sessions.end": lambda w, a: token_sessions.end(actor=as_actor(w.person), token=w.refresh_token),
    "sessions.request_confirmation": lambda w, a: sessions.request_confirmation(
        actor=as_actor(w.newcomer), base_url="https://keys.example.com"
    ),
    "invitations.accept": lambda w, a: invitations.accept(actor=as_actor(w.person), invitation=w.own_invitation.id),
    "invitations.decline": lambda w, a: invitations.decline(actor=as_actor(w.person), invitation=w.own_invitation.id),
    "passwords.choose": lambda w, a: passwords.choose(actor=a, token=w.token, password=PASSWORD),
    "passwords.change": lambda w, a: passwords.change(actor=as_actor(w.person), person=w.person.id, password=PASSWORD),
    "sessions.end_all": lambda w, a: sessions.end_all(actor=as_actor(w.person)),
}
#: Operations that change nothing and are recorded.
EXPORT_CASES: Final[dict[str, Operation]] = {
    "export.history": lambda w, a: export.history(
        actor=a, conditions=EventFilter(), export_format=export.ExportFormat.CSV
    ),
}
