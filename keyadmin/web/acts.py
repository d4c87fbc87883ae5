"""What an event tells as a sentence that begins with its actor: "Jonas Lind created the key"."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from keyadmin.models import Event
from keyadmin.models.event import Verb

_OF_KEYS: Final[dict[Verb, Promise | str]] = {
    Verb.KEY_ISSUED: _("created the key"),
    Verb.KEY_EDITED: _("changed the key"),
    Verb.KEY_REGENERATED: _("regenerated the secret of the key"),
    Verb.KEY_REVOKED: _("revoked the key"),
    Verb.KEY_REACTIVATED: _("reactivated the key"),
    Verb.KEY_DELETED: _("deleted the key"),
    Verb.GRACE_ENDED: _("ended the old secret of the key"),
}
#: Allow-lists are of keys and of bots.
_OF_NETWORKS: Final[dict[str, dict[str, Promise | str]]] = {
    Verb.NETWORK_ADDED: {"bot": _("added an IP range to the bot"), "key": _("added an IP range to the key")},
    Verb.NETWORK_CHANGED: {"bot": _("changed an IP range of the bot"), "key": _("changed an IP range of the key")},
    Verb.NETWORK_REMOVED: {"bot": _("removed an IP range of the bot"), "key": _("removed an IP range of the key")},
}
_OF_PEOPLE: Final[dict[Verb, Promise | str]] = {
    Verb.PERSON_CREATED: _("added the person"),
    Verb.PERSON_INVITED: _("invited the person"),
    Verb.LINK_MADE: _("made a password link for the person"),
    Verb.PASSWORD_CHOSEN: _("chose a password"),
    Verb.PASSWORD_CHANGED: _("changed their password"),
    Verb.PASSWORD_RESET_REQUESTED: _("asked for a new password"),
    Verb.PASSWORD_RESET: _("chose a new password"),
    Verb.PERSON_EDITED: _("changed the person"),
    Verb.PERSON_DEACTIVATED: _("deactivated the person"),
    Verb.PERSON_REACTIVATED: _("reactivated the person"),
    Verb.SYSTEM_ROLE_CHANGED: _("changed the system role of the person"),
    Verb.ROLE_CHANGED: _("changed the role of the person"),
    Verb.ROLE_REMOVED: _("removed the role of the person"),
    Verb.SIGNED_IN: _("signed in"),
    Verb.SIGN_IN_FAILED: _("could not sign in"),
    Verb.SIGNED_OUT: _("signed out"),
    Verb.TOKEN_REFRESHED: _("refreshed their token"),
    Verb.REFRESH_TOKEN_REUSED: _("used a refresh token twice"),
    Verb.SIGNED_OUT_EVERYWHERE: _("signed out everywhere"),
}
_OF_THE_REST: Final[dict[Verb, Promise | str]] = {
    Verb.ORGANISATION_CREATED: _("created the organisation"),
    Verb.ORGANISATION_EDITED: _("changed the organisation"),
    Verb.ORGANISATION_DISABLED: _("disabled the organisation"),
    Verb.ORGANISATION_ENABLED: _("enabled the organisation"),
    Verb.BOT_CREATED: _("created the bot"),
    Verb.BOT_EDITED: _("changed the bot"),
    Verb.BOT_DISABLED: _("disabled the bot"),
    Verb.BOT_ENABLED: _("enabled the bot"),
    Verb.CHANNEL_CREATED: _("created the channel"),
    Verb.CHANNEL_RENAMED: _("renamed the channel"),
    Verb.CHANNEL_REMOVED: _("removed the channel"),
    Verb.TIER_CREATED: _("created the tier"),
    Verb.TIER_EDITED: _("changed the tier"),
    Verb.TIER_REMOVED: _("removed the tier"),
    Verb.SCOPE_CREATED: _("created the permission"),
    Verb.SCOPE_EDITED: _("changed the permission"),
    Verb.SCOPE_REMOVED: _("removed the permission"),
    Verb.HISTORY_EXPORTED: _("exported the history of"),
    Verb.REVIEW_EXPORTED: _("exported the review report of"),
    Verb.NOTICE_SENT: _("sent a notice of keys that expire to"),
    Verb.USAGE_PRUNED: _("removed old usage of"),
}
_ACTS: Final = {str(verb): words for verb, words in (_OF_KEYS | _OF_PEOPLE | _OF_THE_REST).items()}


def act(event: Event) -> str:
    """What the actor did, without its target's name; the verb's own label where it makes no sentence."""
    words = _OF_NETWORKS.get(event.verb, {}).get(event.target_kind) or _ACTS.get(event.verb)
    return str(words or f"· {event.get_verb_display()}")
