"""scopes: what keys may do, and the methods and paths that each opens."""

from argparse import ArgumentTypeError, BooleanOptionalAction, Namespace
from typing import Any, Final

from keyadmin.core.routes import Route
from keyadmin.management import arguments
from keyadmin.management.base import printable
from keyadmin.management.subcommands import NounCommand, argument, given, verb
from keyadmin.models import ChannelSource, Scope
from keyadmin.operations.catalogue import scopes


def route(text: str) -> Route:
    """`GET /api/chats/*`, or with where the channel is said: `POST /api/messages header`."""
    parts = text.split()
    if len(parts) not in (2, 3) or (len(parts) == 3 and parts[2] not in ChannelSource.values):
        raise ArgumentTypeError(f"{text!r} is not a route such as 'GET /api/chats/*' or 'POST /api/messages header'.")
    method, pattern, channel_from = (*parts, "")[:3]
    return Route(method, pattern, "", channel_from)  # type: ignore[arg-type]


SCOPE: Final = argument("scope", help="Its name, such as chats:read.")
ROUTE: Final = argument(
    "--route",
    dest="routes",
    action="append",
    type=route,
    metavar="ROUTE",
    help="'METHOD /pattern', then header or path where the channel is said there; repeat for more.",
)
TEXTS: Final = ("resource", "label", "explanation", "ability")
OTHERS: Final = (
    argument("--caption", help="In a few words, beside a checkbox."),
    argument("--sensitive", dest="is_sensitive", action=BooleanOptionalAction, help="It writes or exports."),
    argument("--position", type=arguments.count, metavar="NUMBER", help="Its place in lists."),
    ROUTE,
)
FURTHER: Final = ("caption", "is_sensitive", "position", "routes")


class Command(NounCommand):
    help = "Create, list, edit and remove permissions."

    @verb(
        "create",
        "Make a permission.",
        argument("name", help="resource:action"),
        *(argument(f"--{text}", required=True) for text in TEXTS),
        *OTHERS,
    )
    def create(self, options: Namespace) -> None:
        fields = given(options, "name", *TEXTS, *FURTHER)
        self._done(scopes.create(actor=self.actor, **fields), "Made")

    @verb("list", "List all permissions.")
    def list_(self, options: Namespace) -> None:
        rows = Scope.objects.prefetch_related("routes")
        self.tell_all([described(row) for row in rows], ("name", "label", "is_sensitive", "is_own", "routes"))

    @verb(
        "edit",
        "Change what is given; routes, if given, replace all of them.",
        SCOPE,
        *(argument(f"--{text}") for text in TEXTS),
        *OTHERS,
    )
    def edit(self, options: Namespace) -> None:
        fields = given(options, *TEXTS, *FURTHER)
        self._done(scopes.edit(actor=self.actor, scope=options.scope, **fields), "Changed")

    @verb("remove", "Remove a permission that no key has.", SCOPE)
    def remove(self, options: Namespace) -> None:
        scopes.remove(actor=self.actor, scope=options.scope)
        self.tell({"name": options.scope}, f"Removed {printable(options.scope)}.")

    def _done(self, scope: Scope, what: str) -> None:
        self.tell(described(scope), f"{what} {scope.name}.")


def described(scope: Scope) -> dict[str, Any]:
    """A permission as JSON. Those that are keyadmin's own cannot be changed."""
    return {
        "name": scope.name,
        "resource": scope.resource,
        "label": scope.label,
        "caption": scope.caption,
        "explanation": scope.explanation,
        "ability": scope.ability,
        "is_sensitive": scope.is_sensitive,
        "position": scope.position,
        "is_own": scope.is_own,
        "routes": [f"{one.method} {one.pattern} {one.channel_from}".strip() for one in scope.routes.all()],
    }
