"""Explain and the call path agree: each call is explained, and then made."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import hypothesis
import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from keyadmin.callpath.request import decide
from keyadmin.callpath.state import state
from keyadmin.core.callers import Caller
from keyadmin.core.cidr import parse
from keyadmin.core.denials import DenialReason
from keyadmin.explain.explanation import Explanation, explain
from keyadmin.explain.inputs import METHODS, find_key, parse_call
from keyadmin.models import AllowListEntry, Bot, Channel, KeyKind, Meter, Organisation, Person
from keyadmin.models.meter import CELLS
from tests.callpath.clock import database_minute, within_one_minute
from tests.factories import OPERATOR
from tests.fixtures.committed_rows import CommittedRows

LIMIT: Final = 5
NETWORKS: Final = ("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "203.0.113.0/24", "2001:db8::/32", "192.0.2.0/28")
SCOPES: Final = ("chats:read", "chats:write", "messages:send", "contacts:manage", "keys:read", "users:impersonate")
PATHS: Final = (
    "/api/chats",
    "/api/chats/42",
    "/api/chats?limit=5",
    "/api/channels/sms/messages",
    "/api/channels/web/messages",
    "/api/contacts",
    "/api/export",
    "/api/whoami",
    "/api/keys",
    "/api/people",
    "/api/unknown",
    "/",
    "/api//chats",
    "/api/chats;x",
    "/api/%63hats",
    "/api/chats/%C3%A9",
    "/api/chats/../keys",
)
ADDRESSES: Final = (
    "",
    "10.1.2.3",
    "10.1.2.4",
    "10.9.9.9",
    "203.0.113.24",
    "192.0.2.1",
    "2001:db8::7",
    "::1",
    "::ffff:10.1.2.3",
)
some = st.lists(st.sampled_from(NETWORKS), max_size=3, unique=True)
#: What may be anything about a key and a call.
WILD: Final = (
    "owner",
    "bot",
    "bot_networks",
    "networks",
    "scopes",
    "channels",
    "creator",
    "revoked",
    "expires",
    "method",
    "path",
    "address",
    "person",
    "meter",
)


@dataclass
class World:
    """The rows that the keys of all examples share."""

    rows: CommittedRows
    organisations: list[Organisation] = field(default_factory=list)
    bots: list[Bot] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    creators: list[Person] = field(default_factory=list)
    people: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        rows = self.rows
        self.organisations = [rows.organisation(), rows.organisation(is_active=False)]
        home = self.organisations[0]
        self.tier = rows.tier(LIMIT)
        self.bots = [rows.bot(each) for each in self.organisations] + [rows.bot(home)]
        Bot.objects.filter(id=self.bots[2].id).update(is_active=False)
        self.channels = [rows.channel(home, slug) for slug in ("sms", "web", "post")]
        self.creators = [
            rows.person(home, "owner"),
            rows.person(home, "auditor"),
            rows.person(home, "member"),
            rows.person(home, "owner", is_active=False),
            rows.person(system_role="administrator"),
        ]
        known = [rows.person(home), rows.person(home, is_active=False), rows.person(self.organisations[1])]
        self.people = [known[0].email.upper(), *(str(person.id) for person in known), "unknown@example.com", "a, b"]


@dataclass
class Case:
    """`meter`: a number of calls some minutes ago."""

    key: dict[str, Any]
    meter: tuple[int, int]
    call: dict[str, str]


@st.composite
def cases(draw: Any) -> Case:
    """A key that is allowed the call, with up to four random changes. Numbers index the parts of `World`."""
    now, kind = timezone.now(), draw(st.sampled_from([KeyKind.STANDARD, KeyKind.MASTER, KeyKind.BOT]))
    wild = draw(st.sets(st.sampled_from(WILD), max_size=4))

    def thing(name: str, good: Any, anything: Any) -> Any:
        return draw(anything) if name in wild else good

    ends = st.sampled_from([None, now - timedelta(hours=1), now + timedelta(days=1)])
    key = {
        "kind": kind,
        "owner": thing("owner", 0, st.sampled_from([0, 1])),
        "bot": thing("bot", 0, st.sampled_from([0, 2])) if kind == KeyKind.BOT else None,
        "bot_networks": thing("bot_networks", ["10.0.0.0/8"], some) if kind == KeyKind.BOT else [],
        "networks": thing("networks", draw(st.sampled_from([[], ["10.1.0.0/16"]])), some),
        "scopes": thing("scopes", SCOPES, st.lists(st.sampled_from(SCOPES), max_size=6, unique=True)),
        "channels": thing("channels", [], st.lists(st.sampled_from([0, 1]), min_size=1, max_size=2, unique=True)),
        "creator": thing("creator", None, st.sampled_from([0, 1, 2, 3, 4])),
        "revoked_at": thing("revoked", None, st.sampled_from([None, now])),
        "expires_at": thing("expires", None, ends),
        "in_grace": draw(st.booleans()),
    }
    call = {
        "method": thing("method", "GET", st.sampled_from(METHODS)),
        "path": thing("path", draw(st.sampled_from(PATHS[:3])), st.sampled_from(PATHS)),
        "address": thing("address", "10.1.2.3", st.sampled_from(ADDRESSES)),
        "channel": thing("channels", "", st.sampled_from(["", "sms", "web", "SMS", "sms,web"])),
        "on_behalf_of": thing("person", "", st.sampled_from("012345")),
    }
    calls, minutes = st.integers(LIMIT - 1, LIMIT + 1), st.sampled_from([0, 1, 59, 60, 61, -2])
    return Case(key, thing("meter", (0, 0), st.tuples(calls, minutes)), call)


@pytest.fixture
def world(rows: CommittedRows) -> World:
    return World(rows)


@settings(max_examples=120, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@hypothesis.given(case=cases())
def test_explain_and_authorize_always_agree(world: World, case: Case) -> None:
    within_one_minute(lambda: compare(world, case))


def compare(world: World, case: Case) -> None:
    created, call = key_of_case(world, case), dict(case.call)
    if call["on_behalf_of"]:
        call["on_behalf_of"] = world.people[int(call["on_behalf_of"])]
    meter, counted = meter_of(created.key.id), state.usage.decisions

    explanation = explain(find_key(OPERATOR, str(created.key.id)), parse_call(**call))
    assert (meter_of(created.key.id), state.usage.decisions) == (meter, counted)

    path = call["path"].partition("?")[0]
    verdict = decide(call["method"], path, headers(created.token.value, call), call["address"])
    if isinstance(verdict, Caller):
        assert (explanation.status, explanation.reason) == (200, None)
        assert explanation.quota.remaining == verdict.quota.remaining + 1
        assert {step.state for step in explanation.steps} == {"pass"}
    else:
        assert explanation.reason is verdict.reason
        assert explanation.status == verdict.reason.status
        assert verdict.quota in (None, explanation.quota)
        assert explanation.needs == verdict.sufficient_scopes or verdict.reason is not DenialReason.SCOPE
    coherent(explanation)


def meter_of(key: UUID) -> dict[str, Any]:
    return dict(Meter.objects.filter(key_id=key).values().get())


def key_of_case(world: World, case: Case) -> Any:
    fields = dict(case.key)
    home, creator = world.organisations[fields.pop("owner")], fields.pop("creator")
    bot, networks = fields.pop("bot"), fields.pop("bot_networks")
    if bot is not None:
        fields["bot"] = world.bots[1 if home is world.organisations[1] else bot]
        AllowListEntry.objects.filter(bot=fields["bot"]).delete()
        for network in networks:
            AllowListEntry.objects.create(bot=fields["bot"], network=parse(network))
    if creator is not None:
        fields |= {"inherits": True, "creator": world.creators[creator]}
    fields["channels"] = [world.channels[place] for place in fields["channels"]]
    created = world.rows.key(home, tier=world.tier, **fields)
    calls, minutes = case.meter
    cells = [calls, *[0] * (CELLS - 1)]
    Meter.objects.filter(key_id=created.key.id).update(minute=database_minute() - minutes, used=calls, cells=cells)
    return created


def headers(token: str, call: dict[str, str]) -> dict[str, list[str]]:
    sent = {"x-api-key": token, "x-channel": call["channel"], "on-behalf-of": call["on_behalf_of"]}
    return {name: [value] for name, value in sent.items() if value}


def coherent(explanation: Explanation) -> None:
    """At most one rule decides, all before it pass, and each denying rule has a remedy."""
    states = [step.state for step in explanation.steps]
    passed = states.index("decides") if "decides" in states else len(states)
    behind = states[passed + 1 :]
    assert set(states[:passed]) <= {"pass"}
    assert set(behind) <= {"not_reached"}
    for step in explanation.steps:
        assert step.message
        assert bool(step.remedies) == (step.reason is not None)
