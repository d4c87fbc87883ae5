"""Every operation by each of its doors: the page's address and form, the API's call, the command's words.

`{…}` names something of the world: `{key}`, `{bot}` … are ids, `{slug}` the organisation's. What a page's form has in
addition to what is asked for, such as the revision that was read, stands in it as well.
"""

from dataclasses import dataclass, field
from typing import Any, Final

type Body = dict[str, Any]


@dataclass(frozen=True)
class Interface:
    """One operation. `bad`: other values for page, body and command, and what is said then."""

    page: tuple[str, Body]
    api: tuple[str, str, Body | None]
    command: tuple[str, ...]
    bad: tuple[Body, Body, dict[str, str], str] | None = None
    #: What is said where it has been done already.
    again: str = ""
    #: What history has of chance, which differs from door to door.
    chance: frozenset[str] = field(default_factory=frozenset)


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
_NAMES: Final = frozenset({"masked", "key_id"})
_HIDDEN: Final = "\u202ex"
_NOT_HIDDEN: Final = "Invisible characters are not allowed."
_BLANK: Final = "This field is required."
_MINE: Final = ("--organisation", "{slug}")
_SCOPE: Final = {"resource": "Notes", "label": "Read notes", "explanation": "Reads notes.", "ability": "read notes"}

KEYS: Final = {
    "keys.issue": Interface(
        ("/keys/create/", _NEW_KEY),
        ("POST", "/api/keys", {"name": "CI", "scopes": ["chats:read"], "organisation": "{slug}"}),
        ("keys", "issue", *_MINE, "--name", "CI", "--scope", "chats:read", "--expires-at", "never"),
        bad=({"name": " "}, {"name": " "}, {"CI": " "}, _BLANK),
        chance=_NAMES,
    ),
    "keys.issue public": Interface(
        ("/organisations/{slug}/public-key/", {"idempotency_key": "n"}),
        ("POST", "/api/keys", {"name": "Public API key", "kind": "public", "organisation": "{slug}"}),
        ("keys", "issue", *_MINE, "--name", "Public API key", "--kind", "public"),
        again="{organisation_name} already has a public key. Delete it first.",
        chance=_NAMES,
    ),
    "keys.issue bot": Interface(
        ("/keys/create/", _NEW_KEY | {"owner": "bot:{bot}"}),
        ("POST", "/api/keys", {"name": "CI", "scopes": ["chats:read"], "organisation": "{slug}", "bot": "{bot}"}),
        ("keys", "issue", *_MINE, "--name", "CI", "--scope", "chats:read", "--expires-at", "never", "--bot", "{bot}"),
        chance=_NAMES,
    ),
    "keys.edit": Interface(
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
        bad=({"name": " "}, {"name": " "}, {"New": " "}, _BLANK),
        again="No changes to save.",
    ),
    "keys.edit description": Interface(
        ("/keys/{key}/description/", {"description": "Words", "was": ""}),
        ("PATCH", "/api/keys/{key}", {"description": "Words"}),
        ("keys", "edit", "{key}", "--description", "Words"),
        bad=({"description": _HIDDEN}, {"description": _HIDDEN}, {"Words": _HIDDEN}, _NOT_HIDDEN),
    ),
    "keys.regenerate": Interface(
        ("/keys/{plain_key}/regenerate/", {"grace": "1", "idempotency_key": "n"}),
        ("POST", "/api/keys/{plain_key}/regenerate", {"grace_seconds": 3600}),
        ("keys", "regenerate", "{plain_key}", "--grace-seconds", "3600"),
        chance=frozenset({"masked", "old_secret_until"}),
    ),
    "keys.end_grace": Interface(
        ("/keys/{key}/end-grace/", {}),
        ("POST", "/api/keys/{key}/end-grace", None),
        ("keys", "end-grace", "{key}"),
        again="The old secret has already ended.",
    ),
    "keys.revoke": Interface(
        ("/keys/{key}/revoke/", {"reason": "Lost"}),
        ("POST", "/api/keys/{key}/revoke", {"reason": "Lost"}),
        ("keys", "revoke", "{key}", "--reason", "Lost"),
        bad=({"reason": _HIDDEN}, {"reason": _HIDDEN}, {"Lost": _HIDDEN}, _NOT_HIDDEN),
        again="This key is already revoked.",
        chance=frozenset({"revoked_at"}),
    ),
    "keys.reactivate": Interface(
        ("/keys/{revoked}/reactivate/", {"reason": "Found"}),
        ("POST", "/api/keys/{revoked}/reactivate", {"reason": "Found"}),
        ("keys", "reactivate", "{revoked}", "--reason", "Found"),
        again="This key is not revoked.",
    ),
    "keys.delete": Interface(
        ("/keys/{key}/delete/", {"name": "{key_name}"}),
        ("DELETE", "/api/keys/{key}", None),
        ("keys", "delete", "{key}"),
    ),
    "allow_lists.add": Interface(
        ("/keys/{key}/networks/", {"network": "203.0.113.0/24"}),
        ("POST", "/api/allow-list-entries", {"key": "{key}", "network": "203.0.113.0/24"}),
        ("allow_list", "add", "--key", "{key}", "203.0.113.0/24"),
        bad=(
            {"network": "203.0.113.9/24"},
            {"network": "203.0.113.9/24"},
            {"203.0.113.0/24": "203.0.113.9/24"},
            "Did you mean 203.0.113.0/24?",
        ),
        again="203.0.113.0/24 is already on the list.",
    ),
    "allow_lists.change": Interface(
        ("/networks/{key_entry}/", {"network": "203.0.113.0/24"}),
        ("PATCH", "/api/allow-list-entries/{key_entry}", {"network": "203.0.113.0/24"}),
        ("allow_list", "change", "--key", "{key}", "10.0.0.0/8", "203.0.113.0/24"),
        bad=({"network": "0.0.0.0/0"}, {"network": "0.0.0.0/0"}, {"203.0.113.0/24": "0.0.0.0/0"}, "/0 is too wide."),
    ),
    "allow_lists.remove": Interface(
        ("/networks/{key_entry}/remove/", {}),
        ("DELETE", "/api/allow-list-entries/{key_entry}", None),
        ("allow_list", "remove", "--key", "{key}", "10.0.0.0/8"),
    ),
}
OWNED: Final = {
    "allow_lists.add bot": Interface(
        ("/bots/{bot}/networks/", {"network": "203.0.113.0/24"}),
        ("POST", "/api/allow-list-entries", {"bot": "{bot}", "network": "203.0.113.0/24"}),
        ("allow_list", "add", "--bot", "{bot}", *_MINE, "203.0.113.0/24"),
        bad=(
            {"network": "10.0.0.0/8"},
            {"network": "10.0.0.0/8"},
            {"203.0.113.0/24": "10.0.0.0/8"},
            "/8 is too wide. Use a suffix from /16 to /32.",
        ),
    ),
    "allow_lists.remove bot": Interface(
        ("/networks/{bot_entry}/remove/", {"allow_any": "1"}),
        ("DELETE", "/api/allow-list-entries/{bot_entry}?allow_any=true", None),
        ("allow_list", "remove", "--bot", "{bot}", *_MINE, "192.0.2.0/24", "--allow-any"),
        bad=({"allow_any": ""}, {"?": ""}, {"--allow-any": "--json"}, "Any address will be allowed."),
    ),
    "bots.create": Interface(
        ("/bots/create/", {"name": "Concierge", "organisation": "{slug}"}),
        ("POST", "/api/bots", {"name": "Concierge", "organisation": "{slug}", "is_conversational": False}),
        ("bots", "create", *_MINE, "--name", "Concierge", "--no-conversational"),
        bad=({"name": " "}, {"name": " "}, {"Concierge": " "}, _BLANK),
        again="There is already a bot with this name.",
    ),
    "bots.edit": Interface(
        ("/bots/{bot}/edit/", {"name": "New", "description": "", "is_conversational": "on"}),
        ("PATCH", "/api/bots/{bot}", {"name": "New"}),
        ("bots", "edit", *_MINE, "{bot}", "--name", "New"),
        bad=(
            {"name": "{other_bot_name}"},
            {"name": "{other_bot_name}"},
            {"New": "{other_bot_name}"},
            "There is already a bot with this name.",
        ),
        again="No changes to save.",
    ),
    "bots.disable": Interface(
        ("/bots/{bot}/disable/", {"reason": "Night"}),
        ("POST", "/api/bots/{bot}/disable", {"reason": "Night"}),
        ("bots", "disable", *_MINE, "{bot}", "--reason", "Night"),
        again="This bot is already disabled.",
    ),
    "bots.enable": Interface(
        ("/bots/{idle_bot}/enable/", {"reason": "Day"}),
        ("POST", "/api/bots/{idle_bot}/enable", {"reason": "Day"}),
        ("bots", "enable", *_MINE, "{idle_bot}", "--reason", "Day"),
        again="This bot is already enabled.",
    ),
    "channels.create": Interface(
        ("/channels/create/", {"name": "Fax", "organisation": "{organisation}"}),
        ("POST", "/api/channels", {"name": "Fax", "organisation": "{slug}"}),
        ("channels", "create", *_MINE, "--name", "Fax"),
        bad=(
            {"name": "{channel_name}"},
            {"name": "{channel_name}"},
            {"Fax": "{channel_name}"},
            "There is already a channel with this name.",
        ),
    ),
    "channels.rename": Interface(
        ("/channels/{channel}/rename/", {"name": "Fax"}),
        ("PATCH", "/api/channels/{channel}", {"name": "Fax"}),
        ("channels", "rename", *_MINE, "{channel_slug}", "--name", "Fax"),
        again="No changes to save.",
    ),
    "channels.remove": Interface(
        ("/channels/{channel}/remove/", {}),
        ("DELETE", "/api/channels/{channel}", None),
        ("channels", "remove", *_MINE, "{channel_slug}"),
    ),
    "organisations.edit": Interface(
        ("/organisations/{slug}/edit/", {"name": "New"}),
        ("PATCH", "/api/organisations/{organisation}", {"name": "New"}),
        ("organisations", "edit", "{slug}", "--name", "New"),
        bad=({"name": " "}, {"name": " "}, {"New": " "}, _BLANK),
        again="No changes to save.",
    ),
    "organisations.edit rules": Interface(
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
        bad=({"key_prefix": "N W"}, {"key_prefix": "N W"}, {"nw": "N W"}, "Use 2 to 12 lower-case letters and digits"),
    ),
    "people.invite": Interface(
        (
            "/people/invite/",
            {"email": "n@example.com", "name": "N", "organisation": "{organisation}", "role": "member"},
        ),
        ("POST", "/api/people", {"email": "n@example.com", "name": "N", "organisation": "{slug}", "role": "member"}),
        ("people", "invite", "--email", "n@example.com", "--name", "N", *_MINE, "--role", "member"),
        bad=({"email": "nobody"}, {"email": "nobody"}, {"n@example.com": "nobody"}, "Enter a valid email address."),
    ),
    "people.make_link": Interface(
        ("/people/{person}/link/", {}),
        ("POST", "/api/people/{person}/link", None),
        ("people", "link", "{person}"),
    ),
    "people.edit": Interface(
        ("/people/{person}/edit/", {"name": "New", "email": "{person_email}"}),
        ("PATCH", "/api/people/{person}", {"name": "New"}),
        ("people", "edit", "{person}", "--name", "New"),
        bad=({"name": " "}, {"name": " "}, {"New": " "}, _BLANK),
        again="No changes to save.",
    ),
    "people.deactivate": Interface(
        ("/people/{person}/deactivate/", {}),
        ("POST", "/api/people/{person}/deactivate", None),
        ("people", "deactivate", "{person}"),
        again="This person is already deactivated.",
    ),
    "people.reactivate": Interface(
        ("/people/{leaver}/reactivate/", {}),
        ("POST", "/api/people/{leaver}/reactivate", None),
        ("people", "reactivate", "{leaver}"),
        again="This person is already active.",
    ),
    "people.set_role": Interface(
        ("/people/{person}/roles/{organisation}/", {"role": "owner"}),
        ("PUT", "/api/people/{person}/roles/{organisation}", {"role": "owner"}),
        ("people", "set-role", "{person}", *_MINE, "--role", "owner"),
        again="No changes to save.",
    ),
    "people.remove_role": Interface(
        ("/people/{person}/roles/{organisation}/remove/", {}),
        ("DELETE", "/api/people/{person}/roles/{organisation}", None),
        ("people", "remove-role", "{person}", *_MINE),
    ),
}
SYSTEM: Final = {
    "organisations.create": Interface(
        ("/organisations/create/", {"name": "Fabrikam", "slug": "fabrikam"}),
        ("POST", "/api/organisations", {"name": "Fabrikam", "slug": "fabrikam"}),
        ("organisations", "create", "--name", "Fabrikam", "--slug", "fabrikam"),
        bad=({"slug": "a b"}, {"slug": "a b"}, {"fabrikam": "a b"}, "Use lower-case letters, digits and hyphens."),
        again="There is already an organisation with this short name.",
    ),
    "organisations.disable": Interface(
        ("/organisations/{slug}/disable/", {"reason": "Night"}),
        ("POST", "/api/organisations/{organisation}/disable", {"reason": "Night"}),
        ("organisations", "disable", "{slug}", "--reason", "Night"),
        again="This organisation is already disabled.",
    ),
    "organisations.enable": Interface(
        ("/organisations/{closed_slug}/enable/", {}),
        ("POST", "/api/organisations/{closed}/enable", {}),
        ("organisations", "enable", "{closed_slug}"),
        again="This organisation is already enabled.",
    ),
    "people.set_system_role": Interface(
        ("/people/{person}/system-role/", {"system_role": "auditor"}),
        ("PUT", "/api/people/{person}/system-role", {"system_role": "auditor"}),
        ("people", "set-system-role", "{person}", "--role", "auditor"),
        again="No changes to save.",
    ),
    "tiers.create": Interface(
        ("/tiers/create/", {"name": "Gold", "hourly_limit": "9"}),
        ("POST", "/api/tiers", {"name": "Gold", "hourly_limit": 9}),
        ("tiers", "create", "--name", "Gold", "--hourly-limit", "9"),
        bad=({"name": " "}, {"name": " "}, {"Gold": " "}, _BLANK),
        again="There is already a tier with this name.",
    ),
    "tiers.edit": Interface(
        ("/tiers/{tier}/edit/", {"name": "{tier_name}", "hourly_limit": "9"}),
        ("PATCH", "/api/tiers/{tier}", {"hourly_limit": 9}),
        ("tiers", "edit", "{tier}", "--hourly-limit", "9"),
        again="No changes to save.",
    ),
    "tiers.remove": Interface(
        ("/tiers/{tier}/remove/", {}),
        ("DELETE", "/api/tiers/{tier}", None),
        ("tiers", "remove", "{tier}"),
    ),
    "tiers.remove used": Interface(
        ("/tiers/{usual_tier}/remove/", {}),
        ("DELETE", "/api/tiers/{usual_tier}", None),
        ("tiers", "remove", "{usual_tier}"),
    ),
    "scopes.create": Interface(
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
        bad=(
            {"name": "Notes"},
            {"name": "Notes"},
            {"notes:read": "Notes"},
            "Use the form resource:action, in lower-case letters and hyphens.",
        ),
        again="There is already a permission with this name.",
    ),
    "scopes.edit": Interface(
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
        bad=({"label": " "}, {"label": " "}, {"New": " "}, _BLANK),
        again="No changes to save.",
    ),
    "scopes.edit own": Interface(
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
    "scopes.remove": Interface(
        ("/permissions/reports:read/remove/", {}),
        ("DELETE", "/api/scopes/reports:read", None),
        ("scopes", "remove", "reports:read"),
    ),
}
EXPORTS: Final = {
    "export.history": Interface(
        ("/history/export/?organisation={slug}", {"format": "jsonl"}),
        ("GET", "/api/history/export?format=jsonl&organisation={slug}", None),
        ("history", *_MINE, "--export", "jsonl"),
    ),
}

TABLE: Final = KEYS | OWNED | SYSTEM | EXPORTS
