"""Which scopes open a call: from (method, path pattern) pairs to the most specific one that fits.

A pattern is `/` and segments: literal ones, `*` or `{name}` for exactly one segment, and `**`, only as the
last, for one or more. `{channel}` names the channel that is acted through.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import unquote

type ChannelFrom = Literal["", "header", "path"]

_name = re.compile(r"\{[a-z][a-z0-9_]*\}").fullmatch
_literal = re.compile(r"[A-Za-z0-9._~:@!$&'()+,=-]+").fullmatch
_method = re.compile(r"[A-Z]+").fullmatch

# Empty and dot segments; characters that a proxy and an upstream are known to read differently, and
# whatever does not belong to a path; escapes that are broken, or of characters that may change what the
# path means, or of letters, digits, `-._~`, which have no need of one and would slip past a literal
# segment.
_devious = re.compile(
    r"//|/\.\.?(?:/|\Z)|[\x00-\x1f\x7f-\x9f;\\?#]"
    r"|%(?![0-9A-Fa-f]{2})|%(?:[01].|2[5DdEeFf]|3[0-9Bb]|4[1-9A-Fa-f]|5[0-9AaCcFf]|6[1-9A-Fa-f]|7[0-9AaEeFf])"
).search


class RouteError(ValueError):
    """A route that cannot be understood; the message says why."""


@dataclass(frozen=True, slots=True)
class Route:
    """One way that a scope opens: a method (upper case), a pattern, and where the call names its channel."""

    method: str
    pattern: str
    scope: str
    channel_from: ChannelFrom = ""


@dataclass(frozen=True, slots=True)
class Match:
    """What a call needs: any one of the scopes, and its channel if the path names one."""

    scopes: frozenset[str]
    pattern: str
    channel: str | None
    channel_from: ChannelFrom


@dataclass(slots=True)
class _End:
    """Where a pattern ends: what it gives, and which segment is the channel."""

    match: Match
    channel_at: int | None


@dataclass(slots=True)
class _Node:
    """One segment deep in the trie; `ends` and `rest` by method."""

    literals: "dict[str, _Node]" = field(default_factory=dict)
    one: "_Node | None" = None
    ends: dict[str, _End] = field(default_factory=dict)
    rest: dict[str, _End] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """Routes made ready by `compile`; never changed afterwards, so threads may share it."""

    _root: _Node

    def match(self, method: str, path: str) -> Match | None:
        """The most specific route for the call, or None. Never raises.

        Segment by segment from the left, a literal is more specific than one segment, and one segment than
        the rest. `path` is a canonical one, without the query: as sent, or decoded by a framework.
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


def compile(routes: Iterable[Route]) -> Table:  # noqa: A001
    """The routes as a table. Raises RouteError for a route that `segments_of` refuses.

    HEAD counts as GET. Routes of one method that fit the same paths are one route: any of their scopes
    opens it. If they disagree about the channel, the strictest wins: one in the path, then in the header,
    then none.
    """
    root = _Node()
    for route in sorted(routes, key=lambda route: (route.pattern, route.method, route.scope, route.channel_from)):
        node, segments = root, segments_of(route)
        for segment in segments:
            if segment == "**":
                break
            if segment == "*" or segment[0] == "{":
                node.one = node = node.one or _Node()
            else:
                node = node.literals.setdefault(segment, _Node())
        ends = node.rest if segments[-1:] == ["**"] else node.ends
        method = "GET" if route.method == "HEAD" else route.method
        channel_at = segments.index("{channel}") if route.channel_from == "path" else None
        new = _End(Match(frozenset([route.scope]), route.pattern, None, route.channel_from), channel_at)
        ends[method] = _merged(ends[method], new) if method in ends else new
    return Table(root)


def segments_of(route: Route) -> list[str]:
    """The segments of a route's pattern. Raises RouteError when method, pattern or channel make no sense."""
    if not _method(route.method):
        raise RouteError(f"{route.method!r} is not a method: use upper-case letters, such as GET.")
    if not route.pattern.startswith("/"):
        raise RouteError(f"{route.pattern!r} must start with /.")
    segments = route.pattern.removesuffix("/")[1:].split("/") if route.pattern != "/" else []
    for position, segment in enumerate(segments):
        if segment == "**" and position != len(segments) - 1:
            raise RouteError(f"{route.pattern}: ** can only be the last segment.")
        known = segment in ("*", "**") or _name(segment) or (_literal(segment) and segment not in (".", ".."))
        if not known:
            raise RouteError(f"{route.pattern}: {segment!r} is not a segment. Use plain text, *, {{name}} or **.")
    named = [segment for segment in segments if segment[0] == "{"]
    if len(named) != len(set(named)):
        raise RouteError(f"{route.pattern} uses a name twice.")
    if ("{channel}" in named) != (route.channel_from == "path"):
        raise RouteError(f"{route.pattern}: a channel from the path and {{channel}} in it go together.")
    return segments


def overlap(one: Route, other: Route) -> bool:
    """Whether some call fits both. Raises RouteError for a route that `segments_of` refuses."""
    methods = {"GET" if route.method == "HEAD" else route.method for route in (one, other)}
    if len(methods) > 1:
        return False
    left, right = segments_of(one), segments_of(other)
    for mine, theirs in zip(left, right, strict=False):
        if "**" in (mine, theirs):
            return True
        if mine != theirs and not any(segment == "*" or segment[0] == "{" for segment in (mine, theirs)):
            return False
    return len(left) == len(right)


def canonical(path: str) -> bool:
    """Whether every server reads the path the same way; if not, the call is undecidable. Never raises.

    Refused are empty and dot segments, `;`, `\\`, control characters, what belongs to a query or fragment,
    and escapes of any of these, of `/`, `%`, letters and digits, or of what is not UTF-8. One trailing
    slash is fine.
    """
    if path[:1] != "/" or _devious(path):
        return False
    if "%" in path:
        try:
            return not any("\x80" <= char <= "\x9f" for char in unquote(path, errors="strict"))
        except UnicodeDecodeError:
            return False
    return True


def _find(node: _Node, segments: list[str], depth: int, method: str) -> _End | None:
    """The first end in order of specificity. Each node of the trie is visited at most once."""
    if depth == len(segments):
        return node.ends.get(method)
    child = node.literals.get(segments[depth])
    if child is not None and (end := _find(child, segments, depth + 1, method)) is not None:
        return end
    if node.one is not None and (end := _find(node.one, segments, depth + 1, method)) is not None:
        return end
    return node.rest.get(method)


def _merged(old: _End, new: _End) -> _End:
    """Two routes that fit the same paths as one; the stricter channel rule stays."""
    strictness = ("", "header", "path")
    keep = new if strictness.index(new.match.channel_from) > strictness.index(old.match.channel_from) else old
    return _End(replace(keep.match, scopes=old.match.scopes | new.match.scopes), keep.channel_at)
