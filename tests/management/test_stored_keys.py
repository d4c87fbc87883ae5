"""Keys in texts that were stored before operations refused them: no command and no mail shows them."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core import mail
from django.utils import timezone

from keyadmin.core.redaction import REDACTED
from keyadmin.models import Bot, Key, keys_in_texts
from tests.factories import OPERATOR
from tests.fixtures.stored_keys import StoredKeys
from tests.jobs import run_due_jobs

type Run = Callable[..., str]


def test_no_command_shows_a_stored_key(stored: StoredKeys, command: Run) -> None:
    key, bot = Key.objects.filter(bot=None, revoked_at=None)[0], Bot.objects.get()
    for words in (
        "keys list",
        f"keys show {key.id}",
        "bots list --organisation northwind",
        "channels list --organisation northwind",
        "organisations list",
        "people list",
        "people invitations",
        "tiers list",
        "scopes list",
        "history",
        "review",
        "expire_notices --dry-run",
    ):
        for form in ((), ("--json",)):
            stored.require_hidden(command(*words.split(), *form), words)
    for words in (f"keys edit {key.id} --scope chats:read", f"keys revoke {key.id}", f"bots disable {bot.id}"):
        owner = ("--organisation", "northwind") if words.startswith("bots") else ()
        stored.require_hidden(command(*words.split(), *owner, "--json"), words)


def test_mail_about_keys_shows_no_stored_key(stored: StoredKeys, command: Run, settings: Any) -> None:
    settings.KEYADMIN_BASE_URL = "https://keys.example.com/"
    Key.objects.update(created_at=timezone.now() - timedelta(days=90))
    queued = json.loads(command("expire_notices", "--json"))
    assert queued["has_mail_server"]
    run_due_jobs()
    assert len(mail.outbox) == 1
    for message in mail.outbox:
        assert REDACTED in message.body
        stored.require_hidden(f"{message.subject} {message.body}", "mail")


def test_review_command_lists_every_text_with_a_key(stored: StoredKeys, command: Run) -> None:
    document = json.loads(command("review", "--json"))
    assert len(document["texts"]) == len(keys_in_texts.find(OPERATOR, None, limit=1000)) > 20
    assert document["counts"]["key-in-text"] == len(document["keys"])
