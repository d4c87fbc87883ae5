"""What an event tells as a sentence that begins with its actor: "Jonas Lind created the key"."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from keyadmin.models import Event
from keyadmin.models.event import EventType

_OF_KEYS: Final[dict[EventType, Promise | str]] = {
    EventType.KEY_ISSUED: _("created the key"),
    EventType.KEY_EDITED: _("changed the key"),
    EventType.KEY_REGENERATED: _("regenerated the secret of the key"),
    EventType.KEY_REVOKED: _("revoked the key"),
    EventType.KEY_REACTIVATED: _("reactivated the key"),
    EventType.KEY_DELETED: _("deleted the key"),
    EventType.GRACE_ENDED: _("ended the old secret of the key"),
}
#: Allow-lists are of keys and of bots.
_OF_NETWORKS: Final[dict[str, dict[str, Promise | str]]] = {
    EventType.NETWORK_ADDED: {"bot": _("added an IP range to the bot"), "key": _("added an IP range to the key")},
    EventType.NETWORK_CHANGED: {"bot": _("changed an IP range of the bot"), "key": _("changed an IP range of the key")},
    EventType.NETWORK_REMOVED: {"bot": _("removed an IP range of the bot"), "key": _("removed an IP range of the key")},
}
_OF_PEOPLE: Final[dict[EventType, Promise | str]] = {
    EventType.PERSON_CREATED: _("added the person"),
    EventType.PERSON_INVITED: _("invited the person"),
    EventType.LINK_MADE: _("made a password link for the person"),
    EventType.PASSWORD_CHOSEN: _("chose a password"),
    EventType.PASSWORD_CHANGED: _("changed their password"),
    EventType.PASSWORD_RESET_REQUESTED: _("asked for a new password"),
    EventType.PASSWORD_RESET: _("chose a new password"),
    EventType.PERSON_EDITED: _("changed the person"),
    EventType.PERSON_DEACTIVATED: _("deactivated the person"),
    EventType.PERSON_REACTIVATED: _("reactivated the person"),
    EventType.SYSTEM_ROLE_CHANGED: _("changed the system role of the person"),
    EventType.ROLE_CHANGED: _("changed the role of the person"),
    EventType.ROLE_REMOVED: _("removed the role of the person"),
    EventType.SIGNED_IN: _("signed in"),
    EventType.SIGN_IN_FAILED: _("could not sign in"),
    EventType.SIGNED_OUT: _("signed out"),
    EventType.TOKEN_REFRESHED: _("refreshed their token"),
    EventType.REFRESH_TOKEN_REUSED: _("used a refresh token twice"),
    EventType.SIGNED_OUT_EVERYWHERE: _("signed out everywhere"),
}
_OF_THE_REST: Final[dict[EventType, Promise | str]] = {
    EventType.ORGANISATION_CREATED: _("created the organisation"),
    EventType.ORGANISATION_EDITED: _("changed the organisation"),
    EventType.ORGANISATION_DISABLED: _("disabled the organisation"),
    EventType.ORGANISATION_ENABLED: _("enabled the organisation"),
    EventType.BOT_CREATED: _("created the bot"),
    EventType.BOT_EDITED: _("changed the bot"),
    EventType.BOT_DISABLED: _("disabled the bot"),
    EventType.BOT_ENABLED: _("enabled the bot"),
    EventType.CHANNEL_CREATED: _("created the channel"),
    EventType.CHANNEL_RENAMED: _("renamed the channel"),
    EventType.CHANNEL_REMOVED: _("removed the channel"),
    EventType.TIER_CREATED: _("created the tier"),
    EventType.TIER_EDITED: _("changed the tier"),
    EventType.TIER_REMOVED: _("removed the tier"),
    EventType.SCOPE_CREATED: _("created the permission"),
    EventType.SCOPE_EDITED: _("changed the permission"),
    EventType.SCOPE_REMOVED: _("removed the permission"),
    EventType.HISTORY_EXPORTED: _("exported the history of"),
    EventType.REVIEW_EXPORTED: _("exported the review report of"),
    EventType.NOTICE_SENT: _("sent a notice of keys that expire to"),
    EventType.USAGE_PRUNED: _("removed old usage of"),
}
_ACTS: Final = {str(verb): words for verb, words in (_OF_KEYS | _OF_PEOPLE | _OF_THE_REST).items()}


def act(event: Event) -> str:
    """What the actor did, without its target's name; the verb's own label where it makes no sentence."""
    words = _OF_NETWORKS.get(event.verb, {}).get(event.target_kind) or _ACTS.get(event.verb)
    return str(words or f"· {event.get_verb_display()}")
