"""What a rule says of a call in words."""

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
from keyadmin.explain.context import Facts, all_of, one_of
from keyadmin.explain.rules import Rule
from keyadmin.models.scope import IMPERSONATE

TITLES: Final[dict[Rule, Promise]] = {
    Rule.REQUEST: gettext_lazy("Request is clear"),
    Rule.KEY: gettext_lazy("Key exists"),
    Rule.STANDING: gettext_lazy("Key is usable"),
    Rule.KEY_ADDRESSES: gettext_lazy("Key’s addresses"),
    Rule.BOT_ADDRESSES: gettext_lazy("Bot’s addresses"),
    Rule.PERMISSION: gettext_lazy("Permission"),
    Rule.CHANNEL: gettext_lazy("Channel"),
    Rule.ON_BEHALF_OF: gettext_lazy("On behalf of"),
    Rule.LIMIT: gettext_lazy("Rate limit"),
}


def detail(facts: Facts, rule: Rule, reason: DenialReason | None) -> str:
    return _DETAILS[rule](facts, reason)


def _request(facts: Facts, reason: DenialReason | None) -> str:
    if reason:
        return _("The path or a header can be read in more than one way. Nothing else is looked at.")
    return _("%(call)s can be read in one way only.") % {"call": facts.asked}


def _key(facts: Facts, reason: DenialReason | None) -> str:
    return _("%(masked)s•••• is %(name)s.") % {"masked": facts.key.masked, "name": facts.key.name}


def _standing(facts: Facts, reason: DenialReason | None) -> str:
    key = facts.key
    if reason is DenialReason.REVOKED:
        if key.revoked_at is None:
            return _("Revoked.")
        return _("Revoked on %(date)s.") % {"date": _date(key.revoked_at)}
    if reason is DenialReason.EXPIRED:
        return _("Expired on %(date)s.") % {"date": _date(facts.snapshot.expiry)}
    if reason is DenialReason.PAUSED:
        disabled = [owner.name for owner in (key.bot, key.organisation) if owner and not owner.is_active]
        return " ".join([_("Paused."), *(_("%(name)s is disabled.") % {"name": name} for name in disabled)])
    until = facts.snapshot.expiry
    life = _("Active until %(date)s.") % {"date": _date(until)} if until else _("Active, and never expires.")
    if key.bot:
        names = {"bot": key.bot.name, "organisation": key.organisation.name}
        return f"{life} {_('Its bot %(bot)s and %(organisation)s are enabled.') % names}"
    return f"{life} {_('%(organisation)s is enabled.') % {'organisation': key.organisation.name}}"


def _key_addresses(facts: Facts, reason: DenialReason | None) -> str:
    if not facts.loaded.own:
        return _("The key has no list of its own: any address.")
    return _on_list(facts, facts.loaded.own, reason)


def _bot_addresses(facts: Facts, reason: DenialReason | None) -> str:
    if not facts.loaded.bots:
        return _("%(bot)s has no list: any address.") % {"bot": facts.snapshot.key.bot_name}
    return _on_list(facts, facts.loaded.bots, reason)


def _on_list(facts: Facts, networks: Collection[str], reason: DenialReason | None) -> str:
    at = facts.call.address
    if at is None:
        return _("No address is known, so it is not in %(networks)s.") % {"networks": one_of(networks)}
    if reason:
        return _("%(address)s is not in %(networks)s.") % {"address": at.text, "networks": one_of(networks)}
    holding = [network for network in networks if cidr.contains(cidr.compile([ip_network(network)]), at)]
    return _("%(address)s is in %(networks)s.") % {"address": at.text, "networks": all_of(holding)}


def _permission(facts: Facts, reason: DenialReason | None) -> str:
    match = facts.match
    if reason is DenialReason.UNMAPPED:
        if facts.is_for_people:
            return _("Only people may call %(call)s, no key.") % {"call": facts.asked}
        return _("No permission opens %(call)s, so every key is refused.") % {"call": facts.asked}
    if match is None:
        return _("Not looked up: it depends on how the path is read.")
    if "" in match.scopes:
        return _("Every key may call %(call)s.") % {"call": facts.asked}
    names = {"call": facts.asked, "needs": one_of(facts.named(match.scopes))}
    if reason is None:
        having = facts.named(match.scopes & facts.snapshot.scopes)
        if len(match.scopes) == 1:
            return _("%(call)s needs %(needs)s, which the key has.") % names
        return _("%(call)s needs %(needs)s. The key has %(has)s.") % {**names, "has": all_of(having)}
    if not facts.snapshot.scopes:
        return _("%(call)s needs %(needs)s. The key has no permissions.") % names
    has = all_of(facts.named(facts.snapshot.scopes))
    return _("%(call)s needs %(needs)s. The key has %(has)s.") % {**names, "has": has}


def _channel(facts: Facts, reason: DenialReason | None) -> str:
    match, allowed = facts.match, sorted(facts.snapshot.channels)
    if not allowed:
        return _("The key may use every channel.")
    if match is None or not match.channel_from:
        return _("This call is not about a channel.")
    if facts.channel is None:
        return _("X-Channel names no channel. The key may use %(channels)s only.") % {"channels": all_of(allowed)}
    names = {"channel": facts.channel, "channels": all_of(allowed)}
    if reason:
        return _("%(channel)s is not one of the key’s channels: %(channels)s.") % names
    return _("%(channel)s is one of the key’s channels.") % names


def _on_behalf_of(facts: Facts, reason: DenialReason | None) -> str:
    names = {"person": facts.call.on_behalf_of, "organisation": facts.key.organisation.name}
    if facts.call.on_behalf_of is None:
        return _("No person named.")
    if reason is DenialReason.IMPERSONATION:
        return _("The key may not act for anybody: it lacks %(scope)s.") % {"scope": facts.labels[IMPERSONATE]}
    if reason:
        return _("%(person)s is nobody who is active in %(organisation)s.") % names
    return _("%(person)s is active in %(organisation)s.") % names


def _limit(facts: Facts, reason: DenialReason | None) -> str:
    names = {"used": f"{facts.snapshot.used:,}", "limit": f"{facts.snapshot.key.limit:,}"}
    return _("%(used)s of %(limit)s used in the last hour.") % names


_DETAILS: Final[dict[Rule, Callable[[Facts, DenialReason | None], str]]] = {
    Rule.REQUEST: _request,
    Rule.KEY: _key,
    Rule.STANDING: _standing,
    Rule.KEY_ADDRESSES: _key_addresses,
    Rule.BOT_ADDRESSES: _bot_addresses,
    Rule.PERMISSION: _permission,
    Rule.CHANNEL: _channel,
    Rule.ON_BEHALF_OF: _on_behalf_of,
    Rule.LIMIT: _limit,
}


def _date(moment: datetime | None) -> str:
    return date_format(moment.astimezone(UTC), "j M Y, H:i") + " UTC" if moment else ""
