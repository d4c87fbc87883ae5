"""Adds the rest of the messaging catalogue: more permissions, and routes for attachments and messages by the butler.

An installation gets them if it still has all permissions of the messaging catalogue that 0003 created. A route that
covers calls of a present route is left out, so that no call of a key changes its permission. Labels and explanations
are replaced if they have not been edited.
"""

from typing import Any, ClassVar, cast
from uuid import UUID

from django.db import migrations
from django.db.models import F

from keyadmin.core.routes import ChannelFrom, Route, overlaps

#: Permissions of the catalogue that 0003 created.
PRESENT = {
    "chats:read",
    "chats:write",
    "chats:export",
    "contacts:manage",
    "messages:send",
    "templates:read",
    "templates:send",
}

SCOPES = [
    # name, position, resource, label, ability, sensitive, caption, explanation
    (
        "contacts:assign",
        45,
        "Contacts",
        "Assign contacts",
        "assign contacts",
        True,
        "To people and teams",
        "Assign contacts to people of the organisation, and end assignments.",
    ),
    (
        "templates:manage",
        75,
        "Templates",
        "Manage templates",
        "manage templates",
        True,
        "Create, change, delete",
        "Create, change, publish and delete message templates.",
    ),
    (
        "flows:manage",
        76,
        "Automation",
        "Manage flows",
        "manage flows",
        True,
        "Create, change, publish, delete",
        "List, create, change, publish and delete flows, the scripted parts of conversations.",
    ),
    (
        "chatbots:manage",
        77,
        "Automation",
        "Configure chatbots",
        "configure chatbots",
        True,
        "Settings, keywords, replies",
        "Read and change the settings of chatbots: greetings, keywords and replies.",
    ),
    (
        "campaigns:manage",
        78,
        "Campaigns",
        "Manage campaigns",
        "manage campaigns",
        True,
        "Create, start, pause, delete",
        "List, create, start, pause and delete campaigns, and choose their recipients.",
    ),
    (
        "analytics:read",
        79,
        "Analytics",
        "Read analytics",
        "read analytics",
        False,
        "Figures and reports",
        "Read figures about messages, people, campaigns and chatbots.",
    ),
]

ROUTES = [
    # scope, method, pattern, where the call names its channel
    ("chats:write", "POST", "/api/chats/{chat}/attachments", "header"),
    ("chats:write", "POST", "/api/butler/messages", "header"),
    ("contacts:assign", "PUT", "/api/contacts/{contact}/assign", ""),
    ("contacts:assign", "DELETE", "/api/contacts/{contact}/assign", ""),
    ("templates:manage", "POST", "/api/templates", "header"),
    ("templates:manage", "PUT", "/api/templates/{template}", "header"),
    ("templates:manage", "DELETE", "/api/templates/{template}", "header"),
    ("templates:manage", "POST", "/api/templates/{template}/publish", "header"),
    ("flows:manage", "GET", "/api/flows", ""),
    ("flows:manage", "POST", "/api/flows", ""),
    ("flows:manage", "GET", "/api/flows/{flow}", ""),
    ("flows:manage", "PUT", "/api/flows/{flow}", ""),
    ("flows:manage", "DELETE", "/api/flows/{flow}", ""),
    ("flows:manage", "POST", "/api/flows/{flow}/publish", ""),
    ("chatbots:manage", "GET", "/api/chatbots", ""),
    ("chatbots:manage", "POST", "/api/chatbots", ""),
    ("chatbots:manage", "GET", "/api/chatbots/{chatbot}", ""),
    ("chatbots:manage", "PUT", "/api/chatbots/{chatbot}", ""),
    ("chatbots:manage", "DELETE", "/api/chatbots/{chatbot}", ""),
    ("campaigns:manage", "GET", "/api/campaigns", "header"),
    ("campaigns:manage", "POST", "/api/campaigns", "header"),
    ("campaigns:manage", "GET", "/api/campaigns/{campaign}", "header"),
    ("campaigns:manage", "PUT", "/api/campaigns/{campaign}", "header"),
    ("campaigns:manage", "DELETE", "/api/campaigns/{campaign}", "header"),
    ("campaigns:manage", "GET", "/api/campaigns/{campaign}/recipients", "header"),
    ("campaigns:manage", "POST", "/api/campaigns/{campaign}/recipients", "header"),
    ("campaigns:manage", "POST", "/api/campaigns/{campaign}/start", "header"),
    ("campaigns:manage", "POST", "/api/campaigns/{campaign}/pause", "header"),
    ("analytics:read", "GET", "/api/analytics", ""),
    ("analytics:read", "GET", "/api/analytics/**", ""),
]

TEXTS = [
    # name, field, text of 0003, new text
    ("users:impersonate", "label", "Act for a person", "Act on behalf of users"),
    ("users:impersonate", "ability", "act for a person", "act on behalf of users"),
    (
        "users:impersonate",
        "explanation",
        "Name a person of the organisation in On-Behalf-Of: the call is performed as theirs. Master keys only.",
        (
            "Name a person of the organisation in On-Behalf-Of: the request is performed as theirs. Only Master User "
            "API keys can have it."
        ),
    ),
    ("templates:read", "label", "Access templates", "Read templates"),
    (
        "contacts:manage",
        "explanation",
        "List contacts, look one up by UUID, identifier or e-mail address, and invite clients or staff.",
        "List contacts, look one up by UUID, identifier or email address, and invite clients or staff.",
    ),
]

#: The subject of the version of the catalogue.
CATALOGUE = UUID(int=0)


def extend_catalogue(apps: Any, schema_editor: Any) -> None:
    Scope, ScopeRoute, Version = (  # noqa: N806 - these are classes
        apps.get_model("keyadmin", name) for name in ("Scope", "ScopeRoute", "Version")
    )
    for name, field, old, new in TEXTS:
        Scope.objects.filter(name=name, **{field: old}).update(**{field: new})
    if set(Scope.objects.filter(name__in=PRESENT).values_list("name", flat=True)) == PRESENT:
        present = [
            Route(route.method, route.pattern, route.scope_id, route.channel_from) for route in ScopeRoute.objects.all()
        ]
        known = set(Scope.objects.values_list("name", flat=True))
        fields = ("name", "position", "resource", "label", "ability", "is_sensitive", "caption", "explanation")
        Scope.objects.bulk_create(
            Scope(**dict(zip(fields, values, strict=True))) for values in SCOPES if values[0] not in known
        )
        added = {values[0] for values in SCOPES} - known | PRESENT
        new_routes = [
            Route(method, pattern, scope, cast("ChannelFrom", source)) for scope, method, pattern, source in ROUTES
        ]
        ScopeRoute.objects.bulk_create(
            ScopeRoute(
                scope_id=route.scope, method=route.method, pattern=route.pattern, channel_from=route.channel_from
            )
            for route in new_routes
            if route.scope in added and not any(overlaps(route, other) for other in present)
        )
    if apps.get_model("keyadmin", "Key").objects.exists():  # running processes have cached the catalogue
        Version.objects.filter(subject=CATALOGUE).update(number=F("number") + 1)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("keyadmin", "0015_name_follows_description")]

    operations: ClassVar = [
        migrations.RunPython(extend_catalogue, migrations.RunPython.noop),
    ]
