"""Operations on scopes and their routes: create, edit, remove. The scopes of keyadmin's own API cannot be changed."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keyadmin.core.actors import Actor
from keyadmin.core.endpoints import OWN_ROUTES
from keyadmin.core.errors import ConflictError, NotFoundError
from keyadmin.core.routes import Route, RouteError, overlaps
from keyadmin.models import EventType, Scope, ScopeRoute
from keyadmin.operations import audit, policy, revisions
from keyadmin.operations.policy import Permission
from keyadmin.operations.revisions import ReadRevision
from keyadmin.operations.validation import UNSET, FieldErrors, Unset, require_changes, translate

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
MAX_PATTERN_LENGTH: Final = 200
_MAX_NAME_LENGTH: Final = 60
#: The required texts, with their maximum lengths in characters.
_REQUIRED_TEXTS: Final = {"resource": 60, "label": 80, "explanation": 300, "ability": 80}
_MAX_CAPTION_LENGTH: Final = 60
_is_name: Final = re.compile(r"[a-z][a-z-]*:[a-z][a-z-]*").fullmatch


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
    """Create a scope with the routes that it opens.

    `ability` completes the sentence "This key can …", for example "read chats". `Route.scope` is ignored.
    """
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
        _clean(scope, routes, is_new=True)
        scope.save(force_insert=True)
        _set_routes(scope, routes)
        _record(EventType.SCOPE_CREATED, actor, audit.target_of(scope), audit.changes_of_new(_describe(scope)))
    return scope


def edit(
    *,
    actor: Actor,
    scope: str,
    revision: ReadRevision = None,
    resource: str | Unset = UNSET,
    label: str | Unset = UNSET,
    explanation: str | Unset = UNSET,
    ability: str | Unset = UNSET,
    caption: str | Unset = UNSET,
    is_sensitive: bool | Unset = UNSET,
    position: int | Unset = UNSET,
    routes: Sequence[Route] | Unset = UNSET,
) -> Scope:
    """Change the fields that are not UNSET. New routes apply from the next call of each key on.

    `Route.scope` is ignored.
    """
    fields: Mapping[str, Any] = {
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
        for field, value in fields.items():
            if value is not UNSET:
                setattr(row, field, value)
        _clean(row, () if routes is UNSET else routes, is_new=False)
        row.revision += 1
        row.save()
        if routes is not UNSET:
            _set_routes(row, routes)
        changes = audit.changes_between(before, _describe(row))
        require_changes(changes)
        _record(EventType.SCOPE_EDITED, actor, audit.target_of(row), changes)
    return row


def remove(*, actor: Actor, scope: str, revision: ReadRevision = None) -> None:
    """Remove a scope that no key has, with its routes."""
    with audit.audited_transaction(actor):
        row = _lock(actor, scope, to_remove=True)
        revisions.require(row, revision)
        if key_count := row.keys.count():
            message = ngettext(
                "%(count)d key has this permission. Remove it from the key first.",
                "%(count)d keys have this permission. Remove it from them first.",
                key_count,
            )
            raise ConflictError(message % {"count": key_count})
        target, changes = audit.target_of(row), audit.changes_of_removed(_describe(row))
        row.delete()
        _record(EventType.SCOPE_REMOVED, actor, target, changes)


def _lock(actor: Actor, name: str, *, to_remove: bool = False) -> Scope:
    """The scope, locked. `to_remove` also blocks new references to it, so that the count of its keys stays true."""
    policy.require(actor, Permission.MANAGE_SCOPES, None)
    rows = Scope.objects.select_for_update(no_key=not to_remove).filter(name=name)
    row: Scope | None = rows.first() if _is_name(name) else None
    if row is None:
        raise NotFoundError
    require_changeable(row)
    return row


def require_changeable(scope: Scope) -> None:
    """Raise ConflictError for a scope of keyadmin's own API."""
    if scope.is_own:
        raise ConflictError(_("This permission is part of keyadmin and can’t be changed."))


def _clean(scope: Scope, routes: Sequence[Route], *, is_new: bool) -> None:
    """Clean the fields of the row and check the routes. Raises InvalidInputError."""
    errors = FieldErrors()
    if not _is_name(scope.name) or len(scope.name) > _MAX_NAME_LENGTH:
        errors.add("name", _("Use the form resource:action, in lower-case letters and hyphens."))
    elif is_new and Scope.objects.filter(name=scope.name).exists():
        errors.add("name", _("There is already a permission with this name."))
    for field, max_length in _REQUIRED_TEXTS.items():
        setattr(scope, field, errors.clean_text(field, getattr(scope, field), max_length))
    scope.caption = errors.clean_text("caption", scope.caption, _MAX_CAPTION_LENGTH, required=False)
    if not 0 <= scope.position < 2**31:
        errors.add("position", _("Enter a whole number from 0 to 2,147,483,647."))
    _check_routes(errors, routes)
    errors.raise_if_any()


def _check_routes(errors: FieldErrors, routes: Sequence[Route]) -> None:
    """Add errors of the routes to the field `routes`."""
    seen = set()
    for route in routes:
        if route.method not in METHODS:
            errors.add(
                "routes",
                _("%(method)s is not a method. Use GET, POST, PUT, PATCH or DELETE.") % {"method": route.method},
            )
        errors.clean_text("routes", route.pattern, MAX_PATTERN_LENGTH)
        if (route.method, route.pattern) in seen:
            errors.add(
                "routes", _("%(route)s is listed twice. Remove one.") % {"route": f"{route.method} {route.pattern}"}
            )
        seen.add((route.method, route.pattern))
        try:
            _check_overlap_with_own_routes(errors, route)
        except RouteError as error:
            errors.add("routes", translate(error))


def _check_overlap_with_own_routes(errors: FieldErrors, route: Route) -> None:
    """Add an error for each route of keyadmin's own API that matches a call of this route."""
    for own in filter(partial(overlaps, route), OWN_ROUTES):
        message = _("%(route)s covers %(own)s, an endpoint of keyadmin. Enter a narrower path.")
        names = {"route": f"{route.method} {route.pattern}", "own": f"{own.method} {own.pattern}"}
        errors.add("routes", message % names)


def _set_routes(scope: Scope, routes: Sequence[Route]) -> None:
    scope.routes.all().delete()
    ScopeRoute.objects.bulk_create(
        ScopeRoute(scope=scope, method=route.method, pattern=route.pattern, channel_from=route.channel_from)
        for route in routes
    )


def _describe(scope: Scope) -> dict[str, Any]:
    """The fields and routes for history."""
    routes = sorted(
        f"{method} {pattern}" + (f" (channel: {channel_from})" if channel_from else "")
        for method, pattern, channel_from in scope.routes.values_list("method", "pattern", "channel_from")
    )
    fields = ("name", "resource", "label", "caption", "explanation", "ability", "is_sensitive", "position")
    return {field: getattr(scope, field) for field in fields} | {"routes": routes}


def _record(event_type: EventType, actor: Actor, target: audit.Target, changes: audit.Changes) -> None:
    audit.record(event_type, actor=actor, target=target, changes=changes, invalidate=audit.Invalidation(catalogue=True))
