"""The message and remedies of each rule, and rejected inputs."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models import F
from django.utils import timezone

from keyadmin.callpath.state import state
from keyadmin.core import tokens
from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.explain.explanation import Explanation, Step, explain
from keyadmin.explain.inputs import find_key, parse_call
from keyadmin.explain.rules import Rule
from keyadmin.models import Bot, Meter, Organisation, Scope, ScopeRoute, Version
from keyadmin.models.meter import CATALOGUE, CELLS
from tests.callpath.clock import database_minute
from tests.factories import OPERATOR, as_actor
from tests.fixtures.committed_rows import CommittedRows, CreatedKey


def explained(created: CreatedKey, path: str = "/api/chats", method: str = "GET", **call: str) -> Explanation:
    call.setdefault("address", "10.1.2.3")
    return explain(
        find_key(OPERATOR, created.key.key_id or str(created.key.id)), parse_call(method=method, path=path, **call)
    )


def step(explanation: Explanation, rule: Rule) -> Step:
    [found] = [step for step in explanation.steps if step.rule is rule]
    return found


def said(explanation: Explanation) -> tuple[str, list[str]]:
    """The message of the deciding rule, and all remedies."""
    assert explanation.deciding is not None
    return explanation.deciding.message, [change.detail for change in explanation.remedies]


def test_allowed_call_passes_every_rule(rows: CommittedRows) -> None:
    organisation = rows.organisation(name="Northwind")
    bot = Bot.objects.create(organisation=organisation, name="Concierge")
    rows.network("10.0.0.0/8", bot=bot)
    sms = rows.channel(organisation, "sms")
    created = rows.key(organisation, bot=bot, name="CRM", networks=("10.1.0.0/16", "192.0.2.1/32"), channels=(sms,))
    explanation = explained(created, "/api/chats?limit=5", channel="sms")
    assert (explanation.status, explanation.reason, explanation.remedies) == (200, None, [])
    assert [step.message for step in explanation.steps] == [
        "GET /api/chats is unambiguous.",
        f"{created.key.masked}•••• is CRM.",
        "Active, and never expires. Its bot Concierge and Northwind are enabled.",
        "10.1.2.3 is in 10.1.0.0/16.",
        "10.1.2.3 is in 10.0.0.0/8.",
        "GET /api/chats needs Read chats, which the key has.",
        "sms is one of the key’s channels.",
        "The request names no person.",
        "0 of 1,000 requests used in the last hour.",
    ]


def test_revoked_expired_or_paused_key_is_explained(rows: CommittedRows) -> None:
    organisation: Organisation = rows.organisation(name="Northwind", is_active=False)
    bot = Bot.objects.create(organisation=organisation, name="Concierge", is_active=False)
    past = timezone.now() - timedelta(days=1)
    paused = rows.key(organisation, bot=bot)
    both = ["Enable its bot Concierge.", "Enable Northwind."]
    assert said(explained(paused)) == ("Paused. Concierge is disabled. Northwind is disabled.", both)
    ended = rows.key(organisation, bot=bot, revoked_at=past, expires_at=past)
    detail, changes = said(explained(ended))
    assert detail.startswith("Revoked on ")
    assert changes == ["Reactivate the key.", "Give the key a new expiry.", *both]
    assert said(explained(rows.key(expires_at=past)))[0].startswith("Expired on ")


def test_address_must_be_on_the_list_of_key_and_bot(rows: CommittedRows) -> None:
    organisation = rows.organisation()
    bot = Bot.objects.create(organisation=organisation, name="Concierge")
    rows.network("10.0.0.0/8", bot=bot)
    created = rows.key(organisation, bot=bot, networks=("192.0.2.0/24",))
    unusable = "No address is on both the key’s list and that of Concierge, so this key can’t be used from any address."
    by_key = explained(created)
    assert said(by_key) == (
        f"10.1.2.3 is not in 192.0.2.0/24. {unusable}",
        ["Add 10.1.2.3 to the key’s allow-list."],
    )
    assert step(by_key, Rule.BOT_ADDRESSES).reason is None
    by_bot = explained(created, address="192.0.2.7")
    assert said(by_bot) == (
        f"192.0.2.7 is not in 10.0.0.0/8. {unusable}",
        ["Add 192.0.2.7 to the allow-list of Concierge."],
    )
    unknown = explained(created, address="")
    assert said(unknown)[0] == f"The address is unknown, so it is not in 192.0.2.0/24. {unusable}"
    assert set(said(unknown)[1]) == {"Send the request from an address that keyadmin can determine."}
    many = rows.key(networks=[f"192.0.{n}.0/24" for n in range(9)])
    assert said(explained(many))[0].endswith("192.0.4.0/24 or 4 more.")


@pytest.mark.parametrize(
    ("fields", "method", "path", "detail", "change"),
    [
        (
            {},
            "GET",
            "/api/export",
            "GET /api/export needs Export data. The key has Read chats.",
            "Grant Export data.",
        ),
        (
            {"scopes": ()},
            "GET",
            "/api/export",
            "GET /api/export needs Export data. The key has no permissions.",
            "Grant Export data.",
        ),
        (
            {},
            "DELETE",
            "/api/chats",
            "No permission allows DELETE /api/chats, so every key is denied.",
            "Add DELETE /api/chats to the routes of a permission.",
        ),
        (
            {},
            "GET",
            "/api/people",
            "GET /api/people is for people only, so every key is denied.",
            "Use a person’s access token instead of a key.",
        ),
        (
            {},
            "GET",
            "/api//chats",
            "The path or a header is ambiguous, so no other rule is applied.",
            "Send the path without //, dot segments and unnecessary escapes, and each header once.",
        ),
    ],
)
def test_permission_rule_is_explained(
    rows: CommittedRows, fields: dict[str, Any], method: str, path: str, detail: str, change: str
) -> None:
    assert said(explained(rows.key(**fields), path, method)) == (detail, [change])


def test_inheriting_key_needs_a_role_of_its_creator(rows: CommittedRows) -> None:
    organisation = rows.organisation()
    creator = rows.person(organisation, "auditor")
    created = rows.key(organisation, inherits=True, creator=creator, created_by="Asha Nair", scopes=())
    assert said(explained(created))[1] == ["Give Asha Nair, who created the key, a role that includes Read chats."]


def test_every_key_may_call_whoami(rows: CommittedRows) -> None:
    explanation = explained(rows.key(scopes=()), "/api/whoami")
    assert step(explanation, Rule.PERMISSION).message == "GET /api/whoami is allowed for every key."
    assert (explanation.status, explanation.needs) == (200, frozenset())


def test_channel_rule_is_explained(rows: CommittedRows) -> None:
    organisation = rows.organisation()
    sms = rows.channel(organisation, "sms")
    created = rows.key(organisation, channels=(sms,), scopes=("chats:read", "messages:send", "contacts:manage"))
    unnamed = "The request names no channel in X-Channel. The key may use sms only."
    assert said(explained(created)) == (unnamed, ["Name one of the key’s channels in X-Channel: sms."])
    other = ["Name one of the key’s channels, sms, or add web to them."]
    assert said(explained(created, channel="web")) == ("web is not one of the key’s channels: sms.", other)
    by_path = explained(created, "/api/channels/web/messages", "POST", channel="sms")
    assert said(by_path) == ("web is not one of the key’s channels: sms.", other)
    assert step(explained(created, "/api/contacts"), Rule.CHANNEL).message == "This request does not concern a channel."
    assert step(explained(rows.key()), Rule.CHANNEL).message == "The key may use every channel."


def test_on_behalf_of_rule_is_explained(rows: CommittedRows) -> None:
    organisation = rows.organisation(name="Northwind")
    sam = rows.person(organisation)
    may = rows.key(organisation, kind="master", scopes=("chats:read", "users:impersonate"))
    assert explained(may, on_behalf_of=sam.email).status == 200
    assert said(explained(may, on_behalf_of="x@y.z")) == (
        "x@y.z is not an active person of Northwind.",
        ["In On-Behalf-Of, name an active person of Northwind by email address or ID."],
    )
    lacking = "The key may not act for people, because it lacks Act on behalf of users."
    master, standard = rows.key(organisation, kind="master"), rows.key(organisation)
    assert said(explained(master, on_behalf_of=sam.email)) == (lacking, ["Grant Act on behalf of users."])
    assert said(explained(standard, on_behalf_of=sam.email))[1] == [
        "Send the request without On-Behalf-Of. Only Master User API keys can act on behalf of users."
    ]


def test_several_denying_rules_are_explained_together(rows: CommittedRows) -> None:
    created = rows.key(limit=3, networks=("192.0.2.0/24",))
    Meter.objects.filter(key_id=created.key.id).update(minute=database_minute(), used=3, cells=[3, *[0] * (CELLS - 1)])
    explanation = explained(created, "/api/export", address="192.0.2.1")
    assert (explanation.status, explanation.quota.remaining) == (403, 0)
    limit = step(explanation, Rule.LIMIT)
    assert (limit.state, limit.message) == ("not_reached", "3 of 3 requests used in the last hour.")
    wait = "Wait until its oldest requests are an hour old, or give the key a tier with a higher limit."
    assert said(explanation)[1] == ["Grant Export data.", wait]
    assert explained(created, address="192.0.2.1").status == 429


def test_open_circuit_breaker_raises_operational_error(rows: CommittedRows) -> None:
    """Pages and the API answer 503."""
    created = rows.key()
    key, call = find_key(OPERATOR, str(created.key.id)), parse_call(method="GET", path="/api/chats")
    state.circuit_breaker.record_failure()
    try:
        with pytest.raises(OperationalError):
            explain(key, call)
    finally:
        state.circuit_breaker.record_success()
    assert explain(key, call).status == 200


def test_key_that_the_actor_cannot_see_is_not_found(rows: CommittedRows) -> None:
    organisation = rows.organisation()
    created, compact = rows.key(organisation), rows.key(organisation, format="compact")
    auditor, member = rows.person(organisation, "auditor"), rows.person(organisation, "member")
    stranger = rows.person(rows.organisation(), "owner")
    assert created.key.key_id
    for name in (str(created.key.id), created.key.key_id, f" {created.key.key_id} "):
        assert find_key(as_actor(auditor), name) == created.key
        for other in (member, stranger):
            with pytest.raises(NotFoundError):
                find_key(as_actor(other), name)
    assert find_key(as_actor(auditor), str(compact.key.id)) == compact.key


@pytest.mark.parametrize("form", list(tokens.KeyFormat))
def test_input_with_a_secret_is_rejected(rows: CommittedRows, form: tokens.KeyFormat) -> None:
    token = tokens.mint("kad", form)
    for pasted in (token.value, f" {token.value}\n", token.value[:-1] + "x", token.secret, f"Bearer {token.value}"):
        with pytest.raises(InvalidInputError) as refused:
            find_key(OPERATOR, pasted)
        assert pasted.strip() not in str(refused.value)
        assert token.secret not in str(refused.value)
    for field in ("path", "address", "channel", "on_behalf_of"):
        with pytest.raises(InvalidInputError) as refused:
            parse_call(**{"method": "GET", "path": "/", field: f"/{token.value}"})
        assert list(refused.value.errors) == [field]
        assert token.secret not in str(refused.value)
    assert parse_call(method="GET", path=f"/api/chats?api_key={token.value}").path == "/api/chats"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("path", ""),
        ("path", "api/chats"),
        ("path", "/x" * 1001),
        ("path", "/\x00"),
        ("address", "10.0.0"),
        ("address", "::1%eth0"),
        ("channel", "a\x00"),
        ("on_behalf_of", "\ud800"),
        ("method", "TRACE"),
        ("method", "get"),
    ],
)
def test_invalid_call_is_rejected(field: str, text: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_call(**{"method": "GET", "path": "/", field: text})
    assert list(refused.value.errors) == [field]


def test_narrowest_of_several_permissions_is_advised(rows: CommittedRows) -> None:
    """Three permissions have the route. Two are not sensitive; of these two, the one with fewer routes is advised."""
    names = ("reports:all", "reports:one", "reports:export")
    try:
        for name, routes, is_sensitive in zip(names, (3, 2, 1), (False, False, True), strict=True):
            texts = {"resource": "R", "label": name.title(), "explanation": "E", "ability": "a"}
            scope = Scope.objects.create(name=name, is_sensitive=is_sensitive, **texts)
            patterns = ["/api/reports", "/api/reports/{id}", "/api/reports/{id}/rows"][:routes]
            ScopeRoute.objects.bulk_create(ScopeRoute(scope=scope, method="GET", pattern=each) for each in patterns)
        Version.objects.filter(subject=CATALOGUE).update(number=F("number") + 1)
        explanation = explained(rows.key(), "/api/reports")
        assert explanation.needs == frozenset(names)
        assert said(explanation)[1] == ["Grant Reports:One."]
    finally:
        Scope.objects.filter(name__in=names).delete()
        Version.objects.filter(subject=CATALOGUE).update(number=F("number") + 1)


@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1"])
def test_lists_without_a_common_address_are_explained(rows: CommittedRows, address: str) -> None:
    organisation = rows.organisation()
    bot = rows.bot(organisation)
    rows.network("192.0.2.0/24", bot=bot)
    unusable = rows.key(organisation, bot=bot, networks=["10.0.0.0/8"])
    sentence = (
        f"No address is on both the key’s list and that of {bot.name}, so this key can’t be used from any address."
    )
    assert sentence in said(explained(unusable, address=address))[0]
    usable = rows.key(organisation, bot=bot, networks=["192.0.2.128/25"])
    assert sentence not in said(explained(usable, address=address))[0]
