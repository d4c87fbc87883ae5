"""Decides a call: loads the key's snapshot, applies the rules, consumes, and returns the verdict."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from keyadmin.callpath.connection import DatabaseUnavailableError
from keyadmin.callpath.limits import ConsumeOutcome, ConsumeResult
from keyadmin.callpath.on_behalf_of import check_on_behalf_of
from keyadmin.callpath.rules import Call, check_address, check_channel, check_key_state, check_permission
from keyadmin.callpath.snapshot import Snapshot
from keyadmin.callpath.state import state
from keyadmin.conf import conf
from keyadmin.core import routes, tokens
from keyadmin.core.callers import Caller, Person, Verdict
from keyadmin.core.denials import Denial, DenialReason, Quota
from keyadmin.core.endpoints import KEY_ROUTE_TABLE

#: How often a snapshot is loaded for one call. It is loaded again if the key changes between loading and consuming.
MAX_LOADS: Final = 4


class AuthorizedCall(NamedTuple):
    """A call that all rules allow, and that still has to be consumed. `match` is its route."""

    snapshot: Snapshot
    call: Call
    match: routes.Match
    person: Person | None


def authorize(token: tokens.Token, call: Call, *, is_stale: bool = False) -> Verdict:
    """Decides a call and records the verdict.

    `is_stale`: the cached snapshot is known to be out of date; skip it. Does not raise for an invalid key or an
    unavailable database, which are denials.
    """
    verdict = _decide(token, call, is_stale)
    state.usage.record(verdict, call.address, call.cost, call)
    return verdict


def authorize_from_cache(token: tokens.Token, call: Call) -> AuthorizedCall | None:
    """The call, if the cached snapshot allows it and only consumption is left. Otherwise None: use `authorize`.

    Sends no statement.
    """
    snapshot = state.snapshots.get(current_digest(token))
    if snapshot is None or call.on_behalf_of is not None or not state.route_tables.has(snapshot.catalogue_version):
        return None
    authorized = evaluate_rules(snapshot, call)
    return authorized if isinstance(authorized, AuthorizedCall) else None


def verdict_of(authorized: AuthorizedCall, result: ConsumeResult) -> Verdict | None:
    """The verdict on a call after its consumption; None if the snapshot is stale."""
    key, scopes, expires_at = authorized.snapshot.key, authorized.snapshot.scopes, authorized.snapshot.expires_at
    if result.outcome is ConsumeOutcome.STALE:
        return None
    quota = Quota(key.limit, max(0, key.limit - result.used))
    if result.outcome is ConsumeOutcome.FULL:
        return Denial(DenialReason.LIMITED, key.id, quota, retry_after=result.wait, expires_at=expires_at)
    replaced_secret = authorized.snapshot.secret_id if authorized.snapshot.is_in_grace else None
    used_scopes = scopes & authorized.match.scopes
    return Caller(key, replaced_secret, scopes, quota, authorized.person, used_scopes, expires_at)


def evaluate_rules(snapshot: Snapshot, call: Call) -> AuthorizedCall | Denial:
    """Applies all rules except the limit. Raises DatabaseUnavailableError."""
    key = snapshot.key
    if call.organisation not in (None, key.organisation_id):
        return Denial(DenialReason.INVALID_CREDENTIAL)
    match = call.declared_route or find_route(snapshot, call)
    reason = (
        check_key_state(snapshot)
        or check_address(snapshot, call)
        or check_permission(snapshot, match)
        or check_channel(snapshot, call, match)
    )
    reason, person = (reason, None) if reason else check_on_behalf_of(state.database, snapshot, call)
    if reason is None and match is not None:
        return AuthorizedCall(snapshot, call, match, person)
    reason = reason or DenialReason.UNMAPPED
    if reason.status == 401:
        return Denial(reason, key.id)
    quota = Quota(key.limit, max(0, key.limit - snapshot.used))
    sufficient_scopes = match.scopes if match and reason is DenialReason.SCOPE else frozenset()
    return Denial(reason, key.id, quota, sufficient_scopes, expires_at=snapshot.expires_at)


def find_route(snapshot: Snapshot, call: Call) -> routes.Match | None:
    """The route of the call: of keyadmin's own API, else of the catalogue. None if no route matches.

    Raises DatabaseUnavailableError.
    """
    own = KEY_ROUTE_TABLE.match(call.method, call.path)
    return own or state.route_tables.get(snapshot.catalogue_version).match(call.method, call.path)


def current_digest(token: tokens.Token) -> bytes:
    """The digest of the token under the current pepper: the key of the snapshot cache."""
    return tokens.digest(token.value, conf.peppers[conf.current_pepper])


def _decide(token: tokens.Token, call: Call, is_stale: bool) -> Verdict:
    digest = current_digest(token)
    state.database.start_call()
    with suppress(DatabaseUnavailableError):
        snapshot = None if is_stale else state.snapshots.get(digest)
        verdict = snapshot and _evaluate_and_consume(snapshot, call)
        # A cached snapshot may allow a call but not deny it. A full limit is final: the database has just checked it.
        if isinstance(verdict, Caller) or (verdict and verdict.reason is DenialReason.LIMITED):
            return verdict
        for _ in range(MAX_LOADS):
            snapshot = state.snapshots.load([digest, *_older_digests(token)])
            if snapshot is None:
                return Denial(DenialReason.INVALID_CREDENTIAL)
            if snapshot.pepper_id != conf.current_pepper:
                state.snapshots.redigest(snapshot, digest, conf.current_pepper)
            if (verdict := _evaluate_and_consume(snapshot, call)) is not None:
                return verdict
    return Denial(DenialReason.UNAVAILABLE, retry_after=1)


def _evaluate_and_consume(snapshot: Snapshot, call: Call) -> Verdict | None:
    """The verdict by this snapshot; None if the snapshot is stale."""
    authorized = evaluate_rules(snapshot, call)
    if isinstance(authorized, Denial):
        return authorized
    return verdict_of(authorized, state.limits.consume(snapshot, call.cost, call.address))


def _older_digests(token: tokens.Token) -> Iterator[bytes]:
    """The digests of the token under all peppers except the current one."""
    for pepper_id, pepper in conf.peppers.items():
        if pepper_id != conf.current_pepper:
            yield tokens.digest(token.value, pepper)
