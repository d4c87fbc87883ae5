"""Issue a key: the result, the rows, the rules that reject or deny it, and public keys."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from keyadmin.core import tokens
from keyadmin.core.cidr import parse
from keyadmin.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from keyadmin.models import Key, KeyKind, Meter, Organisation, Person, Scope, Secret, Tier
from keyadmin.models.scope import IMPERSONATE
from keyadmin.operations import keys
from tests.factories import (
    BotFactory,
    ChannelFactory,
    KeyFactory,
    OrganisationFactory,
    as_actor,
)
from tests.operations.helpers import issue, latest_event


def errors_of(who: Person | None, organisation: Organisation, **kwargs: Any) -> dict[str, list[str]]:
    with pytest.raises(InvalidInputError) as raised:
        issue(who, organisation, **kwargs)
    return raised.value.errors


def test_key_is_issued_with_its_values(northwind: Organisation, jonas: Person) -> None:
    channel = ChannelFactory.create(organisation=northwind, name="Telegram")
    expires_at = timezone.now() + timedelta(days=30)
    issued = issue(
        jonas,
        northwind,
        name="  CI ",
        description="Builds\r\nand tests",
        scopes={"chats:read", "messages:send"},
        channels=[channel.id],
        networks=[parse("10.0.0.0/8"), parse("2001:db8::/32")],
        expires_at=expires_at,
    )
    key = Key.objects.get(id=issued.key.id)
    assert (key.name, key.description, key.kind) == ("CI", "Builds\nand tests", KeyKind.STANDARD)
    assert (key.organisation, key.bot, key.tier) == (northwind, None, northwind.default_tier)
    assert (key.creator, key.created_by, key.inherits, key.revision) == (jonas, "Jonas Lind", False, 1)
    assert {scope.name for scope in key.scopes.all()} == {"chats:read", "messages:send"}
    assert list(key.channels.all()) == [channel]
    assert {str(entry.network) for entry in key.allow_list.all()} == {"10.0.0.0/8", "2001:db8::/32"}
    assert key.expires_at == expires_at
    assert (key.key_id, key.recognition) == (issued.token.key_id, issued.token.recognition)
    assert tokens.parse(issued.token.value) == issued.token


def test_secret_is_stored_as_a_digest_with_the_newest_pepper(northwind: Organisation) -> None:
    issued = issue(None, northwind)
    secret = Secret.objects.get(key=issued.key)
    assert secret.pepper_id == 2 == max(settings.KEYADMIN_PEPPERS)
    assert bytes(secret.digest) == tokens.digest(issued.token.value, settings.KEYADMIN_PEPPERS[2])
    assert secret.not_after is None


def test_meter_of_a_new_key_is_empty(northwind: Organisation) -> None:
    meter = Meter.objects.get(key_id=issue(None, northwind).key.id)
    assert (meter.version, meter.cells, meter.used, meter.total, meter.last_used_at) == (1, [0] * 61, 0, 0, None)


def test_history_records_the_values_of_a_new_key(northwind: Organisation, jonas: Person) -> None:
    issued = issue(jonas, northwind, networks=[parse("10.0.0.0/8")], expires_at=datetime(2999, 1, 2, tzinfo=UTC))
    event = latest_event()
    assert (event.type, event.target_id, event.organisation_id) == ("key.issued", str(issued.key.id), northwind.id)
    assert event.changes == {
        "name": [None, "CI"],
        "scopes": [None, ["chats:read"]],
        "networks": [None, ["10.0.0.0/8"]],
        "expires_at": [None, "2999-01-02T00:00:00Z"],
        "tier": [None, "Standard"],
        "kind": [None, "standard"],
        "masked": [None, issued.key.masked],
        "key_id": [None, issued.key.key_id],
        "inherits": [None, False],
    }


def test_new_key_uses_the_organisations_prefix_and_format(db: None) -> None:
    issued = issue(None, OrganisationFactory.create(key_prefix="whm", key_format="compact"))
    assert issued.key.key_id is None
    assert (issued.key.prefix, issued.key.format, len(issued.token.value)) == ("whm", "compact", 36)
    assert issued.key.masked == issued.token.value[:12]


def test_bots_key_belongs_to_the_bot(northwind: Organisation, jonas: Person) -> None:
    bot = BotFactory.create(organisation=northwind)
    key = issue(jonas, northwind, bot=bot.id).key
    assert (key.kind, key.bot) == (KeyKind.BOT, bot)


def test_command_is_not_recorded_as_creator(northwind: Organisation) -> None:
    key = issue(None, northwind).key
    assert (key.creator, key.created_by) == (None, "command line")


def test_repr_of_an_issued_key_hides_the_secret(northwind: Organisation) -> None:
    issued = issue(None, northwind)
    assert issued.token.secret not in repr(issued)


@pytest.mark.parametrize("owner", ["organisation", "bot"])
def test_disabled_owner_gets_no_key(northwind: Organisation, owner: str) -> None:
    bot = BotFactory.create(organisation=northwind, is_active=owner != "bot")
    Organisation.objects.update(is_active=owner != "organisation")
    with pytest.raises(ConflictError, match="is disabled"):
        issue(None, northwind, bot=bot.id)


def test_bot_of_another_organisation_is_not_found(northwind: Organisation, jonas: Person) -> None:
    for bot in (BotFactory.create().id, uuid4()):
        with pytest.raises(NotFoundError):
            issue(jonas, northwind, bot=bot)


@pytest.mark.parametrize("kind", [KeyKind.STANDARD, KeyKind.MASTER, KeyKind.PUBLIC])
def test_bot_gets_no_key_of_another_kind(northwind: Organisation, kind: KeyKind) -> None:
    assert "kind" in errors_of(None, northwind, bot=BotFactory.create(organisation=northwind).id, kind=kind)


def test_bots_key_needs_a_bot(northwind: Organisation) -> None:
    assert "kind" in errors_of(None, northwind, kind=KeyKind.BOT)


@pytest.mark.parametrize(
    "name",
    [
        *("CI\u200b", "C\ufeffI", "CI\u00ad", "\u2060CI", "CI\u200e", "C\u061cI", "CI\U000e0041", "C\u200dI", "\u200d"),
        *("\u3164", "\u2800", "\u115f", "C\u034fI", "C\ufe0fI", "é\ufe00", "\U000e0100"),
    ],
)
def test_invisible_characters_in_a_name_are_rejected(northwind: Organisation, name: str) -> None:
    """Two keys would look the same, or one would have no name."""
    assert list(errors_of(None, northwind, name=name)) == ["name"]


@pytest.mark.parametrize("name", ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "Release \u2764\ufe0f"])
def test_joiners_are_allowed_in_scripts_and_emoji_that_need_them(northwind: Organisation, name: str) -> None:
    assert issue(None, northwind, name=name).key.name == name


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "a\nb", "a\x00b", "a\x1bb", "a\u202eb", "a\u2028b", "\ud800"])
def test_invalid_name_is_rejected(northwind: Organisation, name: str) -> None:
    assert list(errors_of(None, northwind, name=name)) == ["name"]


@pytest.mark.parametrize("name", ["x" * 120, "Größe ✓ 👩‍💻", "<img onerror=x>", "=cmd()"])
def test_valid_name_is_accepted(northwind: Organisation, name: str) -> None:
    assert issue(None, northwind, name=name).key.name == name


def test_too_long_description_is_rejected(northwind: Organisation) -> None:
    assert list(errors_of(None, northwind, description="x" * 501)) == ["description"]


def test_key_without_permissions_is_rejected(northwind: Organisation) -> None:
    words = ["Choose at least one permission. A key without permissions can’t make any request."]
    assert errors_of(None, northwind, scopes=[]) == {"scopes": words}


def test_unknown_permission_is_rejected(northwind: Organisation, jonas: Person) -> None:
    for who in (jonas, None):
        words = ["There is no permission chats:fly."]
        assert errors_of(who, northwind, scopes=["chats:read", "chats:fly"]) == {"scopes": words}


def test_channel_of_another_organisation_is_rejected(northwind: Organisation, jonas: Person) -> None:
    for channel in (ChannelFactory.create().id, uuid4()):
        assert list(errors_of(jonas, northwind, channels=[channel])) == ["channels"]


@pytest.mark.parametrize(
    ("networks", "words"),
    [
        (["10.0.0.0/8", "10.0.0.0/8"], "10.0.0.0/8 is already on the list."),
        (["10.0.0.0/8", "10.1.2.3/32"], "10.1.2.3/32 is already covered by 10.0.0.0/8."),
        (["0.0.0.0/0"], "/0 is too wide. Leave the list empty to allow any IP address."),
        (["::/0"], "/0 is too wide. Leave the list empty to allow any IP address."),
    ],
)
def test_invalid_networks_are_rejected(northwind: Organisation, networks: list[str], words: str) -> None:
    assert errors_of(None, northwind, networks=[ip_network(text) for text in networks]) == {"networks": [words]}


def test_expiry_must_be_a_future_time_with_a_time_zone(northwind: Organisation) -> None:
    now = timezone.now()
    assert errors_of(None, northwind, expires_at=now) == {"expires_at": ["Choose a time in the future."]}
    naive = datetime(2999, 1, 1)
    assert errors_of(None, northwind, expires_at=naive) == {
        "expires_at": ["Add the time zone, as in 2027-03-01T12:00:00Z."]
    }


def test_expiry_is_compared_with_the_databases_clock(northwind: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: datetime(2000, 1, 1, tzinfo=UTC))
    assert "expires_at" in errors_of(None, northwind, expires_at=datetime(2001, 1, 1, tzinfo=UTC))
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now = cursor.fetchone()[0]
    assert abs(issue(None, northwind).key.created_at - now) < timedelta(minutes=1)


def test_organisation_limits_the_lifetime_of_keys(northwind: Organisation, jonas: Person) -> None:
    Organisation.objects.update(max_expiry_days=30, may_never_expire=False)
    words = ["Set an expiry. Keys of Northwind must have one."]
    assert errors_of(jonas, northwind, expires_at=None) == {"expires_at": words}
    words = ["Choose a time at most 30 days from now."]
    assert errors_of(jonas, northwind, expires_at=timezone.now() + timedelta(days=30, hours=1)) == {"expires_at": words}
    assert issue(jonas, northwind, expires_at=timezone.now() + timedelta(days=30)).key.expires_at


def test_all_problems_are_reported_at_once(northwind: Organisation) -> None:
    wrong = errors_of(None, northwind, name="", scopes=[], channels=[uuid4()], expires_at=timezone.now())
    assert set(wrong) == {"name", "scopes", "channels", "expires_at"}


def test_only_administrators_choose_the_tier(northwind: Organisation, jonas: Person, maya: Person) -> None:
    admin = Tier.objects.get(name="Admin").id
    with pytest.raises(ForbiddenError, match="choose a tier"):
        issue(jonas, northwind, tier=admin)
    assert issue(jonas, northwind, tier=northwind.default_tier_id).key.tier_id == northwind.default_tier_id
    assert issue(maya, northwind, tier=admin).key.tier_id == admin
    assert errors_of(maya, northwind, tier=uuid4()) == {"tier": ["Choose one of the tiers."]}


def test_organisation_has_one_public_key(northwind: Organisation, jonas: Person, contoso: Organisation) -> None:
    public = issue(jonas, northwind, kind=KeyKind.PUBLIC).key
    assert (public.kind, public.expires_at) == (KeyKind.PUBLIC, None)
    with pytest.raises(ConflictError, match="Northwind already has a public key"):
        issue(jonas, northwind, kind=KeyKind.PUBLIC)
    issue(None, contoso, kind=KeyKind.PUBLIC)


def test_public_key_has_no_expiry(northwind: Organisation) -> None:
    later = timezone.now() + timedelta(days=1)
    assert list(errors_of(None, northwind, kind=KeyKind.PUBLIC, expires_at=later)) == ["expires_at"]


# Inheritance


def test_key_may_inherit_its_creators_permissions(northwind: Organisation, jonas: Person) -> None:
    key = issue(jonas, northwind, scopes=[], inherits=True).key
    assert key.inherits
    assert not key.scopes.exists()


def test_only_a_person_creates_an_inheriting_key(northwind: Organisation) -> None:
    assert list(errors_of(None, northwind, scopes=[], inherits=True)) == ["inherits"]
    with pytest.raises(ForbiddenError, match="full access"):
        issue(KeyFactory.create(organisation=northwind, scopes=["keys:write"]), northwind, scopes=[], inherits=True)


# An actor cannot grant more than they hold


def test_owner_cannot_grant_impersonation(northwind: Organisation, jonas: Person) -> None:
    with pytest.raises(ForbiddenError, match="users:impersonate"):
        issue(jonas, northwind, scopes=["chats:read", "users:impersonate"])


def test_only_master_keys_get_impersonation(northwind: Organisation, maya: Person) -> None:
    words = ["Only a Master User API key can act on behalf of users. Remove this permission."]
    assert errors_of(maya, northwind, scopes=["users:impersonate"]) == {"scopes": words}
    assert issue(maya, northwind, scopes=["users:impersonate"], kind=KeyKind.MASTER).key.kind == KeyKind.MASTER


def test_key_grants_at_most_its_own_permissions(northwind: Organisation) -> None:
    maker = KeyFactory.create(organisation=northwind, scopes=["keys:write", "chats:read"])
    made = issue(maker, northwind, scopes=["chats:read"]).key
    assert (made.creator, made.created_by) == (None, maker.name)
    with pytest.raises(ForbiddenError, match="chats:write"):
        issue(maker, northwind, scopes=["chats:read", "chats:write"])


def test_inheriting_key_grants_what_its_creator_has_now(northwind: Organisation, maya: Person) -> None:
    maker = KeyFactory.create(organisation=northwind, inherits=True, creator=maya)
    issue(maker, northwind, scopes=["chats:write"])
    with pytest.raises(ForbiddenError):
        issue(maker, northwind, scopes=["users:impersonate"])


def test_restricted_key_issues_no_less_restricted_key(northwind: Organisation) -> None:
    one, other = ChannelFactory.create(organisation=northwind), ChannelFactory.create(organisation=northwind)
    ends = timezone.now() + timedelta(days=5)
    maker = KeyFactory.create(
        organisation=northwind,
        scopes=["keys:write", "chats:read"],
        channels=[one],
        networks=["10.0.0.0/8"],
        expires_at=ends,
    )
    fitting: dict[str, Any] = {"channels": [one.id], "networks": [parse("10.1.0.0/16")], "expires_at": ends}
    issue(maker, northwind, **fitting)
    freer_values: tuple[dict[str, Any], ...] = (
        {"channels": []},
        {"channels": [one.id, other.id]},
        {"networks": []},
        {"networks": [parse("11.0.0.0/8")]},
        {"networks": [parse("10.0.0.0/7")]},
        {"expires_at": None},
        {"expires_at": ends + timedelta(seconds=1)},
    )
    for freer in freer_values:
        with pytest.raises(ForbiddenError):
            issue(maker, northwind, **fitting | freer)


# The scopes of a public key


def scopes_of_public_key(actor: Person, organisation: Organisation, **kwargs: Any) -> set[str]:
    issued = keys.issue(
        actor=as_actor(actor), organisation=organisation.id, kind=KeyKind.PUBLIC, name="Public", **kwargs
    )
    return set(issued.key.scopes.values_list("name", flat=True))


def test_public_key_has_all_scopes_of_an_owner(northwind: Organisation, jonas: Person) -> None:
    assert scopes_of_public_key(jonas, northwind) == set(Scope.objects.values_list("name", flat=True)) - {IMPERSONATE}


def test_public_key_of_an_administrator_has_no_more(northwind: Organisation, maya: Person) -> None:
    assert IMPERSONATE not in scopes_of_public_key(maya, northwind)


def test_public_key_may_have_fewer_scopes(northwind: Organisation, jonas: Person) -> None:
    assert scopes_of_public_key(jonas, northwind, scopes=["chats:read"]) == {"chats:read"}
