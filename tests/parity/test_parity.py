"""Parity of pages, API and commands.

Every operation has the same outcome for each role, records the same event, and reports the same messages for the same
invalid input, whichever interface calls it.
"""

import html
import json
import re
from collections.abc import Callable
from io import StringIO
from typing import Any, Final

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client

from keyadmin.management.base import ExitCode
from keyadmin.models import Event, Organisation, Person
from keyadmin.operations.people import access_tokens, token_sessions
from tests.api.calling import call
from tests.factories import BotFactory, KeyFactory, as_actor
from tests.operations import cases
from tests.parity.operations_table import TABLE, Body, InterfaceCase
from tests.rollback import rolled_back

ROLES: Final = ("maya", "priya", "jonas", "asha", "sam", "lena")
#: From the status of a response, or the exit code of a command, to the outcome.
API_OUTCOMES: Final = {
    200: "done",
    201: "done",
    204: "done",
    403: "forbidden",
    404: "unseen",
    409: "conflict",
    422: "invalid",
}
PAGE_OUTCOMES: Final = {200: "done", 302: "done", 403: "forbidden", 404: "unseen", 409: "conflict", 422: "invalid"}
COMMAND_OUTCOMES: Final = {
    ExitCode.FORBIDDEN: "forbidden",
    ExitCode.NOT_FOUND: "unseen",
    ExitCode.CONFLICT: "conflict",
    ExitCode.INVALID: "invalid",
}

type Call = Callable[[str, InterfaceCase], tuple[str, str]]
"""From the role and the case to the outcome and the text of the response."""


@pytest.fixture
def cast(maya: Person, priya: Person, jonas: Person, asha: Person, sam: Person, lena: Person) -> dict[str, Person]:
    return dict(zip(ROLES, (maya, priya, jonas, asha, sam, lena), strict=True))


@pytest.fixture
def values(northwind: Organisation, cast: dict[str, Person]) -> dict[str, str]:
    """The values of the names in braces in the table."""
    world = cases.world(northwind)
    rows = {name: row for name, row in vars(world).items() if hasattr(row, "pk")}
    return {
        **{name: str(row.pk) for name, row in rows.items()},
        "plain_key": str(KeyFactory.create(organisation=northwind).id),
        "slug": northwind.slug,
        "organisation_name": northwind.name,
        "usual_tier": str(northwind.default_tier_id),
        "key_name": world.key.name,
        "other_bot_name": BotFactory.create(organisation=northwind).name,
        "channel_name": world.channel.name,
        "channel_slug": world.channel.slug,
        "person_name": world.person.name,
        "person_email": world.person.email,
        "closed_slug": world.closed.slug,
        "tier_name": world.tier.name,
    }


@pytest.fixture
def interfaces(values: dict[str, str], cast: dict[str, Person]) -> dict[str, Call]:
    client, sessions, tokens = Client(), {}, {}
    for role, person in cast.items():
        client.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
        sessions[role] = client.cookies[settings.SESSION_COOKIE_NAME].value
        begun = token_sessions.begin(actor=as_actor(person), binding=person.get_session_auth_hash())
        tokens[role] = {"Authorization": f"Bearer {access_tokens.issue(begun)}"}
        client.cookies.clear()

    def page(role: str, case: InterfaceCase) -> tuple[str, str]:
        client.cookies[settings.SESSION_COOKIE_NAME] = sessions[role]
        response = client.post(filled(case.page[0], values), filled(case.page[1], values))
        nothing = "nothing.html" in [template.name for template in response.templates]  # for who reads nothing at all
        return "unseen" if nothing else PAGE_OUTCOMES[response.status_code], html.unescape(response.getvalue().decode())

    def api(role: str, case: InterfaceCase) -> tuple[str, str]:
        method, address, body = filled(case.api, values)
        response = call(method, address, body, tokens[role])
        text = response.getvalue().decode()
        if text and response["Content-Type"].partition(";")[0].endswith("json"):
            text = json.dumps(json.loads(text), ensure_ascii=False)
        return API_OUTCOMES[response.status_code], text

    def command(role: str, case: InterfaceCase) -> tuple[str, str]:
        text = StringIO()
        try:
            call_command(*filled(case.command, values), stdout=text, stderr=text)
        except CommandError as error:
            return COMMAND_OUTCOMES[ExitCode(error.returncode)], str(error)
        return "done", text.getvalue()

    return {"page": page, "api": api, "command": command}


def filled(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, str):
        return re.sub(r"\{([a-z_]+)\}", lambda match: values[match[1]], value)
    if isinstance(value, dict):
        return {name: filled(each, values) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [filled(each, values) for each in value]
    return value


def latest_event(random_fields: frozenset[str]) -> dict[str, Any]:
    """The newest event without actor, interface, time and the `random_fields`."""
    event = Event.objects.order_by("-number")[0]
    target, organisation = event.target_id, str(event.organisation_id)
    if event.type.endswith((".created", ".issued", ".invited")):
        target, organisation = "new", "new" if organisation == target else organisation
    changes = {name: pair for name, pair in event.changes.items() if name not in random_fields}
    named = {"target": (event.target_kind, target, event.target_label), "organisation": organisation}
    return {"type": event.type, "reason": event.reason, "changes": changes, **named}


def test_every_operation_is_in_the_table() -> None:
    """Except maintenance, those of pages only, and creation with a password (commands only)."""
    maintenance = {"expiry_notices.record_sent", "pruning.prune"}
    pages_only = {"review.export", "exports.export", "bulk_revocation.start", "bulk_revocation.stop"}
    one_interface = {"people.create"} | pages_only | maintenance
    operations = {name.split(" ")[0] for name in cases.ALL_CASES | cases.EXPORT_CASES} - one_interface
    assert operations <= {name.split(" ")[0] for name in TABLE}


@pytest.mark.parametrize("name", TABLE)
def test_interfaces_do_the_same_for_every_role(interfaces: dict[str, Call], values: dict[str, str], name: str) -> None:
    case = TABLE[name]
    outcome = assert_same_outcome_for_each_role(interfaces, case)
    if outcome == "done":
        assert_same_event(interfaces, case)
    if case.invalid:
        assert_same_messages_for_invalid_input(interfaces, case, *case.invalid)
    if case.repeated:
        assert_same_messages_when_repeated(interfaces, case, filled(case.repeated, values))


def assert_same_outcome_for_each_role(interfaces: dict[str, Call], case: InterfaceCase) -> str:
    """Returns the outcome for an administrator."""
    outcomes: dict[str, dict[str, str]] = {"page": {}, "api": {}}
    for interface in outcomes:
        for role in ROLES:
            with rolled_back():
                outcome, _text = interfaces[interface](role, case)
                # A form rejects an object that the user cannot see, because it is not among its choices.
                outcomes[interface][role] = "unseen" if interface == "page" and outcome == "invalid" else outcome
    assert outcomes["page"] == outcomes["api"]
    with rolled_back():
        assert interfaces["command"]("", case)[0] == outcomes["api"]["maya"]
    return outcomes["api"]["maya"]


def assert_same_event(interfaces: dict[str, Call], case: InterfaceCase) -> None:
    recorded = {}
    for interface, send in interfaces.items():
        with rolled_back():
            before = Event.objects.count()
            send("maya", case)
            assert Event.objects.count() == before + 1
            recorded[interface] = latest_event(case.random_fields)
            by = Event.objects.order_by("-number").values_list("interface", "actor_kind")[0]
            assert by == (interface, "command" if interface == "command" else "person")
    assert recorded["page"] == recorded["api"] == recorded["command"]


def assert_same_messages_for_invalid_input(
    interfaces: dict[str, Call], case: InterfaceCase, form: Body, body: Body, arguments: dict[str, str], message: str
) -> None:
    method, address, sent = case.api
    wrong = InterfaceCase(
        page=(case.page[0], case.page[1] | form),
        api=(method, address.partition("?")[0], None) if sent is None else (method, address, sent | body),
        command=tuple(arguments.get(word, word) for word in case.command),
    )
    for send in interfaces.values():
        with rolled_back():
            before = Event.objects.count()
            outcome, response = send("maya", wrong)
            assert (outcome, message in response) == ("invalid", True), response[-3000:]
            assert Event.objects.count() == before


def assert_same_messages_when_repeated(interfaces: dict[str, Call], case: InterfaceCase, message: str) -> None:
    """Except that the API answers an edit without changes with the object, without a message."""
    is_unchanged = message == "No changes to save."
    outcomes = set()
    form = {name: {"revision": "2", "idempotency_key": "m"}.get(name, text) for name, text in case.page[1].items()}
    again = InterfaceCase(page=(case.page[0], form), api=case.api, command=case.command)
    for interface, send in interfaces.items():
        with rolled_back():
            assert send("maya", case)[0] == "done"
            before = Event.objects.count()
            outcome, response = send("maya", again)
            if not (is_unchanged and interface == "api"):
                assert message in response, (interface, response[-3000:])
            assert Event.objects.count() == before
            outcomes.add(outcome)
    assert len(outcomes) == 1
    assert (outcomes == {"done"}) == is_unchanged
