"""For Django projects: a view, or everything behind an include(), says which permissions open it.

    @requires("chats:read")
    def chats(request): ...

    path("api/shop/", requires("shop:read", "shop:write")(include("shop.urls")))

The middleware reads the mark before it counts the call. What is marked is closed to everybody else: reached past the
middleware, or by a path that the middleware reads differently, it raises ImproperlyConfigured.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.urls import ResolverMatch, URLPattern, URLResolver, get_resolver

from keyadmin.core.routes import Match

_ATTRIBUTE = "keyadmin_mark"
_is_used = False
_scope = re.compile(r"[a-z][a-z-]*:[a-z][a-z-]*").fullmatch


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """What a view needs. Each decoration has a mark of its own, by which it is recognised."""

    scopes: frozenset[str]
    channel_header: bool
    channel_kwarg: str | None

    def needs(self, match: ResolverMatch) -> Match:
        """As a route says it, which the mark replaces."""
        if self.channel_kwarg is not None:
            return Match(self.scopes, match.route, str(match.kwargs.get(self.channel_kwarg, "")), "path")
        return Match(self.scopes, match.route, None, "header" if self.channel_header else "")


def requires(*scopes: str, channel_header: bool = False, channel_kwarg: str | None = None) -> Callable[[Any], Any]:
    """Marks a view (sync or async; a class by `method_decorator`), what include() returns, or a list of URL patterns.

    Any one of the scopes opens it; none given: any key does. A key that is restricted to channels must act through one
    of its own, named by X-Channel (`channel_header`) or by an argument of the path (`channel_kwarg`). Behind a marked
    include, a view's own mark is the one that counts.
    """
    if wrong := [scope for scope in scopes if not isinstance(scope, str) or not _scope(scope)]:
        raise ImproperlyConfigured(f"requires({wrong[0]!r}): a permission has the form resource:action.")
    if channel_header and channel_kwarg is not None:
        raise ImproperlyConfigured("requires(): a channel comes from the header or from the path, not from both.")
    global _is_used
    _is_used = True
    mark = Mark(frozenset(scopes) or frozenset([""]), channel_header, channel_kwarg)

    def decorate(target: Any) -> Any:
        if isinstance(target, list | tuple):
            return _marked_urls(target, mark)
        if hasattr(target, _ATTRIBUTE):
            raise ImproperlyConfigured(f"{target.__qualname__} is marked by requires() twice.")
        return _marked(target, mark)

    return decorate


def has_marks(urlconf: Any = None) -> bool:
    """Whether any view can be marked: then a call's path must be resolved before it is decided.

    Reads the URLs first, since reading them is what marks their views.
    """
    get_resolver(urlconf).url_patterns  # noqa: B018 - read once, then remembered
    return _is_used


def mark_of(view: Any, method: str | None) -> Mark | None:
    """A view's mark: for a class, that of the method's handler first."""
    handlers, name = getattr(view, "view_class", None), str(method).lower()
    handler = getattr(handlers, name, None)
    if handler is None and name == "head":
        handler = getattr(handlers, "get", None)
    mark: Mark | None = getattr(handler, _ATTRIBUTE, None) or getattr(view, _ATTRIBUTE, None)
    return mark


def _marked(view: Any, mark: Mark) -> Any:
    """The view, for requests only that were admitted by its mark, or by a nearer one."""

    def check(request: HttpRequest) -> None:
        expected = mark_of(guarded, getattr(request, "method", None))
        if getattr(request, _ATTRIBUTE, None) is not expected:
            raise ImproperlyConfigured(
                f"{getattr(view, '__qualname__', view)} is marked by requires(), but KeyMiddleware did not admit the "
                "call by that mark: see that it is in MIDDLEWARE, and the view's path under KEYADMIN_CLOSED_PREFIXES."
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

    setattr(guarded, _ATTRIBUTE, mark)
    return guarded


def _marked_urls(urls: Any, mark: Mark) -> Any:
    """Copies, so that the same URLs may be included elsewhere without the mark."""
    if isinstance(urls, tuple) and urls and not isinstance(urls[0], URLPattern | URLResolver):
        inside: Any = getattr(urls[0], "urlpatterns", urls[0])  # include()'s (module or patterns, app name, namespace)
        return ([_copy(entry, mark) for entry in inside], *urls[1:])
    return [_copy(entry, mark) for entry in urls]


def _copy(entry: Any, mark: Mark) -> URLPattern | URLResolver:
    if isinstance(entry, URLResolver):
        inside = [_copy(one, mark) for one in entry.url_patterns]
        return URLResolver(entry.pattern, inside, entry.default_kwargs, entry.app_name, entry.namespace)
    view = entry.callback if hasattr(entry.callback, _ATTRIBUTE) else _marked(entry.callback, mark)
    return URLPattern(entry.pattern, view, entry.default_args, entry.name)
