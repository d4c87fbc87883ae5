"""Two requests that change the same key at the same time, in real threads with real commits."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.test import Client

from keyadmin.models import Event, EventType, Key, Organisation, Person, Role
from keyadmin.operations import audit
from tests.factories import KeyFactory, member_of
from tests.threads import run_concurrently

EDIT = {"description": "", "scopes": ["chats:read"], "expires": "never", "revision": "1"}


def _browser(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def _acts(key: Key, client: Client, who: str) -> list[Callable[[], Any]]:
    page = f"/keys/{key.id}"
    return [
        partial(client.post, f"{page}/regenerate/", {"grace": "0", "idempotency_key": f"{who}'s nonce"}),
        partial(client.post, f"{page}/edit/", EDIT | {"name": f"{who}'s name"}),
        partial(client.post, f"{page}/revoke/", {"reason": f"{who}'s reason"}),
    ]


def test_concurrent_changes_of_one_key_are_serialised(committed_organisation: Organisation) -> None:
    """One live secret stays, and history tells, in order, exactly what the answers said had happened."""
    for _ in range(4):
        key = KeyFactory.create(organisation=committed_organisation)
        before = key.name
        browsers = {who: _browser(member_of(committed_organisation, Role.OWNER)) for who in ("One", "Other")}
        acts = [act for who, client in browsers.items() for act in _acts(key, client, who)]
        answers = run_concurrently(*acts)
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        regenerated, edited, revoked = answers[0::3], answers[1::3], answers[2::3]
        assert {answer.status_code for answer in regenerated} <= {200, 409}
        assert {answer.status_code for answer in edited} <= {302, 409}
        assert sorted(answer.status_code for answer in revoked) == [302, 409]
        made = sum(answer.status_code == 200 for answer in regenerated)
        saved = sum(answer.status_code == 302 for answer in edited)
        assert saved <= 1

        assert key.secrets.get().not_after is None
        key.refresh_from_db()
        events = list(Event.objects.of_target(str(key.id)).order_by("number"))
        verbs = [event.type for event in events]
        assert sorted(verbs) == sorted(
            [EventType.KEY_REGENERATED] * made + [EventType.KEY_EDITED] * saved + [EventType.KEY_REVOKED]
        )
        assert EventType.KEY_REGENERATED not in verbs[verbs.index(EventType.KEY_REVOKED) :]
        by_verb = {event.type: event for event in events}
        assert key.name == (by_verb[EventType.KEY_EDITED].changes["name"][1] if saved else before)
        assert by_verb[EventType.KEY_REVOKED].reason == key.revoked_reason
        assert all(bytes(event.hash) == audit.hash_of(event) for event in events)
