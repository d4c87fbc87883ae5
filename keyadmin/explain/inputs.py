"""Reads the inputs of an explanation: a key that the actor may read, and a call. Rejects texts with a secret."""

from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from keyadmin.callpath.rules import Call
from keyadmin.core import cidr, tokens
from keyadmin.core.actors import Actor
from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.core.headers import has_unsendable_characters
from keyadmin.core.key_shapes import contains_key
from keyadmin.models import Key


class Method(StrEnum):
    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    HEAD = "HEAD"
    OPTIONS = "OPTIONS"


METHODS: Final = tuple(method.value for method in Method)
#: Characters of one input.
MAX_INPUT_LENGTH: Final = 2000


def find_key(actor: Actor, text: str) -> Key:
    """The key with this primary key or key ID, with its organisation and bot.

    Raises InvalidInputError if the text is neither, and NotFoundError if the actor can read no such key. No message
    repeats the text, which may be a secret.
    """
    text = text.strip()
    if contains_key(text):
        raise InvalidInputError({"key": [_("This contains a secret, which was not stored. Enter the key ID only.")]})
    if not is_key_identifier(text):
        raise InvalidInputError({"key": [_("Enter a key ID, such as kad_a1b2c3d4e5f6a7b8, or the id of a key.")]})
    condition = Q(key_id=text) if tokens.is_key_id(text) else Q(id=UUID(text))
    keys = Key.objects.visible_to(actor).select_related("organisation", "bot")
    key: Key | None = keys.filter(condition).first()
    if key is None:
        raise NotFoundError(_("There is no key with this ID."))
    return key


def is_key_identifier(text: str) -> bool:
    """Whether the text has the form of a key's primary key or key ID. Neither is secret, so it may be shown again."""
    if tokens.is_key_id(text):
        return True
    try:
        return str(UUID(text)) == text.lower()  # 32 digits without hyphens may be the secret of a compact key
    except ValueError:
        return False


def parse_call(*, method: str, path: str, address: str = "", channel: str = "", on_behalf_of: str = "") -> Call:
    """The call from texts that a person or program has entered. Raises InvalidInputError; no message repeats an input.

    A query is removed from the path. Empty texts are: an address that cannot be determined, no channel, no person.
    """
    fields = {"path": path.partition("?")[0], "address": address, "channel": channel, "on_behalf_of": on_behalf_of}
    fields = {name: text.strip(" \t") for name, text in fields.items()}
    errors = {name: [error] for name, text in fields.items() if (error := _error_in(name, text))}
    if method not in METHODS:
        errors["method"] = [_("Choose one of %(methods)s.") % {"methods": ", ".join(METHODS)}]
    if errors:
        raise InvalidInputError(errors)
    client = cidr.address_of(fields["address"])
    return Call(method, fields["path"], client, fields["channel"] or None, fields["on_behalf_of"] or None)


def _error_in(name: str, text: str) -> str:
    """The error message for a field, or ""."""
    if contains_key(text):
        return _("This contains a secret, which was not stored. Remove it.")
    if len(text) > MAX_INPUT_LENGTH:
        return _("Use at most %(count)s characters.") % {"count": MAX_INPUT_LENGTH}
    if has_unsendable_characters(text):
        return _("This contains characters that are not allowed here.")
    if name == "path" and not text.startswith("/"):
        return _("Start the path with a slash, such as /api/chats.")
    if name == "address" and text and cidr.address_of(text) is None:
        return _("Enter one IP address, such as 203.0.113.24.")
    return ""
