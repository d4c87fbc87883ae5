"""The first rows: the catalogue (scopes, routes and tiers), its version, the chain head, and the cache table."""

from typing import Any
from uuid import UUID

from django.core.management import call_command
from django.db import migrations

SCOPES = [
    # name, resource, label, ability, sensitive, caption, explanation
    (
        "chats:read",
        "Chats",
        "Read chats",
        "read chats",
        False,
        "List and open",
        (
            "Request information with GET: a user's memberships, a chat thread and its participants, or the messages "
            "of a chat from one sequence number to another, system messages included."
        ),
    ),
    (
        "chats:write",
        "Chats",
        "Write chats",
        "write chats",
        True,
        "Create, rename, add people, post",
        (
            "Create or update chats with POST: a new chat with a title and participants, a new name, more "
            "participants, messages and attachments, or messages by the butler."
        ),
    ),
    (
        "chats:export",
        "Chats",
        "Export data",
        "export every chat",
        True,
        "Every chat, as a file",
        "Export the organisation's chat records and metadata, attachments excluded.",
    ),
    (
        "contacts:manage",
        "Contacts",
        "Read/write contacts",
        "manage contacts",
        True,
        "List, look up, invite",
        "List contacts, look one up by UUID, identifier or e-mail address, and invite clients or staff.",
    ),
    (
        "messages:send",
        "Messages",
        "Send messages",
        "send messages",
        True,
        "Into open chats",
        "Send messages and attachments into chats that are already open.",
    ),
    (
        "templates:read",
        "Templates",
        "Access templates",
        "read templates",
        False,
        "List and preview",
        "List message templates and preview them.",
    ),
    (
        "templates:send",
        "Templates",
        "Send template messages",
        "send template messages",
        True,
        "First contact",
        "Send a template as a first message to a contact.",
    ),
    (
        "users:impersonate",
        "Administration",
        "Act for a person",
        "act for a person",
        True,
        "Honours On-Behalf-Of",
        "Name a person of the organisation in On-Behalf-Of: the call is performed as theirs. Master keys only.",
    ),
    (
        "keys:read",
        "Administration",
        "Read keys",
        "read keys",
        False,
        "List and view keys",
        "List and view the organisation's API keys, never their secrets.",
    ),
    (
        "keys:write",
        "Administration",
        "Manage keys",
        "manage keys",
        True,
        "Create, change, delete keys",
        "Create, edit, revoke and delete the organisation's API keys, never beyond what this key itself may do.",
    ),
    (
        "keys:verify",
        "Administration",
        "Verify keys",
        "verify keys",
        False,
        "Ask about other keys",
        "Ask whether another key may make a call. For services without a gateway in front of them.",
    ),
    (
        "history:read",
        "Administration",
        "Read history",
        "read history",
        False,
        "Read what happened",
        "Read the history of the organisation's keys, bots and people.",
    ),
]

ROUTES = [
    # scope, method, pattern, where the call names its channel
    ("chats:read", "GET", "/api/chats", "header"),
    ("chats:read", "GET", "/api/chats/{chat}", "header"),
    ("chats:read", "GET", "/api/chats/{chat}/participants", "header"),
    ("chats:read", "GET", "/api/chats/{chat}/messages", "header"),
    ("chats:read", "GET", "/api/users/{user}/chats", "header"),
    ("chats:write", "POST", "/api/chats", "header"),
    ("chats:write", "POST", "/api/chats/{chat}", "header"),
    ("chats:write", "POST", "/api/chats/{chat}/participants", "header"),
    ("chats:write", "POST", "/api/chats/{chat}/messages", "header"),
    ("chats:export", "GET", "/api/export", "header"),
    ("chats:export", "GET", "/api/export/**", "header"),
    ("contacts:manage", "GET", "/api/contacts", ""),
    ("contacts:manage", "GET", "/api/contacts/{contact}", ""),
    ("contacts:manage", "POST", "/api/contacts", ""),
    ("contacts:manage", "POST", "/api/contacts/{contact}", ""),
    ("contacts:manage", "PUT", "/api/contacts/{contact}", ""),
    ("messages:send", "POST", "/api/messages", "header"),
    ("messages:send", "POST", "/api/chats/{chat}/messages", "header"),
    ("messages:send", "POST", "/api/channels/{channel}/messages", "path"),
    ("templates:read", "GET", "/api/templates", "header"),
    ("templates:read", "GET", "/api/templates/{template}", "header"),
    ("templates:send", "POST", "/api/templates/{template}/send", "header"),
]

# name, calls in a rolling hour
TIERS = [("Standard", 1_000), ("Admin", 5_000)]

#: The subject of the version of the catalogue.
CATALOGUE = UUID(int=0)


def create_catalogue(apps: Any, schema_editor: Any) -> None:
    Scope, ScopeRoute, Tier, Version = (  # noqa: N806 - these are classes
        apps.get_model("keyadmin", name) for name in ("Scope", "ScopeRoute", "Tier", "Version")
    )
    Scope.objects.bulk_create(
        Scope(
            name=name,
            resource=resource,
            label=label,
            ability=ability,
            is_sensitive=sensitive,
            caption=caption,
            explanation=explanation,
            position=10 * place,
        )
        for place, (name, resource, label, ability, sensitive, caption, explanation) in enumerate(SCOPES, 1)
    )
    ScopeRoute.objects.bulk_create(
        ScopeRoute(scope_id=scope, method=method, pattern=pattern, channel_from=channel_from)
        for scope, method, pattern, channel_from in ROUTES
    )
    Tier.objects.bulk_create(Tier(name=name, hourly_limit=limit) for name, limit in TIERS)
    Version.objects.create(subject=CATALOGUE)


def create_chain_head(apps: Any, schema_editor: Any) -> None:
    apps.get_model("keyadmin", "ChainHead").objects.create(id=1, number=0, hash=bytes(32))


def create_cache_table(apps: Any, schema_editor: Any) -> None:
    """Creates the table of Django's database cache, which all processes share."""
    call_command("createcachetable", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0002_functions_and_triggers")]

    operations = [
        migrations.RunPython(create_catalogue),
        migrations.RunPython(create_chain_head),
        migrations.RunPython(create_cache_table),
    ]
