"""Eight concurrent clients create, edit and revoke keys over the live API."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from keyadmin.models import ChainHead, Event, EventType, Key
from keyadmin.operations.audit import chain
from tests.api.world import token_of
from tests.fixtures.committed_rows import CommittedRows
from tests.live.servers import Server

CLIENTS = 8
KEYS = 15
"""Keys of each client."""


def live(own_server: Server, headers: dict[str, str], client: int, organisation: str) -> list[int]:
    """Run one client and return the statuses of its calls."""
    statuses = []
    with own_server.connect() as connection:

        def ask(method: str, path: str, body: Any) -> Any:
            sent = [*headers.items(), ("Content-Type", "application/json")]
            answer = connection.request(path, sent, method, json.dumps(body).encode())
            statuses.append(answer.status)
            assert answer.status < 400, (method, path, answer.body)
            return answer

        for number in range(KEYS):
            new = {"name": f"{client} {number}", "scopes": ["chats:read"], "organisation": organisation}
            path = f"/api/keys/{ask('POST', '/api/keys', new).json['id']}"
            ask("PATCH", path, {"description": f"of client {client}"})
            ask("POST", f"{path}/revoke", {"reason": "done"})
    return statuses


def test_changes_of_concurrent_clients_are_all_saved_and_recorded(own_server: Server, rows: CommittedRows) -> None:
    organisation = rows.organisation(default_expiry_days=None)
    head = ChainHead.objects.get()
    key = rows.key(organisation, scopes=["keys:read", "keys:write", "chats:read"], limit=1_000_000)
    token = token_of(rows.person(organisation, "owner"))
    callers = [{"X-API-Key": key.token.value}, {"Authorization": f"Bearer {token}"}]
    with ThreadPoolExecutor(CLIENTS) as pool:
        work = [pool.submit(live, own_server, callers[n % 2], n, organisation.slug) for n in range(CLIENTS)]
        assert chain.verify().number >= head.number
        statuses = [status for each in work for status in each.result()]
    assert Counter(statuses) == {201: CLIENTS * KEYS, 200: 2 * CLIENTS * KEYS}

    created = Key.objects.filter(organisation=organisation).exclude(id=key.key.id)
    names = {f"{client} {number}" for client in range(CLIENTS) for number in range(KEYS)}
    assert set(created.values_list("name", flat=True)) == names
    assert created.count() == len(names)
    assert not created.filter(revoked_at__isnull=True).exists()
    assert not created.filter(description="").exists()
    events = list(Event.objects.filter(number__gt=head.number).order_by("number"))
    for verb in (EventType.KEY_ISSUED, EventType.KEY_EDITED, EventType.KEY_REVOKED):
        assert sum(event.type == verb for event in events) == len(names)
    assert bytes(events[0].previous_hash) == bytes(head.hash)
    assert chain.verify().number == events[-1].number == head.number + len(events)
