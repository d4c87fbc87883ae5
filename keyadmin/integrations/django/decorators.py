"""`requires()`: a view, or all views of an include(), declares the permissions that allow a call.

    @requires("chats:read")
    def chats(request): ...

    path("api/shop/", requires("shop:read", "shop:write")(include("shop.urls")))

KeyMiddleware reads the requirement before it counts the call. A decorated view raises ImproperlyConfigured if the
request has not passed KeyMiddleware, or if KeyMiddleware has resolved its path to another view.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, Final

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.urls import ResolverMatch, URLPattern, URLResolver, get_resolver

from keyadmin.core.routes import Match

#: The attribute that holds the Requirement of a view, and of a request that KeyMiddleware has let pass.
ATTRIBUTE: Final = "keyadmin_requirement"
_match_scope = re.compile(r"[a-z][a-z-]*:[a-z][a-z-]*").fullmatch


@dataclass(frozen=True, slots=True, eq=False)
class Requirement:
    """The arguments of one use of `requires()`. Instances are compared by identity."""

    scopes: frozenset[str]
    channel_header: bool
    channel_kwarg: str | None

    def match(self, match: ResolverMatch) -> Match:
        """Return the Match for the call path's rules, in place of a route of the catalogue."""
        if self.channel_kwarg is not None:
            return Match(self.scopes, match.route, str(match.kwargs.get(self.channel_kwarg, "")), "path")
        return Match(self.scopes, match.route, None, "header" if self.channel_header else "")


def requires(*scopes: str, channel_header: bool = False, channel_kwarg: str | None = None) -> Callable[[Any], Any]:
    """Decorate a view, what include() returns, or a list of URL patterns.

    A view may be sync or async. Decorate a class with `method_decorator`. A key needs one of the scopes; without
    scopes, every key is allowed. A call with a key that is restricted to channels must name one of them, in the header
    X-Channel (`channel_header=True`) or in an argument of the path (`channel_kwarg="channel"`). If a view and its
    include() are both decorated, the requirement of the view applies.

    Raises ImproperlyConfigured for a malformed scope, and if both sources of the channel are given.
    """
    if malformed := [scope for scope in scopes if not isinstance(scope, str) or not _match_scope(scope)]:
        raise ImproperlyConfigured(f"requires({malformed[0]!r}): a permission has the form resource:action.")
    if channel_header and channel_kwarg is not None:
        raise ImproperlyConfigured("requires(): use channel_header or channel_kwarg, not both.")
    requirement = Requirement(frozenset(scopes) or frozenset([""]), channel_header, channel_kwarg)

    def decorate(target: Any) -> Any:
        if isinstance(target, list | tuple):
            return _guard_urls(target, requirement)
        if hasattr(target, ATTRIBUTE):
            raise ImproperlyConfigured(f"{target.__qualname__} is decorated by requires() twice.")
        return _guard(target, requirement)

    return decorate


def requirement_of(view: Any, method: str | None) -> Requirement | None:
    """Return the requirement of a view. In a class, that of the HTTP method's handler takes precedence."""
    view_class, name = getattr(view, "view_class", None), str(method).lower()
    handler = getattr(view_class, name, None)
    if handler is None and name == "head":
        handler = getattr(view_class, "get", None)
    requirement: Requirement | None = getattr(handler, ATTRIBUTE, None) or getattr(view, ATTRIBUTE, None)
    return requirement


@cache
def uses_requires(urlconf: Any) -> bool:
    """Whether any view of the URLconf has a requirement. If not, KeyMiddleware need not resolve the path."""
    return _any_requirement(get_resolver(urlconf).url_patterns)


def _any_requirement(entries: Iterable[Any]) -> bool:
    for entry in entries:
        if isinstance(entry, URLResolver):
            if _any_requirement(entry.url_patterns):
                return True
        elif any(requirement_of(entry.callback, method) for method in _methods_of(entry.callback)):
            return True
    return False


def _methods_of(view: Any) -> list[str]:
    view_class = getattr(view, "view_class", None)
    return list(view_class.http_method_names) if view_class else ["get"]


def _guard(view: Any, requirement: Requirement) -> Any:
    """Wrap the view, so that it raises ImproperlyConfigured unless KeyMiddleware has applied its requirement."""

    def check(request: HttpRequest) -> None:
        expected = requirement_of(guarded, getattr(request, "method", None))
        if getattr(request, ATTRIBUTE, None) is not expected:
            raise ImproperlyConfigured(
                f"{getattr(view, '__qualname__', view)} is decorated by requires(), but KeyMiddleware has not checked "
                "this call: add KeyMiddleware to MIDDLEWARE, and the view's path to KEYADMIN_CLOSED_PREFIXES."
            )

    if iscoroutinefunction(view):

        @wraps(view)
        async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            check(request)
            return await view(request, *args, **kwargs)
    else:

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            check(request)
            return view(request, *args, **kwargs)

    setattr(guarded, ATTRIBUTE, requirement)
    return guarded


def _guard_urls(urls: Any, requirement: Requirement) -> Any:
    """Copy the patterns, so that the same URLs can be included elsewhere without the requirement."""
    if isinstance(urls, tuple) and urls and not isinstance(urls[0], URLPattern | URLResolver):
        # include() returns (module or patterns, app name, namespace).
        patterns: Any = getattr(urls[0], "urlpatterns", urls[0])
        return ([_guard_entry(entry, requirement) for entry in patterns], *urls[1:])
    return [_guard_entry(entry, requirement) for entry in urls]


def _guard_entry(entry: Any, requirement: Requirement) -> URLPattern | URLResolver:
    if isinstance(entry, URLResolver):
        patterns = [_guard_entry(inner, requirement) for inner in entry.url_patterns]
        return URLResolver(entry.pattern, patterns, entry.default_kwargs, entry.app_name, entry.namespace)
    view = entry.callback if hasattr(entry.callback, ATTRIBUTE) else _guard(entry.callback, requirement)
    return URLPattern(entry.pattern, view, entry.default_args, entry.name)
