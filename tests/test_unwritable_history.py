"""If PostgreSQL rejects the event, nothing else changes, through every interface, and the error is reported."""

import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import DatabaseError
from django.test import Client

from keyadmin.management.subcommands import SubcommandCommand
from keyadmin.models import Organisation, Person, Scope
from keyadmin.models.sign_in import UnrecordedAttempts
from keyadmin.server.embedded_postgres import OWNER
from tests.api.calls import CALLS, call_as, filled
from tests.api.world import World, worlds
from tests.factories import (
    OPERATOR,
    PASSWORD,
    BotFactory,
    ChannelFactory,
    KeyFactory,
    PersonFactory,
    TierFactory,
    invitation,
    member_of,
    password_link,
    started_revocation,
    token_session,
)
from tests.fixtures.clients import SignedIn
from tests.fixtures.commands import Shell
from tests.fixtures.committed_rows import CommittedRows
from tests.operations import cases
from tests.operations.helpers import dump
from tests.owner import REJECT_EVENTS, events_rejected, url_as
from tests.web import role_matrix

#: Where a failed sign-in is counted, so that guessing gets slower also while history cannot be written. Maintenance
#: records `unrecorded_attempts` as events later.
COUNTED: Final = {"attempt_count", "cache", "unrecorded_attempts"}


@contextmanager
def unwritable() -> Iterator[None]:
    """Makes history unwritable; afterwards checks that the whole database is unchanged."""
    before = dump()
    with events_rejected():
        yield
    after = dump()
    assert {name: after[name] for name in after.keys() - COUNTED} == {
        name: before[name] for name in before.keys() - COUNTED
    }


@pytest.mark.parametrize("name", cases.ALL_CASES | cases.SESSION_CASES | cases.EXPORT_CASES)
def test_operation_without_history_changes_nothing(northwind: Organisation, name: str) -> None:
    world = cases.world(northwind)
    with unwritable(), pytest.raises(DatabaseError, match="permission denied for table event"):
        (cases.ALL_CASES | cases.SESSION_CASES | cases.EXPORT_CASES)[name](world, OPERATOR)


def _ids(northwind: Organisation, contoso: Organisation) -> dict[str, str]:
    bot = BotFactory.create(organisation=northwind, networks=["203.0.113.0/24"])
    person = member_of(northwind)
    return {
        "bot": str(bot.id),
        "range": str(bot.allow_list.get().id),
        "disabled": str(BotFactory.create(organisation=northwind, disabled=True).id),
        "key": str(KeyFactory.create(organisation=northwind, name="CRM").id),
        "revocation": str(started_revocation(KeyFactory.create(organisation=northwind)).id),
        "graced": str(KeyFactory.create(organisation=northwind, in_grace=True).id),
        "revoked": str(KeyFactory.create(organisation=northwind, revoked=True).id),
        "master": str(KeyFactory.create(organisation=northwind, name="CRM", master=True).id),
        "organisation": str(northwind.id),
        "contoso": str(contoso.id),
        "person": str(person.id),
        "link": str(password_link(person).id),
        "newcomer": str(member_of(northwind, unverified=True).id),
        "invitation": str(invitation(northwind, email="invited@example.com").id),
        "leaver": str(member_of(northwind, deactivated=True).id),
        "tier": str(TierFactory.create().id),
        "channel": str(ChannelFactory.create(organisation=northwind).id),
    }


def test_page_without_history_changes_nothing(
    maya: Person, northwind: Organisation, contoso: Organisation, signed_in: SignedIn
) -> None:
    ids = _ids(northwind, contoso)
    Scope.objects.create(name="reports:read", resource="R", label="L", explanation="E", ability="A")
    client = signed_in(maya)
    client.raise_request_exception = False
    sent: dict[str, dict[str, str]] = {
        page: role_matrix.FORM_DATA | {"key": ids["key"]} for page in role_matrix.ACTIONS
    }
    sent |= {page: fields for page, (fields, _) in role_matrix.ADMIN_ACTIONS.items() if page != "/profile/"}
    with unwritable():
        for page, fields in sent.items():
            values = {name: value.format(**ids) for name, value in fields.items()}
            response = client.post(page.format(**ids).replace("chats:read", "reports:read"), values)
            assert response.status_code == 500, (page, response.status_code)
            assert "<h1>" in response.content.decode(), page


def test_sign_in_and_sign_out_without_history_change_nothing(signed_in: SignedIn, db: None) -> None:
    """A failed attempt is answered: it is counted now, and recorded later."""
    person: Person = PersonFactory.create(signs_in=True)
    inside = signed_in(person)
    with unwritable():
        for client, path, sent, status in (
            (Client(), "/account/login/", {"login": person.email, "password": PASSWORD}, 500),
            (Client(), "/account/login/", {"login": person.email, "password": "wrong"}, 200),
            (inside, "/account/logout/", {}, 500),
        ):
            client.raise_request_exception = False
            assert client.post(path, sent).status_code == status
            if client is not inside:
                assert client.get("/profile/").status_code == 302
        for password, status in ((PASSWORD, 500), ("wrong", 401)):
            body = json.dumps({"email": person.email, "password": password})
            answer = Client(raise_request_exception=False).post("/api/token", body, "application/json")
            assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
        assert inside.get("/profile/").status_code == 200
    assert UnrecordedAttempts.objects.get().count == 2


@pytest.fixture
def world(rows: CommittedRows) -> Iterator[World]:
    yield from worlds(rows)


#: What changes nothing, or is refused before it could.
_IDLE: Final = {
    "/api/verify",
    "/api/explain",
    "/api/token",
    "/api/token/refresh",
    "/api/token/revoke",
    "/api/people/{person}/links/{link}",  # the link of another person
    "/api/invitations/{invitation}/accept",  # the invitation of another person
    "/api/invitations/{invitation}/decline",
}


def test_endpoint_without_history_changes_nothing(world: World) -> None:
    calls = [
        (method, filled(world, address), None if body is None else filled(world, json.dumps(body)))
        for method, address, body, _ in CALLS
        if (method != "GET" and address not in _IDLE and "enable" not in address) or "export" in address
    ]
    assert len(calls) > 30
    refresh = token_session(world.owner)
    token = json.dumps({"refresh_token": refresh})
    calls += [("POST", path, token) for path in ("/api/token/refresh", "/api/token/revoke")]
    person = Person.objects.get(id=world.target["person"](world.home))
    calls.append(("DELETE", f"/api/people/{person.id}/links/{password_link(person).id}", None))
    own = invitation(world.home, email=Person.objects.get(system_role="administrator").email)
    calls += [("POST", f"/api/invitations/{own.id}/{verb}", None) for verb in ("accept", "decline")]
    with unwritable():
        for method, address, body in calls:
            response = call_as(world, "administrator", method, address, body)
            assert response.status_code == 500, (method, address, response.content)
            assert response["Content-Type"] == "application/problem+json", address


COMMANDS: Final = """
    keys edit {key} --name New
    keys regenerate {key}
    keys end-grace {key}
    keys reactivate {revoked}
    keys delete {key}
    bots create --organisation {slug} --name Helper
    bots edit --organisation {slug} {bot} --description Helps
    bots disable --organisation {slug} {bot}
    bots enable --organisation {slug} {idle}
    channels create --organisation {slug} --name Fax
    channels rename --organisation {slug} {channel} --name Fax
    channels remove --organisation {slug} {channel}
    organisations create --name Fabrikam
    organisations edit {slug} --name New
    organisations disable {slug}
    organisations enable {closed}
    people add --email kim@example.com --name Kim --organisation {slug} --role member
    people invite --email kim@example.com --name Kim --organisation {slug} --role member
    people renew-invitation {invitation}
    people withdraw-invitation {invitation}
    people link {person}
    people end-link {person} {link}
    people verify-email {newcomer}
    people edit {person} --name Kim
    people set-role {person} --organisation {slug} --role owner
    people remove-role {person} --organisation {slug}
    people set-system-role {person} --role auditor
    people deactivate {person}
    people reactivate {leaver}
    tiers create --name Gold --hourly-limit 9
    tiers edit {tier} --hourly-limit 9
    tiers remove {tier}
    scopes create notes:read --resource R --label L --explanation E --ability A
    scopes edit reports:read --label New
    scopes remove reports:read
    allow_list add --bot {bot} --organisation {slug} 198.51.100.0/24
    allow_list change --bot {bot} --organisation {slug} 192.0.2.0/24 198.51.100.0/24
    allow_list remove --bot {bot} --organisation {slug} 192.0.2.0/24 --allow-any
    keys issue --organisation {slug} --name CI --scope chats:read
    keys revoke {key}
    history --export csv
    create_admin --email kim@example.com --name Kim --password-stdin
"""


def test_command_without_history_changes_nothing(northwind: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    world = cases.world(northwind)
    names = {
        "key": world.key.id,
        "revoked": world.revoked.id,
        "bot": world.bot.id,
        "idle": world.idle_bot.id,
        "slug": "northwind",
        "closed": world.closed.slug,
        "channel": world.channel.slug,
        "person": world.person.email,
        "leaver": world.leaver.email,
        "newcomer": world.newcomer.email,
        "link": world.link.id,
        "invitation": world.invitation.id,
        "tier": world.tier.id,
    }
    with unwritable():
        for line in filter(None, map(str.strip, COMMANDS.splitlines())):
            with pytest.raises(CommandError, match="nothing was changed") as refused:
                call_command(*line.format(**names).split(), stdout=None, stderr=None)
            assert refused.value.returncode == 1, line


_READING: Final = {"invitations", "links", "list", "show", "usage"}


def test_every_subcommand_is_tested_without_history() -> None:
    asked = {tuple(line.split()[:2]) for line in COMMANDS.splitlines() if line.strip()}
    for name, app in get_commands().items():
        if app != "keyadmin":
            continue
        command = load_command_class(app, name)
        if isinstance(command, SubcommandCommand) and name != "pepper":
            assert {(name, subcommand) for subcommand in set(command.subcommands) - _READING} <= asked


def test_command_without_history_reports_the_error(empty_shell: Shell) -> None:
    with psycopg.connect(url_as(OWNER, empty_shell.url)) as own:
        own.execute(REJECT_EVENTS)
    done = empty_shell("organisations", "create", "--name", "Fabrikam")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r".*nothing was changed.*\n", done.stderr)
    assert empty_shell.rows("SELECT count(*) FROM organisation") == [(0,)]
