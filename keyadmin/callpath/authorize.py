"""The story of a call: credentials → snapshot → standing → address → scope → channel → on behalf of → draw."""

from contextlib import suppress
from typing import NamedTuple
from uuid import UUID

from keyadmin.callpath import limits, route_table
from keyadmin.callpath import snapshot as snapshots
from keyadmin.callpath.connection import DatabaseUnavailableError, start_call
from keyadmin.callpath.impersonation import named
from keyadmin.callpath.snapshot import Snapshot
from keyadmin.callpath.usage import recorder
from keyadmin.conf import conf
from keyadmin.core import cidr, routes, tokens
from keyadmin.core.callers import Caller, Person, Verdict
from keyadmin.core.denials import Denial, DenialReason, Quota
from keyadmin.core.endpoints import ENDPOINTS
from keyadmin.models.scope import IMPERSONATE

ATTEMPTS = 4  # loadings, before giving up on a key that changes faster than it can be read


class Call(NamedTuple):
    """What a program asks for. `address` is None when it cannot be told; `channel` is what X-Channel says.

    `organisation` is the only one whose keys may make it (None: all). `needs` is what the code that answers the
    call says that it needs; None: keyadmin's own endpoints and the catalogue say it.
    """

    method: str
    path: str
    address: cidr.Address | None
    channel: str | None = None
    on_behalf_of: str | None = None
    cost: int = 1
    organisation: UUID | None = None
    needs: routes.Match | None = None


class AuthorizedCall(NamedTuple):
    """A call that everything but the draw allows."""

    snapshot: Snapshot
    call: Call
    match: routes.Match
    person: Person | None


def authenticate(token: tokens.Token, call: Call, *, stale: bool = False) -> Verdict:
    """Decides a call, and counts what became of it. Never raises for a bad key or an absent database.

    `stale`: a draw has found that what this process remembers of the key is.
    """
    verdict = _decide(token, call, stale)
    recorder.note(verdict, call.address, call.cost, call)
    return verdict


def glance(token: tokens.Token, call: Call) -> AuthorizedCall | None:
    """A call that what this process remembers allows, so that only the draw is left. None: authenticate() decides."""
    snapshot = snapshots.cached(tokens.digest(token.value, conf.peppers[conf.current_pepper]))
    if snapshot is None or call.on_behalf_of is not None or not route_table.knows(snapshot.catalogue_version):
        return None
    judged = _judge(snapshot, call)
    return judged if isinstance(judged, AuthorizedCall) else None


def settle(admitted: AuthorizedCall, drawn: limits.ConsumeResult) -> Verdict | None:
    """The verdict that a draw leads to; None when it found the snapshot stale."""
    key, scopes = admitted.snapshot.key, admitted.snapshot.scopes
    if drawn.outcome is limits.ConsumeOutcome.STALE:
        return None
    quota = Quota(key.limit, max(0, key.limit - drawn.used))
    if drawn.outcome is limits.ConsumeOutcome.FULL:
        return Denial(DenialReason.LIMITED, key.id, quota, retry_after=drawn.wait)
    secret = admitted.snapshot.secret if admitted.snapshot.is_old else None
    return Caller(key, secret, scopes, quota, admitted.person, scopes & admitted.match.scopes)


def _decide(token: tokens.Token, call: Call, stale: bool) -> Verdict:
    ring, current = conf.peppers, conf.current_pepper
    digest = tokens.digest(token.value, ring[current])
    start_call()
    with suppress(DatabaseUnavailableError):
        snapshot = None if stale else snapshots.cached(digest)
        verdict = snapshot and _drawn(snapshot, call)  # what the draw said is the database's word, "full" too
        if isinstance(verdict, Caller) or (verdict and verdict.reason is DenialReason.LIMITED):
            return verdict
        for _ in range(ATTEMPTS):
            others = (tokens.digest(token.value, ring[pepper]) for pepper in ring if pepper != current)
            snapshot = snapshots.load([digest, *others])
            if snapshot is None:
                return Denial(DenialReason.UNPROVEN)
            if snapshot.pepper != current:
                limits.redigest(snapshot.secret, digest, current)
            if (verdict := _drawn(snapshot, call)) is not None:
                return verdict
    return Denial(DenialReason.UNAVAILABLE, retry_after=1)


def _drawn(snapshot: Snapshot, call: Call) -> Verdict | None:
    """The verdict by one snapshot; None when the draw found it stale."""
    judged = _judge(snapshot, call)
    if isinstance(judged, Denial):
        return judged
    return settle(judged, limits.draw(snapshot, call.cost, call.address))


def _judge(snapshot: Snapshot, call: Call) -> AuthorizedCall | Denial:
    """All that needs no draw."""
    key = snapshot.key
    if call.organisation not in (None, key.organisation_id):
        return Denial(DenialReason.UNPROVEN)
    match = call.needs or ENDPOINTS.match(call.method, call.path)
    match = match or route_table.table(snapshot.catalogue_version).match(call.method, call.path)
    reason = standing(snapshot) or address(snapshot, call) or scope(snapshot, match) or channel(snapshot, call, match)
    reason, person = (reason, None) if reason else on_behalf_of(snapshot, call)
    if reason is None and match is not None:
        return AuthorizedCall(snapshot, call, match, person)
    reason = reason or DenialReason.UNMAPPED
    quota = Quota(key.limit, max(0, key.limit - snapshot.used))
    opening = match.scopes if match and reason is DenialReason.SCOPE else frozenset()
    return Denial(reason, key.id, None if reason.status == 401 else quota, opening)


def standing(snapshot: Snapshot) -> DenialReason | None:
    if snapshot.revoked:
        return DenialReason.REVOKED
    if snapshot.expired:
        return DenialReason.EXPIRED
    return DenialReason.PAUSED if snapshot.paused else None


def address(snapshot: Snapshot, call: Call) -> DenialReason | None:
    """Every list that is not empty must hold the address; one that cannot be told is on no list."""
    for allowed in snapshot.allow_lists:
        if call.address is None or not cidr.contains(allowed, call.address):
            return DenialReason.ADDRESS
    return None


def scope(snapshot: Snapshot, match: routes.Match | None) -> DenialReason | None:
    if match is None:
        return DenialReason.UNMAPPED
    return None if "" in match.scopes or match.scopes & snapshot.scopes else DenialReason.SCOPE


def channel(snapshot: Snapshot, call: Call, match: routes.Match | None) -> DenialReason | None:
    """A restricted key's call on a route about channels must name one of its own."""
    if not snapshot.channels or match is None or not match.channel_from:
        return None
    through = match.channel if match.channel_from == "path" else call.channel
    return None if through in snapshot.channels else DenialReason.CHANNEL


def on_behalf_of(snapshot: Snapshot, call: Call) -> tuple[DenialReason | None, Person | None]:
    """The person the call names, read anew each time: who has left cannot be acted for."""
    if call.on_behalf_of is None:
        return None, None
    if IMPERSONATE not in snapshot.scopes:
        return DenialReason.IMPERSONATION, None
    person = named(snapshot.key.organisation_id, call.on_behalf_of)
    return (None, person) if person else (DenialReason.ON_BEHALF_OF, None)
