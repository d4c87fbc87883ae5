"""Routes: which scopes allow calls of a method and path. The most specific pattern that matches decides.

A pattern starts with `/` and consists of segments: literal text; `*` or `{name}`, which match exactly one segment; and
`**`, which matches one or more segments and can only be the last. `{channel}` is the segment that names a channel.
"""

import re
import unicodedata
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

# Servers read paths with these in different ways: empty segments and dot segments; `;`, `\`, `?`, `#` and control
# characters; broken escapes; escapes of characters that can change the meaning of the path; and escapes of letters,
# digits and `-._~`, which need no escape and would not match a literal segment.
_find_ambiguity = re.compile(
    r"//|/\.\.?(?:/|\Z)|[\x00-\x1f\x7f-\x9f;\\?#]"
    r"|%(?![0-9A-Fa-f]{2})|%(?:[01].|2[35DdEeFf]|3[0-9BbFf]|4[1-9A-Fa-f]|5[0-9AaCcFf]|6[1-9A-Fa-f]|7[0-9AaEeFf])"
).search
# The same for text that a server has decoded and normalised.
_find_decoded_ambiguity = re.compile(r"//|/\.\.?(?:/|\Z)|[\x00-\x1f\x7f-\x9f;\\?#%]").search


class RouteError(TranslatableError):
    """The route is not valid; the message says why."""


@dataclass(frozen=True, slots=True)
class Route:
    """A method (upper case) and a path pattern. Keys with `scope` may make calls that match both.

    `channel_from` is the place in which a call of this route names its channel, "" if it names none.
    """

    method: str
    pattern: str
    scope: str
    channel_from: ChannelFrom = ""


@dataclass(frozen=True, slots=True)
class Match:
    """The route that matches a call.

    A key needs any one of `scopes`. `channel` is the channel that the path names, None if it names none.
    """

    scopes: frozenset[str]
    pattern: str
    channel: str | None
    channel_from: ChannelFrom


@dataclass(slots=True)
class _End:
    """A compiled route, at the node where its pattern ends. `channel_at`: the index of the segment `{channel}`."""

    match: Match
    channel_at: int | None


@dataclass(slots=True)
class _Node:
    """A node of the trie of patterns: its children, and the routes whose patterns end here, by method.

    `ends` are patterns that end at this node. `rest` are patterns that continue with `**`.
    """

    literals: "dict[str, _Node]" = field(default_factory=dict)
    wildcard: "_Node | None" = None
    ends: dict[str, _End] = field(default_factory=dict)
    rest: dict[str, _End] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """Compiled routes. Immutable, so threads can share it."""

    _root: _Node

    def match(self, method: str, path: str) -> Match | None:
        """The most specific route that matches the call, or None. Never raises.

        Segments are compared from left to right: a literal is more specific than `*`, and `*` than `**`. HEAD counts as
        GET. `path` must be canonical and have no query; it may be percent-encoded or decoded.
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
    """Whether the text is a value of ChannelFrom."""
    return text in ("", "header", "path")


def compile_table(routes: Iterable[Route]) -> Table:
    """Compile the routes. Raises RouteError for an invalid route.

    Routes with the same method that match the same paths become one route, for which any one of their scopes is enough.
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
        raise RouteError(_("%(pattern)s uses a name twice. Use each name once."), pattern=route.pattern)
    if ("{channel}" in names) != (route.channel_from == "path"):
        message = _("%(pattern)s: use {channel} in the pattern if and only if the channel comes from the path.")
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

    `path` is as sent, without the query. Bytes that the client did not escape are decoded as UTF-8.

    False if the path has an empty segment or a dot segment; `;`, `\\`, `?`, `#` or a control character; an escape of
    one of these, of `/`, `%`, a letter, a digit or one of `-._~`; escapes that are not UTF-8; or a character that
    becomes one of these when a server normalises Unicode, such as U+FF0F. One trailing slash is accepted.
    """
    if path[:1] != "/" or _find_ambiguity(path):
        return False
    try:
        decoded = unquote(path, errors="strict") if "%" in path else path
    except UnicodeDecodeError:
        return False
    if decoded.isascii():
        return True
    if any("\ud800" <= char <= "\udfff" for char in decoded):
        return False
    normalised = unicodedata.normalize("NFKC", decoded)
    return normalised.count("/") == path.count("/") and not _find_decoded_ambiguity(normalised)


def _find(node: _Node, segments: list[str], depth: int, method: str) -> _End | None:
    """The most specific route for the segments from `depth` on. Visits each node of the trie at most once."""
    if depth == len(segments):
        return node.ends.get(method)
    child = node.literals.get(segments[depth])
    if child is not None and (end := _find(child, segments, depth + 1, method)) is not None:
        return end
    if node.wildcard is not None and (end := _find(node.wildcard, segments, depth + 1, method)) is not None:
        return end
    return node.rest.get(method)


def _merged(old: _End, new: _End) -> _End:
    """One route for two that match the same paths: the scopes of both, and the stricter `channel_from`."""
    strictness = ("", "header", "path")
    keep = new if strictness.index(new.match.channel_from) > strictness.index(old.match.channel_from) else old
    return _End(replace(keep.match, scopes=old.match.scopes | new.match.scopes), keep.channel_at)
