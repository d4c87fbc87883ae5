"""Every operation as a page's URL and form, as an API request, and as a command.

`{…}` is replaced by a value of the test data: `{key}` and `{bot}` are ids, `{slug}` is the organisation's. The forms
include hidden fields, such as the revision.
"""

from dataclasses import dataclass, field
from typing import Any, Final

type Body = dict[str, Any]


@dataclass(frozen=True)
class InterfaceCase:
    """One operation. `invalid`: other values for page, API and command, and the message about them."""

    page: tuple[str, Body]
    api: tuple[str, str, Body | None]
    command: tuple[str, ...]
    invalid: tuple[Body, Body, dict[str, str], str] | None = None
    #: The message if the operation is repeated.
    repeated: str = ""
    #: Fields of the event with random or time-dependent values.
    random_fields: frozenset[str] = field(default_factory=frozenset)


_NEW_KEY: Final = {
    "name": "CI",
    "description": "",
    "owner": "standard:{organisation}",
    "preset": "custom",
    "scopes": ["chats:read"],
    "expires": "never",
    "expires_on": "",
    "networks": "",
    "tier": "{usual_tier}",
    "idempotency_key": "n",
}
_KEY_IDENTITY: Final = frozenset({"masked", "key_id"})
_INVISIBLE: Final = "\u202ex"
_NOT_INVISIBLE: Final = "Remove invisible characters."
_REQUIRED: Final = "This field is required."
_ORGANISATION: Final = ("--organisation", "{slug}")
_SCOPE: Final = {"resource": "Notes", "label": "Read notes", "explanation": "Reads notes.", "ability": "read notes"}

KEYS: Final = {
    "keys.issue": InterfaceCase(
        ("/keys/create/", _NEW_KEY),
        ("POST", "/api/keys", {"name": "CI", "scopes": ["chats:read"], "organisation": "{slug}"}),
        ("keys", "issue", *_ORGANISATION, "--name", "CI", "--scope", "chats:read", "--expires-at", "never"),
        invalid=({"name": " "}, {"name": " "}, {"CI": " "}, _REQUIRED),
        random_fields=_KEY_IDENTITY,
    ),
    "keys.issue public": InterfaceCase(
        ("/organisations/{slug}/public-key/", {"idempotency_key": "n", "scopes": ["chats:read"]}),
        (
            "POST",
            "/api/keys",
            {"name": "Public API key", "kind": "public", "scopes": ["chats:read"], "organisation": "{slug}"},
        ),
        ("keys", "issue", *_ORGANISATION, "--name", "Public API key", "--kind", "public", "--scope", "chats:read"),
        repeated="{organisation_name} already has a public key. Delete it first.",
        random_fields=_KEY_IDENTITY,
    ),
    "keys.issue bot": InterfaceCase(
        ("/keys/create/", _NEW_KEY | {"owner": "bot:{bot}"}),
        ("POST", "/api/keys", {"name": "CI", "scopes": ["chats:read"], "organisation": "{slug}", "bot": "{bot}"}),
        (
            "keys",
            "issue",
            *_ORGANISATION,
            "--name",
            "CI",
            "--scope",
            "chats:read",
            "--expires-at",
            "never",
            "--bot",
            "{bot}",
        ),
        random_fields=_KEY_IDENTITY,
    ),
    "keys.edit": InterfaceCase(
        (
            "/keys/{key}/edit/",
            {
                "name": "New",
                "description": "",
                "scopes": ["chats:read"],
                "expires": "never",
                "revision": "1",
                "networks": ["10.0.0.0/8", "198.51.100.0/24"],
                "preset": "custom",
            },
        ),
        ("PATCH", "/api/keys/{key}", {"name": "New"}),
        ("keys", "edit", "{key}", "--name", "New"),
        invalid=({"name": " "}, {"name": " "}, {"New": " "}, _REQUIRED),
        repeated="No changes to save.",
    ),
    "keys.edit description": InterfaceCase(
        ("/keys/{key}/description/", {"description": "Words", "original": ""}),
        ("PATCH", "/api/keys/{key}", {"description": "Words"}),
        ("keys", "edit", "{key}", "--description", "Words"),
        invalid=(
            {"description": _INVISIBLE},
            {"description": _INVISIBLE},
            {"Words": _INVISIBLE},
            _NOT_INVISIBLE,
        ),
    ),
    "keys.regenerate": InterfaceCase(
        ("/keys/{plain_key}/regenerate/", {"grace": "1", "idempotency_key": "n"}),
        ("POST", "/api/keys/{plain_key}/regenerate", {"grace_seconds": 3600}),
        ("keys", "regenerate", "{plain_key}", "--grace-seconds", "3600"),
        random_fields=frozenset({"masked", "old_secret_until"}),
    ),
    "keys.end_grace": InterfaceCase(
        ("/keys/{key}/end-grace/", {}),
        ("POST", "/api/keys/{key}/end-grace", None),
        ("keys", "end-grace", "{key}"),
        repeated="The old secret has already stopped working.",
    ),
    "keys.revoke": InterfaceCase(
        ("/keys/{key}/revoke/", {"reason": "Lost"}),
        ("POST", "/api/keys/{key}/revoke", {"reason": "Lost"}),
        ("keys", "revoke", "{key}", "--reason", "Lost"),
        invalid=(
            {"reason": _INVISIBLE},
            {"reason": _INVISIBLE},
            {"Lost": _INVISIBLE},
            _NOT_INVISIBLE,
        ),
        repeated="This key is already revoked.",
        random_fields=frozenset({"revoked_at"}),
    ),
    "keys.reactivate": InterfaceCase(
        ("/keys/{revoked}/reactivate/", {"reason": "Found"}),
        ("POST", "/api/keys/{revoked}/reactivate", {"reason": "Found"}),
        ("keys", "reactivate", "{revoked}", "--reason", "Found"),
        repeated="This key is neither revoked nor expired.",
    ),
    "keys.delete": InterfaceCase(
        ("/keys/{key}/delete/", {"name": "{key_name}"}),
        ("DELETE", "/api/keys/{key}", None),
        ("keys", "delete", "{key}"),
    ),
    "allow_lists.add": InterfaceCase(
        ("/keys/{key}/networks/", {"network": "203.0.113.0/24"}),
        ("POST", "/api/allow-list-entries", {"key": "{key}", "network": "203.0.113.0/24"}),
        ("allow_list", "add", "--key", "{key}", "203.0.113.0/24"),
        invalid=(
            {"network": "203.0.113.9/24"},
            {"network": "203.0.113.9/24"},
            {"203.0.113.0/24": "203.0.113.9/24"},
            "203.0.113.9/24 is an address inside a range.",
        ),
        repeated="203.0.113.0/24 is already on the list.",
    ),
    "allow_lists.change": InterfaceCase(
        ("/networks/{key_entry}/", {"network": "203.0.113.0/24"}),
        ("PATCH", "/api/allow-list-entries/{key_entry}", {"network": "203.0.113.0/24"}),
        ("allow_list", "change", "--key", "{key}", "10.0.0.0/8", "203.0.113.0/24"),
        invalid=(
            {"network": "0.0.0.0/0"},
            {"network": "0.0.0.0/0"},
            {"203.0.113.0/24": "0.0.0.0/0"},
            "/0 is too wide.",
        ),
    ),
    "allow_lists.remove": InterfaceCase(
        ("/networks/{key_entry}/remove/", {}),
        ("DELETE", "/api/allow-list-entries/{key_entry}", None),
        ("allow_list", "remove", "--key", "{key}", "10.0.0.0/8"),
    ),
}
OWNED: Final = {
    "allow_lists.add bot": InterfaceCase(
        ("/bots/{bot}/networks/", {"network": "203.0.113.0/24"}),
        ("POST", "/api/allow-list-entries", {"bot": "{bot}", "network": "203.0.113.0/24"}),
        ("allow_list", "add", "--bot", "{bot}", *_ORGANISATION, "203.0.113.0/24"),
        invalid=(
            {"network": "10.0.0.0/8"},
            {"network": "10.0.0.0/8"},
            {"203.0.113.0/24": "10.0.0.0/8"},
            "/8 is too wide. Use a suffix from /16 to /32.",
        ),
    ),
    "allow_lists.remove bot": InterfaceCase(
        ("/networks/{bot_entry}/remove/", {"allow_any": "1"}),
        ("DELETE", "/api/allow-list-entries/{bot_entry}?allow_any=true", None),
        ("allow_list", "remove", "--bot", "{bot}", *_ORGANISATION, "192.0.2.0/24", "--allow-any"),
        invalid=(
            {"allow_any": ""},
            {"?": ""},
            {"--allow-any": "--json"},
            "This is the last range. Removing it allows any IP address.",
        ),
    ),
    "bots.create": InterfaceCase(
        ("/bots/create/", {"name": "Concierge", "organisation": "{slug}"}),
        ("POST", "/api/bots", {"name": "Concierge", "organisation": "{slug}", "is_conversational": False}),
        ("bots", "create", *_ORGANISATION, "--name", "Concierge", "--no-conversational"),
        invalid=({"name": " "}, {"name": " "}, {"Concierge": " "}, _REQUIRED),
        repeated="There is already a bot with this name.",
    ),
    "bots.edit": InterfaceCase(
        ("/bots/{bot}/edit/", {"name": "New", "description": "", "is_conversational": "on", "revision": "1"}),
        ("PATCH", "/api/bots/{bot}", {"name": "New"}),
        ("bots", "edit", *_ORGANISATION, "{bot}", "--name", "New"),
        invalid=(
            {"name": "{other_bot_name}"},
            {"name": "{other_bot_name}"},
            {"New": "{other_bot_name}"},
            "There is already a bot with this name.",
        ),
        repeated="No changes to save.",
    ),
    "bots.disable": InterfaceCase(
        ("/bots/{bot}/disable/", {"reason": "Night"}),
        ("POST", "/api/bots/{bot}/disable", {"reason": "Night"}),
        ("bots", "disable", *_ORGANISATION, "{bot}", "--reason", "Night"),
        repeated="This bot is already disabled.",
    ),
    "bots.enable": InterfaceCase(
        ("/bots/{idle_bot}/enable/", {"reason": "Day"}),
        ("POST", "/api/bots/{idle_bot}/enable", {"reason": "Day"}),
        ("bots", "enable", *_ORGANISATION, "{idle_bot}", "--reason", "Day"),
        repeated="This bot is already enabled.",
    ),
    "channels.create": InterfaceCase(
        ("/channels/create/", {"name": "Fax", "organisation": "{organisation}"}),
        ("POST", "/api/channels", {"name": "Fax", "organisation": "{slug}"}),
        ("channels", "create", *_ORGANISATION, "--name", "Fax"),
        invalid=(
            {"name": "{channel_name}"},
            {"name": "{channel_name}"},
            {"Fax": "{channel_name}"},
            "There is already a channel with this name.",
        ),
    ),
    "channels.rename": InterfaceCase(
        ("/channels/{channel}/rename/", {"name": "Fax"}),
        ("PATCH", "/api/channels/{channel}", {"name": "Fax"}),
        ("channels", "rename", *_ORGANISATION, "{channel_slug}", "--name", "Fax"),
        repeated="No changes to save.",
    ),
    "channels.remove": InterfaceCase(
        ("/channels/{channel}/remove/", {}),
        ("DELETE", "/api/channels/{channel}", None),
        ("channels", "remove", *_ORGANISATION, "{channel_slug}"),
    ),
    "organisations.edit": InterfaceCase(
        ("/organisations/{slug}/edit/", {"name": "New"}),
        ("PATCH", "/api/organisations/{organisation}", {"name": "New"}),
        ("organisations", "edit", "{slug}", "--name", "New"),
        invalid=({"name": " "}, {"name": " "}, {"New": " "}, _REQUIRED),
        repeated="No changes to save.",
    ),
    "organisations.edit rules": InterfaceCase(
        (
            "/settings/?organisation={slug}",
            {
                "name": "{organisation_name}",
                "key_prefix": "nw",
                "key_format": "default",
                "may_never_expire": "on",
                "default_expiry_days": "30",
                "max_expiry_days": "60",
                "tier": "{usual_tier}",
                "usage_retention_days": "400",
            },
        ),
        (
            "PATCH",
            "/api/organisations/{organisation}",
            {"key_prefix": "nw", "default_expiry_days": 30, "max_expiry_days": 60},
        ),
        (
            "organisations",
            "edit",
            "{slug}",
            "--key-prefix",
            "nw",
            "--default-expiry-days",
            "30",
            "--max-expiry-days",
            "60",
        ),
        invalid=(
            {"key_prefix": "N W"},
            {"key_prefix": "N W"},
            {"nw": "N W"},
            "Use 2 to 12 lower-case letters and digits",
        ),
    ),
    "invitations.invite": InterfaceCase(
        (
            "/people/invite/",
            {"email": "n@example.com", "name": "N", "organisation": "{organisation}", "role": "member"},
        ),
        ("POST", "/api/people", {"email": "n@example.com", "name": "N", "organisation": "{slug}", "role": "member"}),
        ("people", "invite", "--email", "n@example.com", "--name", "N", *_ORGANISATION, "--role", "member"),
        invalid=(
            {"email": "not-an-email"},
            {"email": "not-an-email"},
            {"n@example.com": "not-an-email"},
            "Enter a valid email address.",
        ),
    ),
    "invitations.renew": InterfaceCase(
        ("/people/invitations/{invitation}/link/", {}),
        ("POST", "/api/invitations/{invitation}/link", None),
        ("people", "renew-invitation", "{invitation}"),
        random_fields=frozenset({"expires_at"}),
    ),
    "invitations.withdraw": InterfaceCase(
        ("/people/invitations/{invitation}/withdraw/", {}),
        ("DELETE", "/api/invitations/{invitation}", None),
        ("people", "withdraw-invitation", "{invitation}"),
    ),
    "people.end_link": InterfaceCase(
        ("/people/{person}/links/{link}/end/", {}),
        ("DELETE", "/api/people/{person}/links/{link}", None),
        ("people", "end-link", "{person}", "{link}"),
    ),
    "people.verify_email": InterfaceCase(
        ("/people/{newcomer}/verify-email/", {}),
        ("POST", "/api/people/{newcomer}/verify-email", None),
        ("people", "verify-email", "{newcomer}"),
    ),
    "people.create_password_link": InterfaceCase(
        ("/people/{person}/link/", {}),
        ("POST", "/api/people/{person}/link", None),
        ("people", "link", "{person}"),
    ),
    "people.edit": InterfaceCase(
        ("/people/{person}/edit/", {"name": "New", "email": "{person_email}"}),
        ("PATCH", "/api/people/{person}", {"name": "New"}),
        ("people", "edit", "{person}", "--name", "New"),
        invalid=({"name": " "}, {"name": " "}, {"New": " "}, _REQUIRED),
        repeated="No changes to save.",
    ),
    "people.deactivate": InterfaceCase(
        ("/people/{person}/deactivate/", {}),
        ("POST", "/api/people/{person}/deactivate", None),
        ("people", "deactivate", "{person}"),
        repeated="This person is already deactivated.",
    ),
    "people.reactivate": InterfaceCase(
        ("/people/{leaver}/reactivate/", {}),
        ("POST", "/api/people/{leaver}/reactivate", None),
        ("people", "reactivate", "{leaver}"),
        repeated="This person is already active.",
    ),
    "people.set_role": InterfaceCase(
        ("/people/{person}/roles/{organisation}/", {"role": "owner"}),
        ("PUT", "/api/people/{person}/roles/{organisation}", {"role": "owner"}),
        ("people", "set-role", "{person}", *_ORGANISATION, "--role", "owner"),
        repeated="No changes to save.",
    ),
    "people.remove_role": InterfaceCase(
        ("/people/{person}/roles/{organisation}/remove/", {}),
        ("DELETE", "/api/people/{person}/roles/{organisation}", None),
        ("people", "remove-role", "{person}", *_ORGANISATION),
    ),
}
SYSTEM: Final = {
    "organisations.create": InterfaceCase(
        ("/organisations/create/", {"name": "Fabrikam", "slug": "fabrikam"}),
        ("POST", "/api/organisations", {"name": "Fabrikam", "slug": "fabrikam"}),
        ("organisations", "create", "--name", "Fabrikam", "--slug", "fabrikam"),
        invalid=(
            {"slug": "a b"},
            {"slug": "a b"},
            {"fabrikam": "a b"},
            "Use lower-case letters, digits and single hyphens between them.",
        ),
        repeated="There is already an organisation with this short name. Choose another.",
    ),
    "organisations.disable": InterfaceCase(
        ("/organisations/{slug}/disable/", {"reason": "Night"}),
        ("POST", "/api/organisations/{organisation}/disable", {"reason": "Night"}),
        ("organisations", "disable", "{slug}", "--reason", "Night"),
        repeated="This organisation is already disabled.",
    ),
    "organisations.enable": InterfaceCase(
        ("/organisations/{closed_slug}/enable/", {}),
        ("POST", "/api/organisations/{closed}/enable", {}),
        ("organisations", "enable", "{closed_slug}"),
        repeated="This organisation is already enabled.",
    ),
    "people.set_system_role": InterfaceCase(
        ("/people/{person}/system-role/", {"system_role": "auditor"}),
        ("PUT", "/api/people/{person}/system-role", {"system_role": "auditor"}),
        ("people", "set-system-role", "{person}", "--role", "auditor"),
        repeated="No changes to save.",
    ),
    "tiers.create": InterfaceCase(
        ("/tiers/create/", {"name": "Gold", "hourly_limit": "9"}),
        ("POST", "/api/tiers", {"name": "Gold", "hourly_limit": 9}),
        ("tiers", "create", "--name", "Gold", "--hourly-limit", "9"),
        invalid=({"name": " "}, {"name": " "}, {"Gold": " "}, _REQUIRED),
        repeated="There is already a tier with this name.",
    ),
    "tiers.edit": InterfaceCase(
        ("/tiers/{tier}/edit/", {"name": "{tier_name}", "hourly_limit": "9"}),
        ("PATCH", "/api/tiers/{tier}", {"hourly_limit": 9}),
        ("tiers", "edit", "{tier}", "--hourly-limit", "9"),
        repeated="No changes to save.",
    ),
    "tiers.remove": InterfaceCase(
        ("/tiers/{tier}/remove/", {}),
        ("DELETE", "/api/tiers/{tier}", None),
        ("tiers", "remove", "{tier}"),
    ),
    "tiers.remove used": InterfaceCase(
        ("/tiers/{usual_tier}/remove/", {}),
        ("DELETE", "/api/tiers/{usual_tier}", None),
        ("tiers", "remove", "{usual_tier}"),
    ),
    "scopes.create": InterfaceCase(
        (
            "/permissions/create/",
            _SCOPE
            | {
                "name": "notes:read",
                "caption": "",
                "method": ["GET"],
                "pattern": ["/notes"],
                "channel_from": [""],
            },
        ),
        ("POST", "/api/scopes", _SCOPE | {"name": "notes:read", "routes": [{"method": "GET", "pattern": "/notes"}]}),
        (
            "scopes",
            "create",
            "notes:read",
            *(word for name, text in _SCOPE.items() for word in (f"--{name}", text)),
            "--route",
            "GET /notes",
        ),
        invalid=(
            {"name": "Notes"},
            {"name": "Notes"},
            {"notes:read": "Notes"},
            "Use the form resource:action, in lower-case letters and hyphens.",
        ),
        repeated="There is already a permission with this name.",
    ),
    "scopes.edit": InterfaceCase(
        (
            "/permissions/reports:read/edit/",
            {
                "resource": "Reports",
                "label": "New",
                "explanation": "Reads.",
                "ability": "read reports",
                "caption": "",
            },
        ),
        ("PATCH", "/api/scopes/reports:read", {"label": "New"}),
        ("scopes", "edit", "reports:read", "--label", "New"),
        invalid=({"label": " "}, {"label": " "}, {"New": " "}, _REQUIRED),
        repeated="No changes to save.",
    ),
    "scopes.edit own": InterfaceCase(
        (
            "/permissions/keys:read/edit/",
            {
                "resource": "Keys",
                "label": "New",
                "explanation": "Reads.",
                "ability": "read keys",
                "caption": "",
            },
        ),
        ("PATCH", "/api/scopes/keys:read", {"label": "New"}),
        ("scopes", "edit", "keys:read", "--label", "New"),
    ),
    "scopes.remove": InterfaceCase(
        ("/permissions/reports:read/remove/", {}),
        ("DELETE", "/api/scopes/reports:read", None),
        ("scopes", "remove", "reports:read"),
    ),
}
EXPORTS: Final = {
    "export.history": InterfaceCase(
        ("/history/export/?organisation={slug}", {"format": "jsonl"}),
        ("GET", "/api/history/export?format=jsonl&organisation={slug}", None),
        ("history", *_ORGANISATION, "--export", "jsonl"),
    ),
}

TABLE: Final = KEYS | OWNED | SYSTEM | EXPORTS
