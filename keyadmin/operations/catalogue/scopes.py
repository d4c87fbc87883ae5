"""Scopes and the calls they open: create, edit, remove. keyadmin's own scopes are fixed."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keyadmin.core.actors import Actor
from keyadmin.core.endpoints import OWN_ROUTES
from keyadmin.core.errors import ConflictError, NotFoundError
from keyadmin.core.routes import Route, RouteError, overlap
from keyadmin.models import EventType, Scope, ScopeRoute
from keyadmin.models.scope import OWN_SCOPES
from keyadmin.operations import audit, policy, revisions
from keyadmin.operations.policy import Permission
from keyadmin.operations.validation import UNSET, FieldErrors, Unset, require_changes

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_name = re.compile(r"[a-z][a-z-]*:[a-z][a-z-]*").fullmatch


def create(
    *,
    actor: Actor,
    name: str,
    resource: str,
    label: str,
    explanation: str,
    ability: str,
    caption: str = "",
    is_sensitive: bool = False,
    position: int = 100,
    routes: Sequence[Route] = (),
) -> Scope:
    """A new scope and the calls it opens. `ability` completes "… can": "read chats". A route's `scope` is ignored."""
    with audit.audited_transaction(actor):
        policy.require(actor, Permission.MANAGE_SCOPES, None)
        scope = Scope(
            name=name,
            resource=resource,
            label=label,
            explanation=explanation,
            ability=ability,
            caption=caption,
            is_sensitive=is_sensitive,
            position=position,
        )
        _check(scope, routes, new=True)
        scope.save(force_insert=True)
        _set_routes(scope, routes)
        _record(EventType.SCOPE_CREATED, actor, audit.target_of(scope), audit.created(_describe(scope)))
    return scope


def edit(
    *,
    actor: Actor,
    scope: str,
    revision: int | None = None,
    resource: str | Unset = UNSET,
    label: str | Unset = UNSET,
    explanation: str | Unset = UNSET,
    ability: str | Unset = UNSET,
    caption: str | Unset = UNSET,
    is_sensitive: bool | Unset = UNSET,
    position: int | Unset = UNSET,
    routes: Sequence[Route] | Unset = UNSET,
) -> Scope:
    """Change what is given, for every key that holds the scope, from its next call. The name stays."""
    given: Mapping[str, Any] = {
        "resource": resource,
        "label": label,
        "explanation": explanation,
        "ability": ability,
        "caption": caption,
        "is_sensitive": is_sensitive,
        "position": position,
    }
    with audit.audited_transaction(actor):
        row = _lock(actor, scope)
        revisions.require(row, revision)
        before = _describe(row)
        for field, value in given.items():
            if value is not UNSET:
                setattr(row, field, value)
        _check(row, () if routes is UNSET else routes, new=False)
        row.revision += 1
        row.save()
        if routes is not UNSET:
            _set_routes(row, routes)
        changes = audit.changed(before, _describe(row))
        require_changes(changes)
        _record(EventType.SCOPE_EDITED, actor, audit.target_of(row), changes)
    return row


def remove(*, actor: Actor, scope: str, revision: int | None = None) -> None:
    """Remove a scope that no key holds, with its routes."""
    with audit.audited_transaction(actor):
        row = _lock(actor, scope, to_remove=True)
        revisions.require(row, revision)
        if used := row.keys.count():
            words = ngettext("%(count)d key has this permission.", "%(count)d keys have this permission.", used)
            raise ConflictError(words % {"count": used})
        target, changes = audit.target_of(row), audit.removed(_describe(row))
        row.delete()
        _record(EventType.SCOPE_REMOVED, actor, target, changes)


def _lock(actor: Actor, name: str, *, to_remove: bool = False) -> Scope:
    """`to_remove` locks out who is about to refer to it as well, so that what is counted then stays true."""
    policy.require(actor, Permission.MANAGE_SCOPES, None)
    row = Scope.objects.select_for_update(no_key=not to_remove).filter(name=name).first() if _name(name) else None
    if row is None:
        raise NotFoundError
    if name in OWN_SCOPES:
        raise ConflictError(_("This permission is part of keyadmin and can't be changed."))
    return row


def _check(scope: Scope, routes: Sequence[Route], *, new: bool) -> None:
    errors = FieldErrors()
    if not _name(scope.name) or len(scope.name) > 60:
        errors.add("name", _("Use the form resource:action, in lower-case letters and hyphens."))
    elif new and Scope.objects.filter(name=scope.name).exists():
        errors.add("name", _("There is already a permission with this name."))
    for field, longest in (("resource", 60), ("label", 80), ("explanation", 300), ("ability", 80)):
        setattr(scope, field, errors.clean_text(field, getattr(scope, field), longest))
    scope.caption = errors.clean_text("caption", scope.caption, 60, required=False)
    if not 0 <= scope.position < 2**31:
        errors.add("position", _("Enter a whole number from 0."))
    seen = set()
    for route in routes:
        if route.method not in _METHODS:
            errors.add(
                "routes", _("%(method)s is not one of GET, POST, PUT, PATCH, DELETE.") % {"method": route.method}
            )
        if len(route.pattern) > 200:
            errors.add("routes", _("Use at most %(count)d characters.") % {"count": 200})
        if (route.method, route.pattern) in seen:
            errors.add("routes", _("%(route)s is listed twice.") % {"route": f"{route.method} {route.pattern}"})
        seen.add((route.method, route.pattern))
        try:
            _refuse_own(route, errors)
        except RouteError as problem:
            errors.add("routes", str(problem))
    errors.raise_if_any()


def _refuse_own(route: Route, errors: FieldErrors) -> None:
    """What keyadmin itself answers is opened by its own permissions only."""
    for own in filter(partial(overlap, route), OWN_ROUTES):
        words = _("%(route)s would open %(own)s, which is keyadmin's own.")
        names = {"route": f"{route.method} {route.pattern}", "own": f"{own.method} {own.pattern}"}
        errors.add("routes", words % names)


def _set_routes(scope: Scope, routes: Sequence[Route]) -> None:
    scope.routes.all().delete()
    ScopeRoute.objects.bulk_create(
        ScopeRoute(scope=scope, method=route.method, pattern=route.pattern, channel_from=route.channel_from)
        for route in routes
    )


def _describe(scope: Scope) -> dict[str, Any]:
    routes = sorted(
        f"{method} {pattern}" + (f" (channel: {channel_from})" if channel_from else "")
        for method, pattern, channel_from in scope.routes.values_list("method", "pattern", "channel_from")
    )
    fields = ("name", "resource", "label", "caption", "explanation", "ability", "is_sensitive", "position")
    return {field: getattr(scope, field) for field in fields} | {"routes": routes}


def _record(event_type: EventType, actor: Actor, target: audit.Target, changes: audit.Changes) -> None:
    audit.record(event_type, actor=actor, target=target, changes=changes, invalidate=audit.Invalidation(catalogue=True))
