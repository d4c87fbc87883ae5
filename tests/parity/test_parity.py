"""Pages, API and commands are doors to the same operations: for every one of them, the same outcome for each role, the
same record in history, and the same words for the same bad input.
"""

import html
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any, Final

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client

from keyadmin.api.auth import issue_access_token
from keyadmin.management.base import ExitCode
from keyadmin.models import Event, Organisation, Person
from keyadmin.operations.people import token_sessions
from tests.api.calling import call
from tests.factories import BotFactory, KeyFactory, as_actor
from tests.operations import acts
from tests.parity.operations_table import TABLE, Body, Interface

ROLES: Final = ("maya", "priya", "jonas", "asha", "sam", "lena")
#: By door, what stands for the same thing.
OF_API: Final = {
    200: "done",
    201: "done",
    204: "done",
    403: "forbidden",
    404: "unseen",
    409: "conflict",
    422: "invalid",
}
OF_PAGE: Final = {200: "done", 302: "done", 403: "forbidden", 404: "unseen", 409: "conflict", 422: "invalid"}
OF_COMMAND: Final = {
    ExitCode.FORBIDDEN: "forbidden",
    ExitCode.NOT_FOUND: "unseen",
    ExitCode.CONFLICT: "conflict",
    ExitCode.INVALID: "invalid",
}

type Act = Callable[[str, Interface], tuple[str, str]]
"""By whom, and what; the outcome, and what was said."""


@pytest.fixture
def cast(maya: Person, priya: Person, jonas: Person, asha: Person, sam: Person, lena: Person) -> dict[str, Person]:
    return dict(zip(ROLES, (maya, priya, jonas, asha, sam, lena), strict=True))


@pytest.fixture
def known(northwind: Organisation, cast: dict[str, Person]) -> dict[str, str]:
    """What the table names in braces."""
    world = acts.world(northwind)
    rows = {name: row for name, row in vars(world).items() if hasattr(row, "pk")}
    return {
        **{name: str(row.pk) for name, row in rows.items()},
        "plain_key": str(KeyFactory(organisation=northwind).id),
        "slug": northwind.slug,
        "organisation_name": northwind.name,
        "usual_tier": str(northwind.default_tier_id),
        "key_name": world.key.name,
        "other_bot_name": BotFactory(organisation=northwind).name,
        "channel_name": world.channel.name,
        "channel_slug": world.channel.slug,
        "person_name": world.person.name,
        "person_email": world.person.email,
        "closed_slug": world.closed.slug,
        "tier_name": world.tier.name,
    }


@pytest.fixture
def doors(known: dict[str, str], cast: dict[str, Person]) -> dict[str, Act]:
    client, sessions, tokens = Client(), {}, {}
    for role, person in cast.items():
        client.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
        sessions[role] = client.cookies[settings.SESSION_COOKIE_NAME].value
        begun = token_sessions.begin(actor=as_actor(person), binding=person.get_session_auth_hash())
        tokens[role] = {"Authorization": f"Bearer {issue_access_token(begun)}"}
        client.cookies.clear()

    def page(role: str, door: Interface) -> tuple[str, str]:
        client.cookies[settings.SESSION_COOKIE_NAME] = sessions[role]
        response = client.post(filled(door.page[0], known), filled(door.page[1], known))
        nothing = "nothing.html" in [template.name for template in response.templates]  # for who reads nothing at all
        return "unseen" if nothing else OF_PAGE[response.status_code], html.unescape(response.getvalue().decode())

    def api(role: str, door: Interface) -> tuple[str, str]:
        method, address, body = filled(door.api, known)
        response = call(method, address, body, tokens[role])
        said = response.getvalue().decode()
        if said and response["Content-Type"].partition(";")[0].endswith("json"):
            said = json.dumps(json.loads(said), ensure_ascii=False)
        return OF_API[response.status_code], said

    def command(role: str, door: Interface) -> tuple[str, str]:
        said = StringIO()
        try:
            call_command(*filled(door.command, known), stdout=said, stderr=said)
        except CommandError as error:
            return OF_COMMAND[ExitCode(error.returncode)], str(error)
        return "done", said.getvalue()

    return {"page": page, "api": api, "command": command}


def filled(value: Any, known: dict[str, str]) -> Any:
    if isinstance(value, str):
        return re.sub(r"\{([a-z_]+)\}", lambda match: known[match[1]], value)
    if isinstance(value, dict):
        return {name: filled(each, known) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [filled(each, known) for each in value]
    return value


@contextmanager
def undone() -> Iterator[None]:
    """The world is afterwards what it was."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def latest(chance: frozenset[str]) -> dict[str, Any]:
    """The newest event without who did it by which door, when, and what is chance."""
    event = Event.objects.order_by("-number")[0]
    target, organisation = event.target_id, str(event.organisation_id)
    if event.type.endswith((".created", ".issued", ".invited")):
        target, organisation = "new", "new" if organisation == target else organisation
    changes = {name: pair for name, pair in event.changes.items() if name not in chance}
    named = {"target": (event.target_kind, target, event.target_label), "organisation": organisation}
    return {"type": event.type, "reason": event.reason, "changes": changes, **named}


def test_every_operation_has_three_doors() -> None:
    """But for what only programs do by the clock, the report's file, which is a page's, and people's own passwords."""
    by_the_clock = {"expiry_notices.record_sent", "pruning.prune"}
    alone = {"people.create", "review.export"} | by_the_clock
    operations = {name.split(" ")[0] for name in acts.ALL | acts.EXPORTS} - alone
    assert operations <= {name.split(" ")[0] for name in TABLE}


@pytest.mark.parametrize("name", TABLE)
def test_the_doors_agree(doors: dict[str, Act], known: dict[str, str], name: str) -> None:
    door = TABLE[name]
    outcome = expect_the_same_for_each_role(doors, door)
    if outcome == "done":
        expect_the_same_in_history(doors, door)
    if door.bad:
        expect_the_same_words_for_bad_input(doors, door, *door.bad)
    if door.again:
        expect_the_same_words_for_what_is_done(doors, door, filled(door.again, known))


def expect_the_same_for_each_role(doors: dict[str, Act], door: Interface) -> str:
    """Returns what an administrator gets."""
    got: dict[str, dict[str, str]] = {"page": {}, "api": {}}
    for way in got:
        for role in ROLES:
            with undone():
                outcome, _said = doors[way](role, door)
                # A form offers what can be chosen: what cannot be seen is no choice.
                got[way][role] = "unseen" if way == "page" and outcome == "invalid" else outcome
    assert got["page"] == got["api"]
    with undone():
        assert doors["command"]("", door)[0] == got["api"]["maya"]
    return got["api"]["maya"]


def expect_the_same_in_history(doors: dict[str, Act], door: Interface) -> None:
    told = {}
    for way, act in doors.items():
        with undone():
            before = Event.objects.count()
            act("maya", door)
            assert Event.objects.count() == before + 1
            told[way] = latest(door.chance)
            by = Event.objects.order_by("-number").values_list("interface", "actor_kind")[0]
            assert by == (way, "command" if way == "command" else "person")
    assert told["page"] == told["api"] == told["command"]


def expect_the_same_words_for_bad_input(
    doors: dict[str, Act], door: Interface, form: Body, body: Body, words: dict[str, str], said: str
) -> None:
    method, address, sent = door.api
    wrong = Interface(
        page=(door.page[0], door.page[1] | form),
        api=(method, address.partition("?")[0], None) if sent is None else (method, address, sent | body),
        command=tuple(words.get(word, word) for word in door.command),
    )
    for act in doors.values():
        with undone():
            before = Event.objects.count()
            outcome, answer = act("maya", wrong)
            assert (outcome, said in answer) == ("invalid", True), answer[-3000:]
            assert Event.objects.count() == before


def expect_the_same_words_for_what_is_done(doors: dict[str, Act], door: Interface, said: str) -> None:
    outcomes = set()
    form = {name: {"revision": "2", "idempotency_key": "m"}.get(name, text) for name, text in door.page[1].items()}
    again = Interface(page=(door.page[0], form), api=door.api, command=door.command)
    for way, act in doors.items():
        with undone():
            assert act("maya", door)[0] == "done"
            outcome, answer = act("maya", again)
            assert said in answer, (way, answer[-3000:])
            outcomes.add(outcome)
    assert len(outcomes) == 1
