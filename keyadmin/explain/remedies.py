"""Remedies: what must change so that a rule that denies a call allows it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _

from keyadmin.core.denials import DenialReason
from keyadmin.explain.context import ExplainContext, join_with_or
from keyadmin.explain.rules import Rule
from keyadmin.models import KeyKind
from keyadmin.models.scope import IMPERSONATE


class RemedyKind(StrEnum):
    """What must change."""

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
    TIER = "tier"


@dataclass(frozen=True, slots=True)
class Remedy:
    """`detail` is a sentence that says what to do."""

    kind: RemedyKind
    detail: str


def remedies(context: ExplainContext, rule: Rule, reason: DenialReason | None) -> tuple[Remedy, ...]:
    """Everything that the rule needs to allow the call; empty if `reason` is None, because it allows the call."""
    if reason is None:
        return ()
    match rule:
        case Rule.KEY_STATE:
            return tuple(_for_key_state(context))
        case Rule.KEY_ADDRESSES | Rule.BOT_ADDRESSES:
            return (_for_address(context, rule),)
        case Rule.PERMISSION:
            return (_for_permission(context, reason),)
        case Rule.ON_BEHALF_OF:
            return (_for_on_behalf_of(context, reason),)
        case Rule.CHANNEL:
            return (_for_channel(context),)
        case Rule.LIMIT:
            detail = _("Wait until its oldest requests are an hour old, or give the key a tier with a higher limit.")
            return (Remedy(RemedyKind.TIER, detail),)
        case _:
            detail = _("Send the path without //, dot segments and unnecessary escapes, and each header once.")
            return (Remedy(RemedyKind.REQUEST, detail),)


def _for_key_state(context: ExplainContext) -> Iterator[Remedy]:
    """One remedy for each of revoked, expired and paused, which may apply together."""
    key, snapshot = context.key, context.snapshot
    if snapshot.is_revoked:
        yield Remedy(RemedyKind.REACTIVATE, _("Reactivate the key."))
    if snapshot.is_expired:
        yield Remedy(RemedyKind.EXPIRY, _("Give the key a new expiry."))
    if snapshot.is_paused and key.bot and not key.bot.is_active:
        yield Remedy(RemedyKind.ENABLE_BOT, _("Enable its bot %(bot)s.") % {"bot": key.bot.name})
    if snapshot.is_paused and not key.organisation.is_active:
        yield Remedy(RemedyKind.ENABLE_ORGANISATION, _("Enable %(name)s.") % {"name": key.organisation.name})


def _for_address(context: ExplainContext, rule: Rule) -> Remedy:
    if context.call.address is None:
        return Remedy(RemedyKind.ADDRESS, _("Send the request from an address that keyadmin can determine."))
    names = {"address": context.call.address.text, "bot": context.snapshot.key.bot_name}
    if rule is Rule.KEY_ADDRESSES:
        return Remedy(RemedyKind.KEY_LIST, _("Add %(address)s to the key’s allow-list.") % names)
    return Remedy(RemedyKind.BOT_LIST, _("Add %(address)s to the allow-list of %(bot)s.") % names)


def _for_permission(context: ExplainContext, reason: DenialReason) -> Remedy:
    if reason is DenialReason.UNMAPPED or context.match is None:
        if context.is_person_route:
            return Remedy(RemedyKind.PERSON, _("Use a person’s access token instead of a key."))
        detail = _("Add %(call)s to the routes of a permission.") % {"call": context.request_line}
        return Remedy(RemedyKind.CATALOGUE, detail)
    needs = context.labels_of([context.narrowest_scope])[0]
    if context.key.inherits:
        names = {"person": context.key.created_by, "needs": needs}
        detail = _("Give %(person)s, who created the key, a role that includes %(needs)s.") % names
        return Remedy(RemedyKind.CREATOR, detail)
    return Remedy(RemedyKind.PERMISSIONS, _("Grant %(needs)s.") % {"needs": needs})


def _for_channel(context: ExplainContext) -> Remedy:
    names = {"channel": context.channel, "channels": join_with_or(sorted(context.snapshot.channels))}
    if context.channel is None:
        return Remedy(RemedyKind.CHANNELS, _("Name one of the key’s channels in X-Channel: %(channels)s.") % names)
    detail = _("Name one of the key’s channels, %(channels)s, or add %(channel)s to them.") % names
    return Remedy(RemedyKind.CHANNELS, detail)


def _for_on_behalf_of(context: ExplainContext, reason: DenialReason) -> Remedy:
    if reason is DenialReason.ON_BEHALF_OF:
        names = {"organisation": context.key.organisation.name}
        detail = _("In On-Behalf-Of, name an active person of %(organisation)s by email address or ID.") % names
        return Remedy(RemedyKind.PERSON, detail)
    if context.key.kind != KeyKind.MASTER:
        detail = _("Send the request without On-Behalf-Of. Only Master User API keys can act on behalf of users.")
        return Remedy(RemedyKind.REQUEST, detail)
    detail = _("Grant %(scope)s.") % {"scope": context.scope_labels[IMPERSONATE]}
    return Remedy(RemedyKind.PERMISSIONS, detail)
