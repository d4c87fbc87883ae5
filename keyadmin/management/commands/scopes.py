"""scopes: the permissions of keys, and the methods and paths that each of them allows."""

from argparse import ArgumentTypeError, BooleanOptionalAction, Namespace
from functools import partial
from typing import Any, Final

from keyadmin.core.routes import Route, is_channel_from
from keyadmin.management import arguments
from keyadmin.management.base import printable
from keyadmin.management.subcommands import SubcommandCommand, argument, provided, subcommand
from keyadmin.models import Scope
from keyadmin.operations.catalogue import scopes


def route(text: str) -> Route:
    """A route such as `GET /api/chats/*`, or `POST /api/messages header` if a header names the channel."""
    parts = text.split()
    method, pattern, channel_from = (*parts, "", "", "")[:3]
    if len(parts) not in (2, 3) or not is_channel_from(channel_from):
        raise ArgumentTypeError(f"{text!r} is not a route such as 'GET /api/chats/*' or 'POST /api/messages header'.")
    return Route(method, pattern, "", channel_from)


SCOPE: Final = argument("scope", help="The name, such as chats:read.")
ROUTE: Final = argument(
    "--route",
    dest="routes",
    action="append",
    type=route,
    metavar="ROUTE",
    help="'METHOD /pattern', followed by header or path if the call names a channel there; repeat for more.",
)
#: Text fields, each with its help.
TEXT_FIELDS: Final = {
    "resource": "The group in which it is listed, such as Chats.",
    "label": "The text of its checkbox, such as Read chats.",
    "explanation": "What it allows, in one sentence.",
    "ability": "Completes “This key can …”, such as: read chats.",
}
OPTIONAL_ARGUMENTS: Final = (
    argument("--caption", help="A short text below the label."),
    argument(
        "--sensitive",
        dest="is_sensitive",
        action=BooleanOptionalAction,
        help="Whether it allows calls that write or export.",
    ),
    argument("--position", type=arguments.count, metavar="NUMBER", help="The position in lists."),
    ROUTE,
)
OPTIONAL_FIELDS: Final = ("caption", "is_sensitive", "position", "routes")


class Command(SubcommandCommand):
    help = "Create, list, edit and remove permissions."

    @subcommand(
        "create",
        "Create a permission.",
        argument("name", help="The name, in the form resource:action."),
        *(argument(f"--{name}", required=True, help=text) for name, text in TEXT_FIELDS.items()),
        *OPTIONAL_ARGUMENTS,
    )
    def create(self, options: Namespace) -> None:
        fields = provided(options, "name", *TEXT_FIELDS, *OPTIONAL_FIELDS)
        self._print_result(scopes.create(actor=self.actor, **fields), "Created")

    @subcommand("list", "List all permissions.")
    def list_(self, options: Namespace) -> None:
        rows = Scope.objects.prefetch_related("routes")
        self.print_table([as_json(row) for row in rows], ("name", "label", "is_sensitive", "is_own", "routes"))

    @subcommand(
        "edit",
        "Change the given fields. Routes are replaced as a whole.",
        SCOPE,
        *(argument(f"--{name}", help=text) for name, text in TEXT_FIELDS.items()),
        *OPTIONAL_ARGUMENTS,
    )
    def edit(self, options: Namespace) -> None:
        fields = provided(options, *TEXT_FIELDS, *OPTIONAL_FIELDS)
        edit = partial(scopes.edit, actor=self.actor, scope=options.scope, **fields)
        self.print_edit(edit, Scope(name=options.scope), self._print_edited)

    @subcommand("remove", "Remove a permission. No key may have it.", SCOPE)
    def remove(self, options: Namespace) -> None:
        scopes.remove(actor=self.actor, scope=options.scope)
        self.print_object({"name": options.scope}, f"Removed {printable(options.scope)}.")

    def _print_edited(self, scope: Scope, done: str) -> None:
        self._print_result(Scope.objects.get(name=scope.name), done)

    def _print_result(self, scope: Scope, done: str) -> None:
        self.print_object(as_json(scope), f"{done} {scope.name}.")


def as_json(scope: Scope) -> dict[str, Any]:
    """A permission as JSON. `is_own`: it belongs to keyadmin and cannot be changed."""
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
        "routes": [f"{route.method} {route.pattern} {route.channel_from}".strip() for route in scope.routes.all()],
    }
