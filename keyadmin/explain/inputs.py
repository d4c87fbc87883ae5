"""What is asked: about a key that the asker may see, and a call as a program would send it. No secret is taken in."""

from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from keyadmin.callpath.authorize import Call
from keyadmin.core import cidr, tokens
from keyadmin.core.actors import Actor
from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.core.headers import unsendable
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
#: Characters of a path, or of anything else that is asked about.
LONGEST: Final = 2000


def key_of(actor: Actor, text: str) -> Key:
    """The key by its id or its key ID. Raises NotFound, and Invalid for what is neither; no message repeats it."""
    text = text.strip()
    if tokens.holds_secret(text):
        raise InvalidInputError(
            {"key": [_("That is more than a key ID: it has a secret in it. It was not kept. Give the key ID only.")]}
        )
    if not is_name_of_a_key(text):
        raise InvalidInputError({"key": [_("Give a key ID, such as kad_a1b2c3d4e5f6a7b8, or the id of a key.")]})
    by = Q(key_id=text) if tokens.is_key_id(text) else Q(id=UUID(text))
    found: Key | None = Key.objects.visible_to(actor).select_related("organisation", "bot").filter(by).first()
    if found is None:
        raise NotFoundError(_("There is no such key."))
    return found


def is_name_of_a_key(text: str) -> bool:
    """Whether the text can be the id or the key ID of a key: then it is no secret, and may be shown again."""
    if tokens.is_key_id(text):
        return True
    try:
        return str(UUID(text)) == text.lower()  # 32 digits in a row may be a compact key's secret
    except ValueError:
        return False


def call_of(*, method: str, path: str, address: str = "", channel: str = "", on_behalf_of: str = "") -> Call:
    """The call, its path without a query. Raises Invalid; no message repeats what was given.

    Without an address the call is one whose address cannot be told.
    """
    fields = {"path": path.partition("?")[0], "address": address, "channel": channel, "on_behalf_of": on_behalf_of}
    fields = {name: text.strip(" \t") for name, text in fields.items()}
    errors = {name: [problem] for name, text in fields.items() if (problem := _problem(name, text))}
    if method not in METHODS:
        errors["method"] = [_("Choose one of %(methods)s.") % {"methods": ", ".join(METHODS)}]
    if errors:
        raise InvalidInputError(errors)
    of = cidr.address_of(fields["address"])
    return Call(method, fields["path"], of, fields["channel"] or None, fields["on_behalf_of"] or None)


def _problem(name: str, text: str) -> str:
    if tokens.holds_secret(text):
        return _("This looks like a secret. It was not kept. Put anything else in its place.")
    if len(text) > LONGEST:
        return _("At most %(count)s characters.") % {"count": LONGEST}
    if unsendable(text):
        return _("This has characters that no call can have here.")
    if name == "path" and not text.startswith("/"):
        return _("Start the path with a slash, such as /api/chats.")
    if name == "address" and text and cidr.address_of(text) is None:
        return _("Enter one IP address, such as 203.0.113.24.")
    return ""
