"""The story of a call: credentials → snapshot → standing → address → scope → channel → on behalf of → draw."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings

from keyadmin.authn import meter, snapshots
from keyadmin.authn.snapshots import Snapshot
from keyadmin.authn.verdict import Caller, Person, Verdict
from keyadmin.foundation import cidr, routes, tokens
from keyadmin.foundation.endpoints import ENDPOINTS
from keyadmin.foundation.refusals import Quota, Reason, Refusal
from keyadmin.models.connections import Unavailable, execute, start_call
from keyadmin.models.scope import IMPERSONATE
from keyadmin.outcomes import tally

ATTEMPTS = 4  # loadings, before giving up on a key that changes faster than it can be read


@dataclass(frozen=True, slots=True)
class Call:
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


def authenticate(token: tokens.Token, call: Call) -> Verdict:
    """Decides a call, and counts what became of it. Never raises for a bad key or an absent database."""
    verdict = _decide(token, call)
    tally.note(verdict, call.address, call.cost)
    return verdict


def _decide(token: tokens.Token, call: Call) -> Verdict:
    ring, current = settings.KEYADMIN_PEPPERS, settings.KEYADMIN_PEPPER
    digest = tokens.digest(token.value, ring[current])
    start_call()
    with suppress(Unavailable):
        snapshot = snapshots.cached(digest)
        verdict = snapshot and _judge(snapshot, call)  # what the draw said is the database's word, "full" too
        if isinstance(verdict, Caller) or (verdict and verdict.reason is Reason.LIMITED):
            return verdict
        for _ in range(ATTEMPTS):
            others = (tokens.digest(token.value, ring[pepper]) for pepper in ring if pepper != current)
            snapshot = snapshots.load([digest, *others])
            if snapshot is None:
                return Refusal(Reason.UNPROVEN)
            if snapshot.pepper != current:
                meter.redigest(snapshot.secret, digest, current)
            if (verdict := _judge(snapshot, call)) is not None:
                return verdict
    return Refusal(Reason.UNAVAILABLE, retry_after=1)


def _judge(snapshot: Snapshot, call: Call) -> Verdict | None:
    """The verdict by one snapshot; None when the draw found it stale."""
    if call.organisation not in (None, snapshot.key.organisation_id):
        return Refusal(Reason.UNPROVEN)
    match = call.needs or ENDPOINTS.match(call.method, call.path)
    match = match or snapshots.table(snapshot.catalogue_version).match(call.method, call.path)
    reason = standing(snapshot) or address(snapshot, call) or scope(snapshot, match) or channel(snapshot, call, match)
    reason, person = (reason, None) if reason else on_behalf_of(snapshot, call)
    quota = Quota(snapshot.key.limit, max(0, snapshot.key.limit - snapshot.used))
    if reason is not None:
        opening = match.scopes if match and reason is Reason.SCOPE else frozenset()
        return Refusal(reason, snapshot.key.id, None if reason.status == 401 else quota, opening)
    drawn = meter.draw(snapshot, call.cost, call.address)
    if drawn.outcome is meter.Outcome.STALE:
        return None
    quota = Quota(snapshot.key.limit, max(0, snapshot.key.limit - drawn.used))
    if drawn.outcome is meter.Outcome.FULL:
        return Refusal(Reason.LIMITED, snapshot.key.id, quota, retry_after=drawn.wait)
    opened_by = snapshot.scopes & match.scopes if match else frozenset()
    return Caller(snapshot.key, snapshot.secret if snapshot.is_old else None, snapshot.scopes, quota, person, opened_by)


def standing(snapshot: Snapshot) -> Reason | None:
    if snapshot.revoked:
        return Reason.REVOKED
    if snapshot.expired:
        return Reason.EXPIRED
    return Reason.PAUSED if snapshot.paused else None


def address(snapshot: Snapshot, call: Call) -> Reason | None:
    """Every list that is not empty must hold the address; one that cannot be told is on no list."""
    for allowed in snapshot.allow_lists:
        if call.address is None or not cidr.contains(allowed, call.address):
            return Reason.ADDRESS
    return None


def scope(snapshot: Snapshot, match: routes.Match | None) -> Reason | None:
    if match is None:
        return Reason.UNMAPPED
    return None if "" in match.scopes or match.scopes & snapshot.scopes else Reason.SCOPE


def channel(snapshot: Snapshot, call: Call, match: routes.Match | None) -> Reason | None:
    """A restricted key's call on a route about channels must name one of its own."""
    if not snapshot.channels or match is None or not match.channel_from:
        return None
    named = match.channel if match.channel_from == "path" else call.channel
    return None if named in snapshot.channels else Reason.CHANNEL


def on_behalf_of(snapshot: Snapshot, call: Call) -> tuple[Reason | None, Person | None]:
    """The person the call names, read anew each time: who has left cannot be acted for."""
    if call.on_behalf_of is None:
        return None, None
    if IMPERSONATE not in snapshot.scopes:
        return Reason.IMPERSONATION, None
    try:
        identity = UUID(call.on_behalf_of)
    except ValueError:
        identity = None
    rows = execute(_PERSON, {"organisation": snapshot.key.organisation_id, "id": identity, "email": call.on_behalf_of})
    return (None, Person(*rows[0])) if rows else (Reason.ON_BEHALF_OF, None)


_PERSON = Path(__file__).with_name("person.sql").read_text()
