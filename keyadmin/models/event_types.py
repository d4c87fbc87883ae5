"""The registry of event types, for history, pages, API and commands.

To add a type, add one member to EventType, and its new fields to FIELDS. `audit.record` raises ValueError for a field
that the type does not declare. Types and fields that a release has recorded must stay, because history is never
rewritten.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

type Text = str | Promise


class Effect(StrEnum):
    """What an event does to its target. Pages show new values for ADDS, old ones for REMOVES, and both for CHANGES."""

    ADDS = "adds"
    CHANGES = "changes"
    REMOVES = "removes"


@dataclass(frozen=True, slots=True)
class EventField:
    """A field of `Event.changes`.

    `empty` is the text for an empty value, such as "Never"; "" if an empty value is not shown. `in_summary` is False
    for fields that repeat what the event type or the target says. `in_details` is False for fields that only programs
    read.
    """

    label: Text
    empty: Text = ""
    in_summary: bool = True
    in_details: bool = True


FIELDS: Final[Mapping[str, EventField]] = {
    "ability": EventField(_("Ability")),
    "actor": EventField(_("Actor")),
    "addresses": EventField(_("Client addresses")),
    "attempts": EventField(_("Attempts")),
    "bot": EventField(_("Bot")),
    "caption": EventField(_("Caption")),
    "channels": EventField(_("Channels"), empty=_("All channels")),
    "created_at": EventField(_("Created at"), in_summary=False),
    "created_by": EventField(_("Created by")),
    "default_expiry_days": EventField(_("Default expiry (days)")),
    "description": EventField(_("Description")),
    "email": EventField(_("Email address")),
    "email_verified": EventField(_("Email address verified")),
    "expires_at": EventField(_("Expires"), empty=_("Never")),
    "expiring": EventField(_("Expiring")),
    "explanation": EventField(_("Explanation")),
    "filters": EventField(_("Filters")),
    "finding": EventField(_("Finding")),
    "format": EventField(_("Format")),
    "hourly_limit": EventField(_("Hourly limit")),
    "inherits": EventField(_("Full access")),
    "is_active": EventField(_("Enabled"), in_summary=False),
    "is_conversational": EventField(_("Conversational")),
    "is_sensitive": EventField(_("Writes or exports")),
    "key_format": EventField(_("Key format")),
    "key_id": EventField(_("Key ID"), in_summary=False),
    "key_prefix": EventField(_("Key prefix")),
    "key_count": EventField(_("Keys"), in_summary=False),
    "kind": EventField(_("Kind"), in_summary=False),
    "label": EventField(_("Label")),
    "last_used_at": EventField(_("Last used at"), in_summary=False),
    "password_link_count": EventField(_("Password links")),
    "max_expiry_days": EventField(_("Maximum lifetime (days)")),
    "masked": EventField(_("Masked key"), in_summary=False, in_details=False),
    "may_never_expire": EventField(_("Keys that never expire")),
    "name": EventField(_("Name")),
    "name_follows_description": EventField(_("Name follows the description"), in_summary=False),
    "networks": EventField(_("Allowed IP addresses"), empty=_("Any IP address")),
    "notes": EventField(_("Notes")),
    "old_secret_until": EventField(_("Old secret works until")),
    "password_link": EventField(_("Password link")),
    "older_secret_until": EventField(_("Older secret works until")),
    "position": EventField(_("Position")),
    "requested_email": EventField(_("Requested email address")),
    "resource": EventField(_("Resource")),
    "revoked_at": EventField(_("Revoked"), in_summary=False),
    "revoked_reason": EventField(_("Reason for revoking"), in_summary=False),
    "role": EventField(_("Role")),
    "roles": EventField(_("Roles"), empty=_("None")),
    "routes": EventField(_("Routes")),
    "scopes": EventField(_("Permissions")),
    "since": EventField(_("From")),
    "slug": EventField(_("Short name")),
    "stopped_at": EventField(_("Stopped"), in_summary=False),
    "system_role": EventField(_("System role")),
    "target": EventField(_("Target")),
    "text": EventField(_("Text")),
    "tier": EventField(_("Rate tier")),
    "time_zone": EventField(_("Time zone")),
    "type": EventField(_("Action")),
    "until": EventField(_("Until")),
    "usage_retention_days": EventField(_("Usage is kept (days)")),
}

_KEY_VALUES: Final = (
    "name",
    "name_follows_description",
    "description",
    "scopes",
    "channels",
    "networks",
    "notes",
    "expires_at",
    "tier",
    "inherits",
)
_KEY_IDENTITY: Final = ("masked", "key_id")
_KEY_DELETED: Final = (
    "kind",
    "bot",
    "created_at",
    "created_by",
    "last_used_at",
    "revoked_at",
    "revoked_reason",
    "old_secret_until",
)
_BOT: Final = ("name", "description", "is_conversational")
_ALLOW_LIST: Final = ("networks", "notes")
_CHANNEL: Final = ("name", "slug")
_TIER: Final = ("name", "hourly_limit")
_SCOPE: Final = ("name", "resource", "label", "caption", "explanation", "ability", "is_sensitive", "position", "routes")
_ORGANISATION: Final = (
    "name",
    "slug",
    "key_prefix",
    "key_format",
    "default_expiry_days",
    "max_expiry_days",
    "may_never_expire",
    "usage_retention_days",
    "tier",
)
_ATTEMPTS: Final = ("attempts", "addresses", "since", "until")
_PERSON: Final = ("name", "email", "email_verified", "system_role", "role")


@dataclass(frozen=True, slots=True)
class _Details:
    """Everything about an event type except its value and its label.

    `sentence` is the text between the actor's name and the target's; a mapping has one for each kind of target. `icon`
    is the name of a lucide icon. `fields` are the keys that `Event.changes` may have. `is_edit` is True if the
    operation increments the target's revision; an editor whose revision is stale shows the last such event.

    `summary` is what a list says of an event whose changes say nothing more than its type. With {added} and {removed},
    the values of the first field, it replaces the text of the change of that field.
    """

    sentence: Text | Mapping[str, Text]
    icon: str
    fields: tuple[str, ...] = ()
    effect: Effect = Effect.CHANGES
    is_edit: bool = False
    summary: Text = ""


_NO_DETAILS: Final = _Details("", "")


class EventType(models.TextChoices):
    """Each event type: (value, details, label)."""

    ORGANISATION_CREATED = (
        "organisation.created",
        _Details(_("created the organisation"), "plus", _ORGANISATION, Effect.ADDS),
        _("Organisation created"),
    )
    ORGANISATION_EDITED = (
        "organisation.edited",
        _Details(_("changed the organisation"), "sliders-horizontal", _ORGANISATION, is_edit=True),
        _("Organisation changed"),
    )
    ORGANISATION_DISABLED = (
        "organisation.disabled",
        _Details(
            _("disabled the organisation"), "power-off", ("is_active",), is_edit=True, summary=_("Its keys are paused")
        ),
        _("Organisation disabled"),
    )
    ORGANISATION_ENABLED = (
        "organisation.enabled",
        _Details(
            _("enabled the organisation"),
            "power",
            ("is_active",),
            is_edit=True,
            summary=_("Its keys are no longer paused"),
        ),
        _("Organisation enabled"),
    )

    PERSON_CREATED = (
        "person.created",
        _Details(_("added the person"), "plus", _PERSON, Effect.ADDS),
        _("Person added"),
    )
    PERSON_INVITED = (
        "person.invited",
        _Details(_("invited the person"), "mail-plus", _PERSON),
        _("Person invited"),
    )
    INVITATION_RENEWED = (
        "invitation.renewed",
        _Details(_("created a new invitation link for"), "link", ("expires_at",)),
        _("Invitation renewed"),
    )
    INVITATION_ACCEPTED = (
        "invitation.accepted",
        _Details(_("accepted the invitation of"), "user-check", (*_PERSON, "roles"), is_edit=True),
        _("Invitation accepted"),
    )
    INVITATION_DECLINED = (
        "invitation.declined",
        _Details(_("declined the invitation of"), "user-x", _PERSON, Effect.REMOVES),
        _("Invitation declined"),
    )
    INVITATION_WITHDRAWN = (
        "invitation.withdrawn",
        _Details(_("withdrew the invitation of"), "user-x", _PERSON, Effect.REMOVES),
        _("Invitation withdrawn"),
    )
    PASSWORD_LINK_CREATED = (
        "person.password_link_created",
        _Details(_("created a password link for the person"), "link", ("password_link", "password_link_count")),
        _("Password link created"),
    )
    PASSWORD_LINK_ENDED = (
        "person.password_link_ended",
        _Details(_("ended a password link of the person"), "link-2-off", ("password_link",)),
        _("Password link ended"),
    )
    EMAIL_VERIFIED = (
        "person.email_verified",
        _Details(_("verified the email address of the person"), "mail-check", ("email_verified", "roles")),
        _("Email address marked as verified"),
    )
    PASSWORD_CHOSEN = (
        "person.password_chosen",
        _Details(
            _("chose a password"),
            "lock-keyhole",
            ("password_link", "email", "email_verified", "roles"),
            summary=_("Used a password link"),
        ),
        _("Password chosen"),
    )
    PASSWORD_CHANGED = (
        "person.password_changed",
        _Details(_("changed their password"), "lock-keyhole", summary=_("Their earlier sessions ended")),
        _("Password changed"),
    )
    PASSWORD_RESET_REQUESTED = (
        "person.password_reset_requested",
        _Details(_("recorded requests for a new password of"), "lock-keyhole", (*_ATTEMPTS, "password_link_count")),
        _("Password reset requested"),
    )
    PASSWORD_RESET = (
        "person.password_reset",
        _Details(_("chose a new password"), "lock-keyhole", ("password_link",), summary=_("Used a password link")),
        _("Password reset"),
    )
    PERSON_EDITED = (
        "person.edited",
        _Details(
            _("changed the person"),
            "sliders-horizontal",
            ("name", "email", "requested_email", "email_verified", "time_zone"),
            is_edit=True,
        ),
        _("Person changed"),
    )
    PERSON_DEACTIVATED = (
        "person.deactivated",
        _Details(
            _("deactivated the person"), "power-off", ("is_active",), is_edit=True, summary=_("Can’t sign in any more")
        ),
        _("Person deactivated"),
    )
    PERSON_REACTIVATED = (
        "person.reactivated",
        _Details(_("reactivated the person"), "power", ("is_active",), is_edit=True, summary=_("Can sign in again")),
        _("Person reactivated"),
    )
    SYSTEM_ROLE_CHANGED = (
        "person.system_role_changed",
        _Details(_("changed the system role of the person"), "user-cog", ("system_role",), is_edit=True),
        _("System role changed"),
    )
    ROLE_CHANGED = (
        "person.role_changed",
        _Details(_("changed the role of the person"), "user-cog", ("role",), is_edit=True),
        _("Role changed"),
    )
    ROLE_REMOVED = (
        "person.role_removed",
        _Details(_("removed the role of the person"), "user-minus", ("role",), is_edit=True),
        _("Role removed"),
    )

    BOT_CREATED = (
        "bot.created",
        _Details(_("created the bot"), "plus", _BOT, Effect.ADDS),
        _("Bot created"),
    )
    BOT_EDITED = (
        "bot.edited",
        _Details(_("changed the bot"), "sliders-horizontal", _BOT, is_edit=True),
        _("Bot changed"),
    )
    BOT_DISABLED = (
        "bot.disabled",
        _Details(_("disabled the bot"), "power-off", ("is_active",), is_edit=True, summary=_("Its keys are paused")),
        _("Bot disabled"),
    )
    BOT_ENABLED = (
        "bot.enabled",
        _Details(
            _("enabled the bot"), "power", ("is_active",), is_edit=True, summary=_("Its keys are no longer paused")
        ),
        _("Bot enabled"),
    )

    KEY_ISSUED = (
        "key.issued",
        _Details(_("created the key"), "key-round", (*_KEY_VALUES, *_KEY_IDENTITY, "kind", "bot"), Effect.ADDS),
        _("Key created"),
    )
    KEY_EDITED = (
        "key.edited",
        _Details(_("changed the key"), "sliders-horizontal", (*_KEY_VALUES, "old_secret_until"), is_edit=True),
        _("Key changed"),
    )
    KEY_REGENERATED = (
        "key.regenerated",
        _Details(
            _("regenerated the secret of the key"),
            "rotate-cw",
            (*_KEY_IDENTITY, "old_secret_until", "older_secret_until", "expires_at"),
            is_edit=True,
            summary=_("The old secret stopped immediately"),
        ),
        _("Secret regenerated"),
    )
    KEY_REVOKED = (
        "key.revoked",
        _Details(_("revoked the key"), "ban", ("revoked_at",), is_edit=True, summary=_("Requests with it are denied")),
        _("Key revoked"),
    )
    BULK_REVOCATION_STARTED = (
        "bulk_revocation.started",
        _Details(_("started to revoke"), "ban", ("key_count",), Effect.ADDS),
        _("Revoking started"),
    )
    BULK_REVOCATION_STOPPED = (
        "bulk_revocation.stopped",
        _Details(_("stopped revoking"), "circle-stop", ("stopped_at",)),
        _("Revoking stopped"),
    )
    KEY_REACTIVATED = (
        "key.reactivated",
        _Details(
            _("reactivated the key"),
            "power",
            ("revoked_at", "revoked_reason", "expires_at", "old_secret_until"),
            is_edit=True,
            summary=_("Requests with it work again"),
        ),
        _("Key reactivated"),
    )
    KEY_DELETED = (
        "key.deleted",
        _Details(
            _("deleted the key"),
            "trash-2",
            (*_KEY_VALUES, *_KEY_IDENTITY, *_KEY_DELETED),
            Effect.REMOVES,
            summary=_("It can’t be restored"),
        ),
        _("Key deleted"),
    )
    GRACE_ENDED = (
        "key.grace_ended",
        _Details(_("ended the grace period of the old secret of the key"), "timer-off", ("old_secret_until",)),
        _("Old secret ended"),
    )

    ALLOW_LIST_ENTRY_ADDED = (
        "allow_list.added",
        _Details(
            {"bot": _("added an IP range to the bot"), "key": _("added an IP range to the key")},
            "plus",
            _ALLOW_LIST,
            Effect.ADDS,
            is_edit=True,
            summary=_("Added {added}"),
        ),
        _("IP range added"),
    )
    ALLOW_LIST_ENTRY_CHANGED = (
        "allow_list.changed",
        _Details(
            {"bot": _("changed an IP range of the bot"), "key": _("changed an IP range of the key")},
            "sliders-horizontal",
            _ALLOW_LIST,
            is_edit=True,
            summary=_("Changed {removed} to {added}"),
        ),
        _("IP range changed"),
    )
    ALLOW_LIST_ENTRY_REMOVED = (
        "allow_list.removed",
        _Details(
            {"bot": _("removed an IP range of the bot"), "key": _("removed an IP range of the key")},
            "trash-2",
            _ALLOW_LIST,
            Effect.REMOVES,
            is_edit=True,
            summary=_("Removed {removed}"),
        ),
        _("IP range removed"),
    )

    CHANNEL_CREATED = (
        "channel.created",
        _Details(_("created the channel"), "plus", _CHANNEL, Effect.ADDS),
        _("Channel created"),
    )
    CHANNEL_RENAMED = (
        "channel.renamed",
        _Details(_("renamed the channel"), "pencil", ("name",), is_edit=True),
        _("Channel renamed"),
    )
    CHANNEL_REMOVED = (
        "channel.removed",
        _Details(_("removed the channel"), "trash-2", _CHANNEL, Effect.REMOVES),
        _("Channel removed"),
    )

    TIER_CREATED = (
        "tier.created",
        _Details(_("created the tier"), "plus", _TIER, Effect.ADDS),
        _("Tier created"),
    )
    TIER_EDITED = (
        "tier.edited",
        _Details(_("changed the tier"), "sliders-horizontal", _TIER, is_edit=True),
        _("Tier changed"),
    )
    TIER_REMOVED = (
        "tier.removed",
        _Details(_("removed the tier"), "trash-2", _TIER, Effect.REMOVES),
        _("Tier removed"),
    )

    SCOPE_CREATED = (
        "scope.created",
        _Details(_("created the permission"), "plus", _SCOPE, Effect.ADDS),
        _("Permission created"),
    )
    SCOPE_EDITED = (
        "scope.edited",
        _Details(_("changed the permission"), "sliders-horizontal", _SCOPE, is_edit=True),
        _("Permission changed"),
    )
    SCOPE_REMOVED = (
        "scope.removed",
        _Details(_("removed the permission"), "trash-2", _SCOPE, Effect.REMOVES),
        _("Permission removed"),
    )

    NOTICE_SENT = (
        "notice.sent",
        _Details(_("sent an expiry notice to"), "mail", ("expiring",)),
        _("Expiry notice sent"),
    )
    USAGE_PRUNED = (
        "usage.pruned",
        _Details(_("deleted old usage data of"), "trash-2", ("since",)),
        _("Old usage data deleted"),
    )
    REVIEW_EXPORTED = (
        "review.exported",
        _Details(_("exported the review report of"), "file-down", ("finding",), Effect.ADDS),
        _("Review report exported"),
    )
    KEYS_EXPORTED = (
        "keys.exported",
        _Details(_("exported the list of keys of"), "file-down", ("filters",), Effect.ADDS),
        _("List of keys exported"),
    )
    HISTORY_EXPORTED = (
        "history.exported",
        _Details(
            _("exported the history of"),
            "file-down",
            ("format", "text", "actor", "target", "type", "since", "until"),
            Effect.ADDS,
        ),
        _("History exported"),
    )

    SIGNED_IN = ("session.signed_in", _Details(_("signed in"), "log-in", summary=_("A session began")), _("Signed in"))
    SIGN_IN_FAILED = (
        "session.sign_in_failed",
        _Details(_("recorded failed sign-ins of"), "shield-alert", _ATTEMPTS),
        _("Sign-ins failed"),
    )
    SIGNED_OUT = (
        "session.signed_out",
        _Details(_("signed out"), "log-out", summary=_("The session ended")),
        _("Signed out"),
    )
    SIGNED_OUT_EVERYWHERE = (
        "session.signed_out_everywhere",
        _Details(_("signed out everywhere"), "log-out", summary=_("All sessions ended")),
        _("Signed out everywhere"),
    )
    TOKEN_ISSUED = (
        "session.token_issued",
        _Details(_("got an access token in the API docs"), "book-key", summary=_("An access token was created")),
        _("Access token issued"),
    )
    TOKEN_REFRESHED = (
        "session.token_refreshed",
        _Details(_("refreshed their access token"), "history", summary=_("A new access token was created")),
        _("Token refreshed"),
    )
    REFRESH_TOKEN_REUSED = (
        "session.refresh_token_reused",
        _Details(
            _("used a refresh token twice"),
            "shield-alert",
            summary=_("The session ended, because the token may be stolen"),
        ),
        _("Refresh token used twice"),
    )

    details: _Details

    def __new__(cls, value: str, details: _Details = _NO_DETAILS) -> Self:
        # Every member has details. The default is for type checkers, which read `EventType(value)` as a call of this.
        member = str.__new__(cls, value)
        member._value_ = value
        member.details = details
        return member

    @classmethod
    def from_value(cls, value: str) -> Self | None:
        """The type with that value; None if this version does not know it."""
        return cls(value) if value in cls else None

    @classmethod
    def edits(cls) -> list[Self]:
        """The types whose operation increments the target's revision."""
        return [event_type for event_type in cls if event_type.details.is_edit]

    def sentence(self, target_kind: str) -> str:
        """What the actor did, such as "created the key", to be followed by the target's name."""
        sentence = self.details.sentence
        if isinstance(sentence, Mapping):
            return str(sentence.get(target_kind, self.label))
        return str(sentence)
