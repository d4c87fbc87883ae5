"""What would have to change for a rule that refuses a call to let it pass."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _

from keyadmin.core.denials import DenialReason
from keyadmin.explain.context import Facts, one_of
from keyadmin.explain.rules import Rule
from keyadmin.models import Kind
from keyadmin.models.scope import IMPERSONATE


class What(StrEnum):
    """What would have to change."""

    REQUEST = "request"
    REACTIVATE = "reactivate"
    EXPIRY = "expiry"
    ENABLE_BOT = "enable_bot"
    ENABLE_ORGANISATION = "enable_organisation"
    ADDRESS = "address"
    KEY_LIST = "key_list"
    BOT_LIST = "bot_list"
    PERMISSIONS = "permissions"
    CREATOR = "creator"
    CATALOGUE = "catalogue"
    CHANNELS = "channels"
    PERSON = "person"
    MASTER_KEY = "master_key"
    TIER = "tier"


@dataclass(frozen=True, slots=True)
class Change:
    what: What
    detail: str


def changes(facts: Facts, rule: Rule, reason: DenialReason) -> Iterator[Change]:
    """What would make the rule, which refuses for the reason, let the call pass. At least one."""
    match rule:
        case Rule.STANDING:
            yield from _to_stand(facts)
        case Rule.KEY_ADDRESSES | Rule.BOT_ADDRESSES:
            yield _to_reach(facts, rule)
        case Rule.PERMISSION:
            yield _to_open(facts, reason)
        case Rule.ON_BEHALF_OF:
            yield _to_act(facts, reason)
        case Rule.CHANNEL:
            yield _to_go_through(facts)
        case Rule.LIMIT:
            yield Change(What.TIER, _("Wait until some of its calls are an hour old, or give the key a larger tier."))
        case _:
            words = _("Send the path without //, dot segments or needless escapes, and each header once.")
            yield Change(What.REQUEST, words)


def _to_stand(facts: Facts) -> Iterator[Change]:
    """All of it: a key can be revoked, expired and paused at once."""
    key, snapshot = facts.key, facts.snapshot
    if snapshot.revoked:
        yield Change(What.REACTIVATE, _("Reactivate the key."))
    if snapshot.expired:
        yield Change(What.EXPIRY, _("Give the key a new expiry."))
    if snapshot.paused and key.bot and not key.bot.is_active:
        yield Change(What.ENABLE_BOT, _("Enable its bot %(bot)s.") % {"bot": key.bot.name})
    if snapshot.paused and not key.organisation.is_active:
        yield Change(What.ENABLE_ORGANISATION, _("Enable %(name)s.") % {"name": key.organisation.name})


def _to_reach(facts: Facts, rule: Rule) -> Change:
    if facts.call.address is None:
        return Change(What.ADDRESS, _("Call from an address that can be told."))
    names = {"address": facts.call.address.text, "bot": facts.snapshot.key.bot_name}
    if rule is Rule.KEY_ADDRESSES:
        return Change(What.KEY_LIST, _("Add %(address)s to the key’s allow-list.") % names)
    return Change(What.BOT_LIST, _("Add %(address)s to the allow-list of %(bot)s.") % names)


def _to_open(facts: Facts, reason: DenialReason) -> Change:
    if reason is DenialReason.UNMAPPED or facts.match is None:
        if facts.is_for_people:
            return Change(What.PERSON, _("Call it with a person’s access token instead."))
        return Change(What.CATALOGUE, _("Let a permission open %(call)s.") % {"call": facts.asked})
    needs = one_of(facts.named(facts.match.scopes))
    if facts.key.inherits:
        names = {"person": facts.key.created_by, "needs": needs}
        words = _("Give %(person)s, from whom the key inherits, a role that includes %(needs)s.")
        return Change(What.CREATOR, words % names)
    return Change(What.PERMISSIONS, _("Give the key %(needs)s.") % {"needs": needs})


def _to_go_through(facts: Facts) -> Change:
    names = {"channel": facts.channel, "channels": one_of(sorted(facts.snapshot.channels))}
    if facts.channel is None:
        return Change(What.CHANNELS, _("Name one of the key’s channels: %(channels)s.") % names)
    words = _("Use one of the key’s channels, %(channels)s, or let the key use %(channel)s.")
    return Change(What.CHANNELS, words % names)


def _to_act(facts: Facts, reason: DenialReason) -> Change:
    if reason is DenialReason.ON_BEHALF_OF:
        words = _("Name somebody who is active in %(organisation)s, by e-mail address or id.")
        return Change(What.PERSON, words % {"organisation": facts.key.organisation.name})
    if facts.key.kind != Kind.MASTER:
        return Change(What.MASTER_KEY, _("Use a master key: only those act for people."))
    return Change(What.PERMISSIONS, _("Give the key %(scope)s.") % {"scope": facts.labels[IMPERSONATE]})
