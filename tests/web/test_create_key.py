"""Creating a key: the form, the secret that is shown once, and rejected input."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags

from keyadmin.core import tokens
from keyadmin.models import EventType, Key, KeyKind, Organisation, Person, Scope, Tier
from tests.factories import BotFactory, ChannelFactory, OrganisationFactory
from tests.fixtures.clients import SignedIn, SignedInHtmx
from tests.operations.helpers import latest_event
from tests.web.pages import first_group, secret_in

CREATE = "/keys/create/"


def test_secret_is_shown_once(jonas: Person, signed_in: SignedIn, new_key: dict[str, Any]) -> None:
    client = signed_in(jonas)
    response = client.post(CREATE, new_key)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    secret = secret_in(response.content.decode())
    assert tokens.parse(secret) is not None
    key = Key.objects.get(name="CRM integration")
    assert latest_event().type == EventType.KEY_ISSUED
    half = secret[-30:]
    for url in ("/keys/", f"/keys/{key.id}/", "/history/", f"/history/{latest_event().number}/", CREATE):
        page = client.get(url)
        assert page.status_code == 200
        assert half not in page.content.decode()
    for session in Session.objects.all():
        assert half not in str(session.get_decoded())
    assert half not in str(client.cookies)


@pytest.mark.parametrize(
    ("default", "longest", "never", "choice", "in_days"),
    [
        (90, None, True, "90", None),
        (30, 60, False, "30", None),
        (None, None, True, "never", None),
        (None, None, False, "90", None),
        (None, 30, False, "30", None),
        (45, None, True, "custom", 45),
        (45, 45, False, "custom", 44),
        (None, 10, False, "custom", 9),
    ],
)
def test_form_starts_with_the_default_expiry_of_the_organisation(
    jonas: Person,
    northwind: Organisation,
    signed_in: SignedIn,
    default: int | None,
    longest: int | None,
    never: bool,
    choice: str,
    in_days: int | None,
) -> None:
    rules = {"default_expiry_days": default, "max_expiry_days": longest, "may_never_expire": never}
    Organisation.objects.filter(id=northwind.id).update(**rules)
    client = signed_in(jonas)
    html = client.get(CREATE).content.decode()
    assert re.findall(r'name="expires" value="(\w+)"[^>]*\schecked', html) == [choice]
    last = first_group(r'name="expires_on"[^>]*value="([^"]*)"', html)
    assert last == (str((timezone.now() + timedelta(days=in_days)).date()) if in_days else "")


def test_repeated_form_shows_no_secret(jonas: Person, signed_in: SignedIn, new_key: dict[str, Any]) -> None:
    client = signed_in(jonas)
    secret = secret_in(client.post(CREATE, new_key).content.decode())
    again = client.post(CREATE, new_key)
    assert again.status_code == 200
    assert "The secret was already shown. Regenerate to get a new one." in again.content.decode()
    assert secret not in again.content.decode()
    assert Key.objects.count() == 1


def test_htmx_gets_the_dialog_alone(jonas: Person, htmx: SignedIn, new_key: dict[str, Any]) -> None:
    client = htmx(jonas)
    form = client.get(CREATE).content.decode()
    assert form.lstrip().startswith("<dialog")
    assert 'hx-target="closest dialog"' in form
    revealed = client.post(CREATE, new_key)
    assert revealed.content.decode().lstrip().startswith("<dialog")
    assert revealed["HX-Trigger-After-Swap"] == '{"keys:changed": {}}'


def test_reveal_explains_how_requests_name_a_channel(
    jonas: Person, northwind: Organisation, signed_in: SignedIn, new_key: dict[str, Any]
) -> None:
    channels = [ChannelFactory.create(organisation=northwind, slug=slug) for slug in ("sms", "email")]
    words = "Only through email, sms. A request names its channel in X-Channel or in the path."
    for chosen, idempotency_key in ((channels, "one"), ([], "two")):
        sent = new_key | {"channels": [str(one.id) for one in chosen], "idempotency_key": idempotency_key}
        revealed = signed_in(jonas).post(CREATE, sent).content.decode()
        assert "Save your secret now" in revealed
        assert (words in revealed) is bool(chosen)


def test_plain_request_gets_a_page(jonas: Person, signed_in: SignedIn) -> None:
    page = signed_in(jonas).get(CREATE).content.decode()
    assert "<!doctype html>" in page
    assert "<dialog" in page
    assert 'hx-target="closest dialog"' not in page


def test_each_form_has_its_own_idempotency_key(jonas: Person, signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    nonces = {
        first_group(r'name="idempotency_key" value="([^"]+)"', client.get(CREATE).content.decode()) for _ in range(2)
    }
    assert len(nonces) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "Name: This field is required."),
        ({"name": "x" * 121}, "Ensure this value has at most 120 characters"),
        ({"scopes": []}, "Choose at least one permission"),
        ({"scopes": ["no:such"]}, "Permissions: Select a valid choice."),
        ({"scopes": ["users:impersonate"]}, "Permissions: Select a valid choice."),
        ({"networks": "203.0.113.24/24"}, "Use 203.0.113.0/24 for the range, or 203.0.113.24 for the address."),
        ({"network": "10.0.0.0/8, 10.1.0.0/16"}, "10.1.0.0/16 is already covered by 10.0.0.0/8."),
        ({"networks": ["10.0.0.0/8", "10.1.0.0/16"]}, "10.1.0.0/16 is already covered by 10.0.0.0/8."),
        ({"expires": "custom"}, "Expiry date: Choose a date."),
        ({"expires": "custom", "expires_on": "2020-01-01"}, "Expiry date: Choose a time in the future."),
        ({"expires": "custom", "expires_on": "9999-12-31x"}, "Expiry date: Enter a valid date."),
        ({"owner": "standard:00000000-0000-0000-0000-000000000000"}, "Owner: Select a valid choice."),
        ({"channels": ["00000000-0000-0000-0000-000000000000"]}, "Choose channels of this organisation."),
        ({"idempotency_key": ""}, "This field is required."),
        ({"idempotency_key": "\x00"}, "Null characters are not allowed."),
    ],
)
def test_invalid_input_shows_an_error_message(
    jonas: Person, signed_in: SignedIn, new_key: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    response = signed_in(jonas).post(CREATE, new_key | changes)
    page = response.content.decode()
    assert response.status_code == 422
    assert message in page
    assert "Fix 1 problem to create the key." in page
    assert not Key.objects.exists()


def test_invalid_form_keeps_all_input(
    jonas: Person, htmx: SignedIn, new_key: dict[str, Any], northwind: Organisation
) -> None:
    channel = ChannelFactory.create(organisation=northwind, name="WhatsApp")
    sent = new_key | {
        "name": "",
        "description": "Nightly",
        "scopes": ["contacts:manage"],
        "channels": [str(channel.id)],
        "networks": ["192.0.2.0/24", "10.0.0.1/8", ""],
        "expires": "30",
    }
    page = htmx(jonas).post(CREATE, sent).content.decode()
    assert "Fix 2 problems to create the key." in page
    assert 'value="Nightly"' in page
    assert re.search(r'value="contacts:manage"[^>]* checked', page)
    assert re.search(rf'value="{channel.id}"[^>]* checked', page)
    assert re.search(r'type="checkbox" name="networks" value="192.0.2.0/24" checked', page)
    assert re.search(r'<textarea id="id_networks"[^>]*>10.0.0.1/8</textarea>', page)
    assert re.search(r'name="expires" value="30"[^>]*\schecked', page)
    assert 'name="idempotency_key" value="a-nonce-of-this-form"' in page


def test_each_rejected_network_has_its_own_error(jonas: Person, htmx: SignedIn, new_key: dict[str, Any]) -> None:
    sent = new_key | {"network": "192.0.2.0/24, 10.0.0.1/8\nnonsense"}
    page = htmx(jonas).post(CREATE, sent).content.decode()
    assert "Allowed IP addresses: 10.0.0.1/8 is an address inside a range." in page
    assert "Allowed IP addresses: Enter an IP address or a network" in page
    assert re.search(r'name="networks" value="192.0.2.0/24" checked', page)
    assert ">10.0.0.1/8 nonsense</textarea>" in page
    assert re.findall(r'name="use" value="([^"]*)"', page) == ["10.0.0.1/8 10.0.0.0/8", "10.0.0.1/8 10.0.0.1"]


def test_every_field_is_saved(
    jonas: Person, signed_in: SignedIn, new_key: dict[str, Any], northwind: Organisation
) -> None:
    bot, channel = BotFactory.create(organisation=northwind), ChannelFactory.create(organisation=northwind)
    day = timezone.now().date() + timedelta(days=10)
    sent = new_key | {
        "description": "Reads",
        "owner": f"bot:{bot.id}",
        "scopes": ["chats:read", "chats:export"],
        "channels": [str(channel.id)],
        "networks": ["192.0.2.1"],
        "network": "2001:db8::/32, 198.51.100.0/24",
        "expires": "custom",
        "expires_on": day.isoformat(),
    }
    assert signed_in(jonas).post(CREATE, sent).status_code == 200
    key = Key.objects.get()
    assert (key.bot, key.kind, key.description) == (bot, KeyKind.BOT, "Reads")
    assert {scope.name for scope in key.scopes.all()} == {"chats:read", "chats:export"}
    assert list(key.channels.all()) == [channel]
    assert {str(entry) for entry in key.allow_list.all()} == {
        "192.0.2.1/32",
        "2001:db8::/32",
        "198.51.100.0/24",
    }
    assert key.expires_at
    assert key.expires_at.isoformat() == f"{day}T23:59:59+00:00"
    assert key.creator == jonas


@pytest.mark.parametrize(("choice", "days"), [("7", 7), ("365", 365), ("never", None)])
def test_relative_expiry_is_saved_as_a_date(
    jonas: Person, signed_in: SignedIn, new_key: dict[str, Any], choice: str, days: int | None
) -> None:
    signed_in(jonas).post(CREATE, new_key | {"expires": choice})
    ends = Key.objects.get().expires_at
    assert (ends is None) == (days is None)
    if ends and days:
        assert abs(ends - timezone.now() - timedelta(days=days)) < timedelta(minutes=1)


def test_full_access_key_inherits_permissions(jonas: Person, signed_in: SignedIn, new_key: dict[str, Any]) -> None:
    signed_in(jonas).post(CREATE, new_key | {"inherits": "on"})
    key = Key.objects.get()
    assert key.inherits
    assert not key.scopes.exists()


def test_unknown_fields_are_ignored(jonas: Person, signed_in: SignedIn, new_key: dict[str, Any]) -> None:
    sent = new_key | {"kind": "master", "creator": "x", "created_by": "x", "revoked_at": "x", "prefix": "evil"}
    signed_in(jonas).post(CREATE, sent)
    key = Key.objects.get()
    assert (key.kind, key.prefix, key.created_by) == (KeyKind.STANDARD, "kad", "Jonas Lind")


def test_form_shows_errors_of_organisation_rules(
    jonas: Person, signed_in: SignedIn, new_key: dict[str, Any], northwind: Organisation
) -> None:
    Organisation.objects.filter(id=northwind.id).update(max_expiry_days=30, may_never_expire=False)
    client = signed_in(jonas)
    page = client.get(CREATE).content.decode()
    assert 'value="30"' in page
    assert 'name="expires" value="90"' not in page
    assert 'name="expires" value="never"' not in page
    later = (timezone.now() + timedelta(days=40)).date().isoformat()
    response = client.post(CREATE, new_key | {"expires": "custom", "expires_on": later})
    assert response.status_code == 422
    assert "Choose a time at most 30 days from now." in response.content.decode()


def test_owner_gets_the_default_tier(
    jonas: Person, signed_in: SignedIn, new_key: dict[str, Any], northwind: Organisation
) -> None:
    admin_tier = Tier.objects.get(name="Admin")
    client = signed_in(jonas)
    assert str(admin_tier.id) not in client.get(CREATE).content.decode()
    assert client.post(CREATE, new_key | {"tier": str(admin_tier.id)}).status_code == 422
    assert not Key.objects.exists()


def test_administrator_creates_master_keys_with_any_tier(
    maya: Person, signed_in: SignedIn, new_key: dict[str, Any], northwind: Organisation
) -> None:
    tier = Tier.objects.get(name="Admin")
    sent = new_key | {"owner": f"master:{northwind.id}", "scopes": ["users:impersonate"], "tier": str(tier.id)}
    assert signed_in(maya).post(CREATE, sent).status_code == 200
    key = Key.objects.get()
    assert (key.kind, key.tier) == (KeyKind.MASTER, tier)


def test_owner_cannot_create_a_master_key(
    jonas: Person, signed_in: SignedIn, new_key: dict[str, Any], northwind: Organisation
) -> None:
    assert signed_in(jonas).post(CREATE, new_key | {"owner": f"master:{northwind.id}"}).status_code == 422
    assert not Key.objects.exists()


def test_owners_of_other_organisations_are_not_offered(
    jonas: Person, contoso: Organisation, signed_in: SignedIn, new_key: dict[str, Any]
) -> None:
    bot = BotFactory.create(organisation=contoso)
    for owner in (f"standard:{contoso.id}", f"bot:{bot.id}"):
        assert signed_in(jonas).post(CREATE, new_key | {"owner": owner}).status_code == 422
    assert not Key.objects.exists()


def test_current_organisation_is_offered_first(maya: Person, htmx: SignedInHtmx) -> None:
    OrganisationFactory.create(name="Aardvark", slug="aardvark")
    second = OrganisationFactory.create(name="Zebra", slug="zebra")
    client = htmx(maya)
    client.set_current_url("/keys/?organisation=zebra")
    assert re.search(rf'value="standard:{second.id}" selected', client.get(CREATE).content.decode())


def test_disabled_bots_are_not_offered(jonas: Person, signed_in: SignedIn, northwind: Organisation) -> None:
    bot = BotFactory.create(organisation=northwind, disabled=True)
    assert str(bot.id) not in signed_in(jonas).get(CREATE).content.decode()


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_405(jonas: Person, signed_in: SignedIn, method: str) -> None:
    assert getattr(signed_in(jonas), method)(CREATE).status_code == 405


def test_request_without_csrf_token_creates_nothing(jonas: Person, new_key: dict[str, Any]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(jonas, backend="allauth.account.auth_backends.AuthenticationBackend")
    response = client.post(CREATE, new_key)
    assert response.status_code == 403
    assert "<style" not in response.content.decode()
    assert not Key.objects.exists()


def test_another_owner_brings_its_channels_and_rules(
    maya: Person, jonas: Person, htmx: SignedIn, new_key: dict[str, Any], northwind: Organisation
) -> None:
    contoso = OrganisationFactory.create(name="Elsewhere", max_expiry_days=30)
    ours, theirs = ChannelFactory.create(organisation=northwind), ChannelFactory.create(organisation=contoso)
    chosen = new_key | {"owner": f"standard:{contoso.id}", "channels": [str(ours.id)], "expires": "7"}
    rules = htmx(maya).post("/keys/create/limits/", chosen)
    page = rules.content.decode()
    assert rules.status_code == 200
    assert str(theirs.id) in page
    assert str(ours.id) not in page
    assert re.search(r'value="7"[^>]* checked', page)
    assert 'value="365"' not in page
    assert not Key.objects.exists()
    hidden = htmx(jonas).post("/keys/create/limits/", chosen)
    assert str(theirs.id) not in hidden.content.decode()


@pytest.mark.parametrize("who", ["maya", "jonas"])
def test_checkbox_of_each_permission_has_its_explanation_and_endpoints(
    request: pytest.FixtureRequest, northwind: Organisation, htmx: SignedIn, who: str
) -> None:
    """Also for an organisation's owner, who does not see the catalogue of permissions."""
    html = htmx(request.getfixturevalue(who)).get("/keys/create/?organisation=northwind").content.decode()
    items = {re.split('"', item, maxsplit=1)[0]: item for item in html.split('name="scopes" value="')[1:]}
    assert len(items) >= 17
    for scope in Scope.objects.filter(name__in=items):
        text = unescape(strip_tags(items[scope.name]))
        assert scope.explanation in text
        assert all(f"{route.method} {route.pattern}" in text for route in scope.opened_routes)
    assert "POST /api/keys" in items["keys:write"]
