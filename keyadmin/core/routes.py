"""Routes: which scopes open a method and path. The most specific matching pattern decides.

A pattern is `/` and segments: literal text, `*` or `{name}` for exactly one segment, and `**`, as the last one only,
for one or more. `{channel}` is the segment that names a channel.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeGuard
from urllib.parse import unquote

from keyadmin.core.messages import TranslatableError
from keyadmin.core.messages import marked as _

type ChannelFrom = Literal["", "header", "path"]

_name = re.compile(r"\{[a-z][a-z0-9_]*\}").fullmatch
_literal = re.compile(r"[A-Za-z0-9._~:@!$&'()+,=-]+").fullmatch
_method = re.compile(r"[A-Z]+").fullmatch

# Empty segments and dot segments; characters that proxies and upstreams read differently, or that do not belong to a
# path; broken escapes; escapes of characters that may change the meaning of the path; and escapes of letters, digits
# and `-._~`, which need none and would not match a literal segment.
_ambiguous = re.compile(
    r"//|/\.\.?(?:/|\Z)|[\x00-\x1f\x7f-\x9f;\\?#]"
    r"|%(?![0-9A-Fa-f]{2})|%(?:[01].|2[5DdEeFf]|3[0-9Bb]|4[1-9A-Fa-f]|5[0-9AaCcFf]|6[1-9A-Fa-f]|7[0-9AaEeFf])"
).search


class RouteError(TranslatableError):
    """The route is not valid; the message says why."""


@dataclass(frozen=True, slots=True)
class Route:
    """A route that a scope opens: upper-case method, pattern, and where a call names its channel."""

    method: str
    pattern: str
    scope: str
    channel_from: ChannelFrom = ""


@dataclass(frozen=True, slots=True)
class Match:
    """The route of a call. Any of the scopes opens it. `channel` is set if the path names one."""

    scopes: frozenset[str]
    pattern: str
    channel: str | None
    channel_from: ChannelFrom


@dataclass(slots=True)
class _End:
    """The end of a pattern: its match, and the index of the segment that names the channel."""

    match: Match
    channel_at: int | None


@dataclass(slots=True)
class _Node:
    """A node of the trie, one for each segment. `ends` and `rest` (for `**`) are by method."""

    literals: "dict[str, _Node]" = field(default_factory=dict)
    wildcard: "_Node | None" = None
    ends: dict[str, _End] = field(default_factory=dict)
    rest: dict[str, _End] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """Compiled routes. Immutable, so that threads can share it."""

    _root: _Node

    def match(self, method: str, path: str) -> Match | None:
        """The most specific route of the call, or None. Never raises.

        Segments are compared from left to right: a literal is more specific than `*`, and `*` than `**`. `path` must be
        canonical and without the query, as sent or decoded by a framework.
        """
        if path[:1] != "/":
            return None
        segments = path[1:-1].split("/") if path[-1] == "/" else path[1:].split("/")
        if len(path) == 1:
            segments = []
        elif "" in segments:
            return None
        if "%" in path:
            segments = [unquote(segment) for segment in segments]
        end = _find(self._root, segments, 0, "GET" if method == "HEAD" else method)
        if end is None:
            return None
        if end.channel_at is None:
            return end.match
        return Match(end.match.scopes, end.match.pattern, segments[end.channel_at], "path")


def is_channel_from(text: str) -> TypeGuard[ChannelFrom]:
    """Whether the text is the place of a call that names its channel, or ""."""
    return text in ("", "header", "path")


def compile_table(routes: Iterable[Route]) -> Table:
    """The routes as a table. Raises RouteError for an invalid route.

    HEAD counts as GET. Routes of one method that match the same paths are one route, which any of their scopes opens.
    If they differ in `channel_from`, the strictest applies: "path", then "header", then "".
    """
    root = _Node()
    for route in sorted(routes, key=lambda route: (route.pattern, route.method, route.scope, route.channel_from)):
        node, segments = root, segments_of(route)
        for segment in segments:
            if segment == "**":
                break
            if segment == "*" or segment[0] == "{":
                node.wildcard = node = node.wildcard or _Node()
            else:
                node = node.literals.setdefault(segment, _Node())
        ends = node.rest if segments[-1:] == ["**"] else node.ends
        method = "GET" if route.method == "HEAD" else route.method
        channel_at = segments.index("{channel}") if route.channel_from == "path" else None
        new = _End(Match(frozenset([route.scope]), route.pattern, None, route.channel_from), channel_at)
        ends[method] = _merged(ends[method], new) if method in ends else new
    return Table(root)


def segments_of(route: Route) -> list[str]:
    """The segments of a route's pattern. Raises RouteError if method, pattern or `channel_from` is not valid."""
    if not _method(route.method):
        message = _("%(method)s is not a method: use upper-case letters, such as GET.")
        raise RouteError(message, method=repr(route.method))
    if not route.pattern.startswith("/"):
        raise RouteError(_("%(pattern)s must start with /."), pattern=repr(route.pattern))
    segments = route.pattern.removesuffix("/")[1:].split("/") if route.pattern != "/" else []
    for position, segment in enumerate(segments):
        if segment == "**" and position != len(segments) - 1:
            raise RouteError(_("%(pattern)s: ** can only be the last segment."), pattern=route.pattern)
        is_valid = segment in ("*", "**") or _name(segment) or (_literal(segment) and segment not in (".", ".."))
        if not is_valid:
            message = _("%(pattern)s: %(segment)s is not a segment. Use plain text, *, {name} or **.")
            raise RouteError(message, pattern=route.pattern, segment=repr(segment))
    names = [segment for segment in segments if segment[0] == "{"]
    if len(names) != len(set(names)):
        raise RouteError(_("%(pattern)s uses a name twice."), pattern=route.pattern)
    if ("{channel}" in names) != (route.channel_from == "path"):
        message = _("%(pattern)s: a channel from the path and {channel} in it go together.")
        raise RouteError(message, pattern=route.pattern)
    return segments


def overlaps(first: Route, second: Route) -> bool:
    """Whether a call can match both routes. Raises RouteError for an invalid route."""
    methods = {"GET" if route.method == "HEAD" else route.method for route in (first, second)}
    if len(methods) > 1:
        return False
    left, right = segments_of(first), segments_of(second)
    for ours, theirs in zip(left, right, strict=False):
        if "**" in (ours, theirs):
            return True
        if ours != theirs and not any(segment == "*" or segment[0] == "{" for segment in (ours, theirs)):
            return False
    return len(left) == len(right)


def is_canonical(path: str) -> bool:
    """Whether every server reads the path in the same way. Never raises.

    False for a path with an empty or dot segment, `;`, `\\`, a control character, `?` or `#`; with an escape of any of
    these, of `/`, `%`, a letter or a digit; or with an escape that is not UTF-8. One trailing slash is accepted.
    """
    if path[:1] != "/" or _ambiguous(path):
        return False
    if "%" in path:
        try:
            return not any("\x80" <= char <= "\x9f" for char in unquote(path, errors="strict"))
        except UnicodeDecodeError:
            return False
    return True


def _find(node: _Node, segments: list[str], depth: int, method: str) -> _End | None:
    """The most specific end. Visits each node of the trie at most once."""
    if depth == len(segments):
        return node.ends.get(method)
    child = node.literals.get(segments[depth])
    if child is not None and (end := _find(child, segments, depth + 1, method)) is not None:
        return end
    if node.wildcard is not None and (end := _find(node.wildcard, segments, depth + 1, method)) is not None:
        return end
    return node.rest.get(method)


def _merged(old: _End, new: _End) -> _End:
    """One route for two that match the same paths, with the stricter `channel_from`."""
    strictness = ("", "header", "path")
    keep = new if strictness.index(new.match.channel_from) > strictness.index(old.match.channel_from) else old
    return _End(replace(keep.match, scopes=old.match.scopes | new.match.scopes), keep.channel_at)
