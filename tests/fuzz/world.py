"""The callers and the objects of a run. Both are made again when a request has used them up."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from random import Random
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils import timezone

from keyadmin.models import (
    AllowListEntry,
    Bot,
    Event,
    Invitation,
    Key,
    KeyKind,
    LinkPurpose,
    Membership,
    Organisation,
    PasswordLink,
    Person,
    Role,
    Scope,
    ScopeRoute,
    SystemRole,
)
from keyadmin.operations import keys
from keyadmin.operations.people import access_tokens, links, token_sessions
from tests.factories import (
    OPERATOR,
    PASSWORD,
    BotFactory,
    ChannelFactory,
    KeyFactory,
    OrganisationFactory,
    PersonFactory,
    TierFactory,
    as_actor,
    invitation,
    member_of,
    password_link,
    use_key,
)
from tests.fuzz import values

#: Role → (system role, role in the home organisation).
PEOPLE: Final[dict[str, tuple[str, str]]] = {
    "system administrator": (SystemRole.ADMINISTRATOR, ""),
    "system auditor": (SystemRole.AUDITOR, ""),
    "owner": ("", Role.OWNER),
    "auditor": ("", Role.AUDITOR),
    "member": ("", Role.MEMBER),
    "unverified owner of two": ("", Role.OWNER),
    "owner of a disabled organisation": ("", Role.OWNER),
}
KEY_SCOPES: Final = ("keys:read", "keys:write", "keys:verify", "history:read", "chats:read")
#: Role → fields of the key.
KEYS: Final[dict[str, dict[str, Any]]] = {
    "bot key": {"scopes": KEY_SCOPES},
    "standard key": {"scopes": KEY_SCOPES, "format": "compact"},
    "inheriting key": {"inherits": True},
    "public key": {"kind": "public", "scopes": KEY_SCOPES},
}
#: The last part of a path → the state that its action needs.
_STATES: Final = {
    ("key", "reactivate"): "revoked",
    ("key", "end-grace"): "graced",
    ("bot", "enable"): "disabled",
    ("organisation", "enable"): "disabled",
    ("person", "reactivate"): "deactivated",
    ("person", "verify-email"): "unverified",
    ("invitation", "accept"): "own",
    ("invitation", "decline"): "own",
}
_KEY_STATES: Final = ("revoked", "graced", "expired", "expiring", "master", "open")
#: Names of parameters that are not the name of a kind.
_ALIASES: Final = {"slug": "organisation_slug", "name": "scope", "number": "event"}
#: How often a caller and an object are used before they are checked again.
_USES: Final = 12


@dataclass
class Caller:
    """Who sends requests, with the credential: a session and a token, or a key."""

    role: str
    organisation: Organisation
    person: Person | None = None
    key: Any = None
    session: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def email(self) -> str:
        return self.person.email if self.person else ""


class World:
    """`take` returns what a path names an object by; `caller` a caller whose credential is valid."""

    def __init__(self) -> None:
        self.tier = TierFactory.create(name="Unlimited", hourly_limit=1_000_000)
        self.home = self._organisation("home")
        self.elsewhere = self._organisation("elsewhere")
        self.disabled = self._organisation("disabled", is_active=False)
        self.objects = Objects(self)
        self._scopes, self._routes = list(Scope.objects.all()), list(ScopeRoute.objects.all())
        self._callers: dict[str, Caller] = {}
        self._uses: dict[str, int] = {}

    def caller(self, role: str) -> Caller:
        """The caller, made again if the role, the organisation or the credential has changed."""
        uses = self._uses[role] = self._uses.get(role, _USES) + 1
        known = self._callers.get(role)
        if known is None or uses > _USES:
            self._uses[role] = 0
            known = self._callers[role] = self._restored(role, known)
        return known

    def renew(self, role: str) -> None:
        """The next `caller` of the role is a new one: the present one could not sign in."""
        self._callers.pop(role, None)

    def _organisation(self, name: str, **fields: Any) -> Organisation:
        made: Organisation = OrganisationFactory.create(
            name=f"{name} {values.LONG_WORD}"[:120],
            slug=name,
            default_tier=self.tier,
            default_expiry_days=None,
            **fields,
        )
        return made

    def _restored(self, role: str, known: Caller | None) -> Caller:
        Organisation.objects.filter(id__in=[self.home.id, self.elsewhere.id]).update(
            is_active=True, default_tier=self.tier, may_never_expire=True, max_expiry_days=None
        )
        Organisation.objects.filter(id=self.disabled.id).update(is_active=False)
        Scope.objects.bulk_create(self._scopes, ignore_conflicts=True)
        ScopeRoute.objects.bulk_create(self._routes, ignore_conflicts=True)
        return self._restored_key(role, known) if role in KEYS else self._restored_person(role, known)

    def _restored_person(self, role: str, known: Caller | None) -> Caller:
        system_role, organisation_role = PEOPLE[role]
        organisation = self.disabled if "disabled" in role else self.home
        if known is None or known.person is None or not Person.objects.filter(id=known.person.id).exists():
            known = Caller(role, organisation, PersonFactory.create(name=f"{role} {values.LONG_WORD}"[:85]))
        person = known.person
        assert person is not None
        person.refresh_from_db()
        person.is_active, person.system_role = True, system_role
        if "unverified" in role:
            person.email_verified_at = None
            Membership.objects.update_or_create(
                person=person, organisation=self.elsewhere, defaults={"role": Role.OWNER}
            )
        elif person.email_verified_at is None:
            person.email_verified_at = timezone.now()
        if not person.has_usable_password() or not person.check_password(PASSWORD):
            person.set_password(PASSWORD)
        person.save()
        if organisation_role:
            Membership.objects.update_or_create(
                person=person, organisation=organisation, defaults={"role": organisation_role}
            )
        begun = token_sessions.begin(actor=as_actor(person), binding=person.get_session_auth_hash())
        known.headers = {"Authorization": f"Bearer {access_tokens.issue(begun)}"}
        known.session = session_of(person)
        return known

    def _restored_key(self, role: str, known: Caller | None) -> Caller:
        fields = dict(KEYS[role])
        if known is not None and self._is_intact(known.key, fields):
            return known
        if role == "public key":  # an organisation has one
            Key.objects.filter(organisation=self.home, kind=KeyKind.PUBLIC).update(kind=KeyKind.STANDARD)
        if role == "bot key":
            fields["bot"] = BotFactory.create(organisation=self.home)
        if "inherits" in fields:
            fields["creator"] = member_of(self.home, Role.OWNER)
        name = f"{role} {values.LONG_WORD}"[:120]
        key = KeyFactory.create(organisation=self.home, tier=self.tier, name=name, **fields)
        return Caller(role, self.home, key=key, headers={"X-API-Key": key.token})

    def _is_intact(self, known: Any, fields: dict[str, Any]) -> bool:
        """Whether the key still has the permissions of its role, and its token still works."""
        rows = Key.objects.usable().filter(id=known.id, expires_at=None, tier=self.tier, allow_list=None)
        row = rows.filter(kind=known.kind, inherits="inherits" in fields, secrets__not_after=None).first()
        if row is None or row.secrets.count() != 1 or row.channels.exists():
            return False
        if row.inherits:
            return bool(Membership.objects.filter(person=row.creator, person__is_active=True, role=Role.OWNER))
        return set(row.scopes.values_list("name", flat=True)) == set(KEY_SCOPES)


def session_of(person: Person) -> str:
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.create()
    return str(session.session_key)


class Objects:
    """Rows that paths and bodies name: of the caller's organisation, of another one, deleted and unknown ones."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pools: dict[tuple[str, str, str], list[Any]] = {}
        self._deleted: dict[str, list[str]] = {}
        self._makers: dict[str, Callable[[Organisation, str, Random], Any]] = {
            "organisation": self._organisation,
            "key": self._key,
            "bot": self._bot,
            "channel": lambda o, state, r: ChannelFactory.create(
                organisation=o, name=self._name("Channel", r, 60), slug=values.token(r)
            ),
            "entry": self._entry,
            "person": self._person,
            "invitation": lambda o, state, r: invitation(
                o, email=f"{values.token(r)}@example.com", name=self._name("Guest", r, 85)
            ),
            "link": lambda o, state, r: password_link(self._person(o, "", r)),
            "tier": lambda o, state, r: TierFactory.create(hourly_limit=values.number(r)),
            "scope": self._scope,
        }

    def arguments(self, parameters: list[str], action: str, caller: Caller, random: Random) -> dict[str, str]:
        """A value for each parameter of a path. A link is mostly one of the path's person."""
        taken = {name: self.take(name, action, caller, random) for name in parameters}
        person = taken.get("person_id", taken.get("person", ""))
        if person and "link_id" in taken and values.is_hit(random, 80):
            row = Person.objects.filter(id=person).first()
            if row is not None:
                taken["link_id"] = str(password_link(row).id)
        return taken

    def take(self, parameter: str, action: str, caller: Caller, random: Random) -> str:
        """What a path names an object by, such as its id. Most are the caller's own, in the state the action needs."""
        kind = parameter.removesuffix("_id")
        kind = _ALIASES.get(kind, kind)
        if values.is_hit(random, 4) and (gone := self._deleted.get(kind)):
            return random.choice(gone)
        if values.is_hit(random, 4):
            return {"scope": "no:scope", "event": "999999999", "organisation_slug": "unknown"}.get(
                kind, values.UNKNOWN_ID
            )
        organisation = self._world.elsewhere if values.is_hit(random, 12) else caller.organisation
        if kind == "event":
            return self._event(organisation, random)
        if kind == "token":
            return self._token(organisation, random)
        if kind == "invitation" and action in ("accept", "decline") and caller.person and values.is_hit(random, 70):
            Invitation.objects.filter(email=caller.email).delete()
            offered = self._world.elsewhere if organisation == caller.organisation else organisation
            return str(invitation(offered, email=caller.email).id)
        if kind not in self._makers and kind != "organisation_slug":
            return self._existing(kind, random)
        state = _STATES.get((kind.removesuffix("_slug"), action), "")
        if kind in ("organisation", "organisation_slug"):
            mine = self._world.objects.of("organisation", "disabled", organisation, random) if state else organisation
            return mine.slug if kind == "organisation_slug" else str(mine.id)
        row = self.of(kind, state if values.is_hit(random, 80) else "", organisation, random)
        return str(row.name if kind == "scope" else row.id)

    def of(self, kind: str, state: str, organisation: Organisation, random: Random) -> Any:
        """A row of this kind that exists and, when it was made, was in this state."""
        pool = self._pools.setdefault((kind, state, str(organisation.id)), [])
        if len(pool) >= 5:
            row = random.choice(pool)
            is_there = type(row)._default_manager.filter(pk=row.pk).exists()
            if is_there and not state and values.is_hit(random, 60):
                return row
            pool.remove(row)  # an earlier request has probably changed it
            if not is_there:
                self._deleted.setdefault(kind, []).append(str(row.name if kind == "scope" else row.id))
        made = self._makers[kind](organisation, state, random)
        pool.append(made)
        return made

    @staticmethod
    def _existing(kind: str, random: Random) -> str:
        """The id of a row that requests have made, of the model whose name contains the kind."""
        models = apps.get_app_config("keyadmin").get_models()
        fitting = [model for model in models if kind in model.__name__.lower()]
        assert fitting, f"{kind}: add how to make one to Objects"
        model = min(fitting, key=lambda each: len(each.__name__))
        ids = list(model._default_manager.order_by("pk").values_list("pk", flat=True)[:50])
        return str(random.choice(ids)) if ids else values.UNKNOWN_ID

    def _name(self, kind: str, random: Random, length: int) -> str:
        return f"{kind} {values.token(random)}{random.choice(('', values.LONG_WORD))}"[:length]

    def _organisation(self, near: Organisation, state: str, random: Random) -> Organisation:
        made: Organisation = OrganisationFactory.create(
            name=self._name("Organisation", random, 120),
            slug=values.token(random),
            is_active=state != "disabled",
            default_tier=self._world.tier,
        )
        return made

    def _key(self, organisation: Organisation, state: str, random: Random) -> Key:
        state = state or random.choice(
            (*[""] * 8, "revoked", "graced", "expired", "expiring", "master", "bot", "bot", "open")
        )
        fields: dict[str, Any] = {"bot": self.of("bot", "", organisation, random)} if state == "bot" else {}
        names = {"graced": "in_grace"}
        if state in _KEY_STATES and state != "open":
            fields[names.get(state, state)] = True
        if state == "open":
            fields["scopes"] = ("chats:read", "chats:export")
        else:
            fields["networks"] = ("203.0.113.0/24", "2001:db8::/32")
        key: Key = KeyFactory.create(
            organisation=organisation,
            name=self._name("Key", random, 85),
            description=values.text(random),
            **fields,
        )
        use_key(key, "chats:read")
        return key

    def _bot(self, organisation: Organisation, state: str, random: Random) -> Bot:
        made: Bot = BotFactory.create(
            organisation=organisation,
            name=self._name("Bot", random, 85),
            description=values.text(random),
            is_active=state != "disabled",
            networks=random.choice(((), ("203.0.113.0/24",))),
        )
        return made

    def _entry(self, organisation: Organisation, state: str, random: Random) -> AllowListEntry:
        key = KeyFactory.create(organisation=organisation, networks=["10.0.0.0/8", "192.0.2.0/24"])
        entry: AllowListEntry = AllowListEntry.objects.filter(key=key)[0]
        return entry

    def _person(self, organisation: Organisation, state: str, random: Random) -> Person:
        traits = {state: True} if state in ("deactivated", "unverified") else {}
        made = member_of(organisation, random.choice(Role.values), name=self._name("Person", random, 85), **traits)
        if values.is_hit(random, 30):
            Membership.objects.get_or_create(
                person=made, organisation=self._world.elsewhere, defaults={"role": Role.MEMBER}
            )
        return made

    def _scope(self, organisation: Organisation, state: str, random: Random) -> Scope:
        fields = dict.fromkeys(("resource", "label", "explanation", "ability"), self._name("x", random, 50))
        return Scope.objects.create(name=f"x:{values.token(random)}", **fields)

    def _event(self, organisation: Organisation, random: Random) -> str:
        events = Event.objects.filter(organisation_id=organisation.id).order_by("-number")
        numbers = list(events.values_list("number", flat=True)[:30])
        if not numbers:
            key = self.of("key", "", organisation, random)
            keys.revoke(actor=OPERATOR, key=key.id, reason=values.LONG_WORD)
            return self._event(organisation, random)
        return str(random.choice(numbers))

    def _token(self, organisation: Organisation, random: Random) -> str:
        link: PasswordLink | Invitation
        if values.is_hit(random, 50):
            purpose = random.choice(list(LinkPurpose))
            fields = {"email": f"{values.token(random)}@example.com"} if purpose is LinkPurpose.ADDRESS else {}
            person = self._person(organisation, random.choice(("", "unverified")), random)
            link = password_link(person, purpose, **fields)
        else:
            link = invitation(organisation, email=f"{values.token(random)}@example.com")
        return links.token_of(link, is_mailed=values.is_hit(random, 50))
