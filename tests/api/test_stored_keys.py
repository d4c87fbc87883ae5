"""Keys in texts that were stored before operations refused them: no response of the API shows them."""

import pytest

from keyadmin.core import tokens
from keyadmin.core.redaction import REDACTED
from keyadmin.core.tokens import KeyFormat
from keyadmin.models import Bot, Event, Key, Organisation, Person
from tests.api.calling import bearer, call, call_with_key
from tests.api.world import token_of
from tests.fixtures.committed_rows import CommittedRows
from tests.fixtures.stored_keys import StoredKeys


def test_no_response_shows_a_stored_key(stored: StoredKeys, maya: Person, northwind: Organisation) -> None:
    headers, shown = bearer(token_of(maya)), 0
    key, bot, event = Key.objects.filter(revoked_at=None)[0], Bot.objects.get(), Event.objects.latest("number")
    paths = [
        f"/api/{name}" for name in ("keys", "history", "bots", "people", "scopes", "tiers", "channels", "invitations")
    ]
    paths += ["/api/organisations", f"/api/organisations/{northwind.id}", "/api/api-keys?organisation=northwind"]
    paths += [f"/api/keys/{key.id}", f"/api/keys/{key.id}/history", f"/api/bots/{bot.id}", "/api/whoami"]
    paths += [f"/api/history/{event.number}", "/api/history/export?format=csv", "/api/history/export?format=jsonl"]
    for path in paths:
        response = call("GET", path, headers=headers)
        assert response.status_code == 200, (path, response.content)
        text = (b"".join(response) if response.streaming else response.content).decode()
        stored.require_hidden(text, path)
        shown += text.count(REDACTED)
    assert shown > 100
    for path, body in (
        (f"/api/keys/{key.id}", {"scopes": ["chats:write"]}),
        (f"/api/bots/{bot.id}", {"description": ""}),
    ):
        response = call("PATCH", path, body, headers)
        assert response.status_code == 200, response.content
        stored.require_hidden(response.content.decode(), path)
    explained = {"key": str(key.id), "method": "GET", "path": "/api/chats"}
    stored.require_hidden(call("POST", "/api/explain", explained, headers).content.decode(), "explain")


@pytest.mark.parametrize("form", KeyFormat)
def test_caller_is_named_without_a_stored_key(rows: CommittedRows, form: KeyFormat) -> None:
    organisation = rows.organisation()
    secret = tokens.mint(organisation.key_prefix, form)
    bot = rows.bot(organisation)
    Bot.objects.filter(id=bot.id).update(name=f"Was {secret.value}")
    created = rows.key(organisation, bot=bot, name=f"CRM {secret.value}", scopes=["keys:read"])
    caller = call_with_key(created, "GET", "/api/whoami").json()
    assert (caller["name"], caller["bot"]["name"]) == (f"CRM {REDACTED}", f"Was {REDACTED}")
