"""Two organisations with objects of every kind, and every kind of caller of the API."""

from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import uuid4

from keyadmin.models import Channel, Event, Organisation, Person, Scope, ScopeRoute
from keyadmin.operations.people import access_tokens, token_sessions
from tests.api.calling import bearer
from tests.factories import ChannelFactory, KeyFactory, as_actor, invitation, password_link
from tests.fixtures.committed_rows import CommittedRows

PEOPLE: Final = ("administrator", "system auditor", "owner", "auditor", "member")
KEYS: Final = ("reading key", "writing key", "history key", "inheriting key", "ordinary key")
CALLERS: Final = (*PEOPLE, *KEYS, "anonymous")
#: Kinds of keys, and ways to present one, that decide nothing about who gets what.
OTHER_KEYS: Final = ("master key", "bot's key", "public key", "compact key", "old secret", "pair")


def token_of(person: Person) -> str:
    begun = token_sessions.begin(actor=as_actor(person), binding=person.get_session_auth_hash())
    return access_tokens.issue(begun)


class World:
    """`headers[caller]` is how a caller of the home organisation asks. `target[kind](organisation)` makes one to act on
    and returns what addresses name it by.
    """

    def __init__(self, rows: CommittedRows) -> None:
        self.rows = rows
        self.home: Organisation = rows.organisation(default_expiry_days=None)
        self.elsewhere: Organisation = rows.organisation(default_expiry_days=None)
        self.owner = rows.person(self.home, "owner")
        people = [
            rows.person(system_role="administrator"),
            rows.person(system_role="auditor"),
            self.owner,
            rows.person(self.home, "auditor"),
            rows.person(self.home, "member"),
        ]
        keys = [
            self._key(scopes=["keys:read"]),
            self._key(scopes=["keys:write"]),
            self._key(scopes=["history:read"]),
            self._key(inherits=True, creator=self.owner),
            self._key(scopes=["chats:read"]),
        ]
        self.headers: dict[str, dict[str, str]] = {
            **dict(zip(PEOPLE, [bearer(token_of(person)) for person in people], strict=True)),
            **dict(zip(KEYS, [{"X-API-Key": key} for key in keys], strict=True)),
            "anonymous": {},
        }
        self.target: dict[str, Callable[[Organisation], str]] = {
            "organisation": lambda o: str(rows.organisation().id) if o is self.home else str(o.id),
            "key": lambda o: str(KeyFactory.create(organisation=o, in_grace=True).id),
            "revoked": lambda o: str(KeyFactory.create(organisation=o, revoked=True).id),
            "bot": lambda o: str(rows.bot(o).id),
            "idle_bot": self._idle_bot,
            "channel": lambda o: str(ChannelFactory.create(organisation=o).id),
            "entry": self._entry,
            "person": lambda o: str(rows.person(o).id),
            "newcomer": lambda o: str(rows.person(o, unverified=True).id),
            "invitation": lambda o: str(invitation(o, email=f"{uuid4().hex}@example.com").id),
            "link": lambda o: str(password_link(rows.person(o)).id),
            "leaver": lambda o: str(rows.person(o, is_active=False).id),
            "tier": lambda o: str(rows.tier(10).id),
            "scope": self._scope,
        }

    def other_key(self, caller: str) -> dict[str, str]:
        """How one of OTHER_KEYS asks; it may read and write keys, and read history."""
        kinds: dict[str, dict[str, Any]] = {
            "master key": {"master": True},
            "bot's key": {"bot": self.rows.bot(self.home)},
            "public key": {"public": True},
            "compact key": {"compact": True, "prefix": "whm"},
            "old secret": {"in_grace": True},
        }
        scopes = ["keys:read", "keys:write", "history:read"]
        key = KeyFactory.create(organisation=self.home, scopes=scopes, **kinds.get(caller, {}))
        if caller == "pair":
            assert key.key_id
            return {"X-API-Key-Id": key.key_id, "X-API-Key-Secret": key.token.removeprefix(f"{key.key_id}_")}
        return {"X-API-Key": key.old_token if caller == "old secret" else key.token}

    def _key(self, **fields: Any) -> str:
        return str(self.rows.key(self.home, **fields).token.value)

    def _idle_bot(self, organisation: Organisation) -> str:
        bot = self.rows.bot(organisation)
        bot.is_active = False
        bot.save()
        return str(bot.id)

    def _entry(self, organisation: Organisation) -> str:
        key = KeyFactory.create(organisation=organisation, networks=["10.0.0.0/8", "192.0.2.0/24"])
        return str(key.allow_list.values_list("id", flat=True)[0])

    def _scope(self, organisation: Organisation) -> str:
        name = "x:" + "".join(chr(ord("a") + int(digit, 16)) for digit in uuid4().hex[:16])
        fields = dict.fromkeys(("resource", "label", "explanation", "ability"), "x")
        Scope.objects.create(name=name, **fields)
        return name

    def event(self) -> str:
        """The number of the newest event that the home organisation may read."""
        events = Event.objects.filter(organisation_id=self.home.id).order_by("-number")
        return str(events.values_list("number", flat=True)[0])

    def remove(self) -> None:
        Scope.objects.filter(name__startswith="x:").delete()
        ScopeRoute.objects.filter(scope__name__startswith="x:").delete()
        Channel.objects.filter(organisation__in=[self.home.id, self.elsewhere.id]).exclude(keys__isnull=False).delete()


def worlds(rows: CommittedRows) -> Iterator[World]:
    world = World(rows)
    yield world
    world.remove()
