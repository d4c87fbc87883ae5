"""The title of each rule, and its message about a call: one or two sentences that say what the rule found."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Final

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keyadmin.core import cidr
from keyadmin.core.denials import DenialReason
from keyadmin.explain.context import ExplainContext, join_with_and, join_with_or
from keyadmin.explain.rules import Rule
from keyadmin.models.scope import IMPERSONATE

TITLES: Final[dict[Rule, Promise]] = {
    Rule.REQUEST: gettext_lazy("Request is unambiguous"),
    Rule.KEY: gettext_lazy("Key exists"),
    Rule.KEY_STATE: gettext_lazy("Key is usable"),
    Rule.KEY_ADDRESSES: gettext_lazy("Key’s addresses"),
    Rule.BOT_ADDRESSES: gettext_lazy("Bot’s addresses"),
    Rule.PERMISSION: gettext_lazy("Permission"),
    Rule.CHANNEL: gettext_lazy("Channel"),
    Rule.ON_BEHALF_OF: gettext_lazy("On behalf of"),
    Rule.LIMIT: gettext_lazy("Rate limit"),
}


def message(context: ExplainContext, rule: Rule, reason: DenialReason | None) -> str:
    """The message of a rule. `reason` is why the rule denies the call, None if it allows the call."""
    return _MESSAGES[rule](context, reason)


def _request(context: ExplainContext, reason: DenialReason | None) -> str:
    if reason:
        return _("The path or a header is ambiguous, so no other rule is applied.")
    return _("%(call)s is unambiguous.") % {"call": context.request_line}


def _key(context: ExplainContext, reason: DenialReason | None) -> str:
    return _("%(masked)s•••• is %(name)s.") % {"masked": context.key.masked, "name": context.key.name}


def _key_state(context: ExplainContext, reason: DenialReason | None) -> str:
    key = context.key
    if reason is DenialReason.REVOKED:
        if key.revoked_at is None:
            return _("Revoked.")
        return _("Revoked on %(date)s.") % {"date": _date(key.revoked_at)}
    if reason is DenialReason.EXPIRED:
        return _("Expired on %(date)s.") % {"date": _date(context.snapshot.expires_at)}
    if reason is DenialReason.PAUSED:
        disabled = [owner.name for owner in (key.bot, key.organisation) if owner and not owner.is_active]
        return " ".join([_("Paused."), *(_("%(name)s is disabled.") % {"name": name} for name in disabled)])
    expires_at = context.snapshot.expires_at
    lifetime = (
        _("Active until %(date)s.") % {"date": _date(expires_at)} if expires_at else _("Active, and never expires.")
    )
    if key.bot:
        names = {"bot": key.bot.name, "organisation": key.organisation.name}
        return f"{lifetime} {_('Its bot %(bot)s and %(organisation)s are enabled.') % names}"
    return f"{lifetime} {_('%(organisation)s is enabled.') % {'organisation': key.organisation.name}}"


def _key_addresses(context: ExplainContext, reason: DenialReason | None) -> str:
    if not context.loaded.key_networks:
        return _("The key has no allow-list, so any address is allowed.")
    message = _address_on_list(context, context.loaded.key_networks, reason)
    return f"{message} {_no_common_address(context)}" if context.has_no_common_address else message


def _bot_addresses(context: ExplainContext, reason: DenialReason | None) -> str:
    if not context.loaded.bot_networks:
        return _("%(bot)s has no allow-list, so any address is allowed.") % {"bot": context.snapshot.key.bot_name}
    message = _address_on_list(context, context.loaded.bot_networks, reason)
    return f"{message} {_no_common_address(context)}" if context.has_no_common_address else message


def _no_common_address(context: ExplainContext) -> str:
    return _(
        "No address is on both the key’s list and that of %(bot)s, so this key can’t be used from any address."
    ) % {"bot": context.snapshot.key.bot_name}


def _address_on_list(context: ExplainContext, networks: Collection[str], reason: DenialReason | None) -> str:
    address = context.call.address
    if address is None:
        return _("The address is unknown, so it is not in %(networks)s.") % {"networks": join_with_or(networks)}
    if reason:
        return _("%(address)s is not in %(networks)s.") % {"address": address.text, "networks": join_with_or(networks)}
    containing = [
        network for network in networks if cidr.contains(cidr.compile_networks([ip_network(network)]), address)
    ]
    return _("%(address)s is in %(networks)s.") % {"address": address.text, "networks": join_with_and(containing)}


def _permission(context: ExplainContext, reason: DenialReason | None) -> str:
    match = context.match
    if reason is DenialReason.UNMAPPED:
        if context.is_person_route:
            return _("%(call)s is for people only, so every key is denied.") % {"call": context.request_line}
        return _("No permission allows %(call)s, so every key is denied.") % {"call": context.request_line}
    if match is None:
        return _("Not checked, because the path is ambiguous.")
    if "" in match.scopes:
        return _("%(call)s is allowed for every key.") % {"call": context.request_line}
    names = {"call": context.request_line, "needs": join_with_or(context.labels_of(match.scopes))}
    if reason is None:
        held = context.labels_of(match.scopes & context.snapshot.scopes)
        if len(match.scopes) == 1:
            return _("%(call)s needs %(needs)s, which the key has.") % names
        return _("%(call)s needs %(needs)s. The key has %(has)s.") % {**names, "has": join_with_and(held)}
    if not context.snapshot.scopes:
        return _("%(call)s needs %(needs)s. The key has no permissions.") % names
    has = join_with_and(context.labels_of(context.snapshot.scopes))
    return _("%(call)s needs %(needs)s. The key has %(has)s.") % {**names, "has": has}


def _channel(context: ExplainContext, reason: DenialReason | None) -> str:
    match, allowed = context.match, sorted(context.snapshot.channels)
    if not allowed:
        return _("The key may use every channel.")
    if match is None or not match.channel_from:
        return _("This request does not concern a channel.")
    if context.channel is None:
        return _("The request names no channel in X-Channel. The key may use %(channels)s only.") % {
            "channels": join_with_and(allowed)
        }
    names = {"channel": context.channel, "channels": join_with_and(allowed)}
    if reason:
        return _("%(channel)s is not one of the key’s channels: %(channels)s.") % names
    return _("%(channel)s is one of the key’s channels.") % names


def _on_behalf_of(context: ExplainContext, reason: DenialReason | None) -> str:
    names = {"person": context.call.on_behalf_of, "organisation": context.key.organisation.name}
    if context.call.on_behalf_of is None:
        return _("The request names no person.")
    if reason is DenialReason.IMPERSONATION:
        return _("The key may not act for people, because it lacks %(scope)s.") % {
            "scope": context.scope_labels[IMPERSONATE]
        }
    if reason:
        return _("%(person)s is not an active person of %(organisation)s.") % names
    return _("%(person)s is active in %(organisation)s.") % names


def _limit(context: ExplainContext, reason: DenialReason | None) -> str:
    names = {"used": f"{context.snapshot.used:,}", "limit": f"{context.snapshot.key.limit:,}"}
    return _("%(used)s of %(limit)s requests used in the last hour.") % names


_MESSAGES: Final[dict[Rule, Callable[[ExplainContext, DenialReason | None], str]]] = {
    Rule.REQUEST: _request,
    Rule.KEY: _key,
    Rule.KEY_STATE: _key_state,
    Rule.KEY_ADDRESSES: _key_addresses,
    Rule.BOT_ADDRESSES: _bot_addresses,
    Rule.PERMISSION: _permission,
    Rule.CHANNEL: _channel,
    Rule.ON_BEHALF_OF: _on_behalf_of,
    Rule.LIMIT: _limit,
}


def _date(moment: datetime | None) -> str:
    return date_format(moment.astimezone(UTC), "j M Y, H:i") + " UTC" if moment else ""
