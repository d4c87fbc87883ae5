"""Columns of texts that people type or programs send, and what they may show.

Operations refuse or redact a text that contains an API key. A text that was stored earlier stays in its column, because
history is never rewritten. But no query returns the key: the fields of this module replace it as they read the column.
So it is redacted on pages, in the API, in exports, in mails and in commands alike.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final, Self

from django.db import connection, models

from keyadmin.core.key_shapes import replace_keys
from keyadmin.core.redaction import REDACTED

if TYPE_CHECKING:
    _Field = models.Field[str, str]
    _CharField = models.CharField[str, str]
    _SlugField = models.SlugField[str, str]
    _JSONField = models.JSONField[Any, Any]
else:  # Django's fields cannot be subscripted at run time.
    _Field = models.Field
    _CharField = models.CharField
    _SlugField = models.SlugField
    _JSONField = models.JSONField

_KNOWN_PREFIXES: Final = """
    SELECT candidate FROM unnest(%s::text[]) AS candidate
    WHERE EXISTS (SELECT FROM organisation WHERE key_prefix = candidate)
       OR EXISTS (SELECT FROM key WHERE prefix = candidate)
"""


class RedactedText(str):
    """A text in place of which the column has `stored`, which contains an API key."""

    stored: str

    __slots__ = ("stored",)

    @classmethod
    def of(cls, stored: str, shown: str) -> Self:
        text = cls(shown)
        text.stored = stored
        return text


def known_prefixes(candidates: Collection[str]) -> frozenset[str]:
    """Those of the texts with which keys begin: new ones of an organisation, or older ones. Sends one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN_PREFIXES, [list(candidates)])
        return frozenset(prefix for (prefix,) in cursor)


def redacted(text: str) -> str:
    """The text without API keys: the same one, or a RedactedText."""
    shown = replace_keys(text, REDACTED, known_prefixes)
    return text if shown == text else RedactedText.of(text, shown)


def redacted_json(value: Any) -> Any:
    """The JSON value without API keys in its texts and names."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, list):
        return [redacted_json(item) for item in value]
    if isinstance(value, dict):
        return {str(redacted(name)): redacted_json(item) for name, item in value.items()}
    return value


class _Redacting(_Field):
    """Reads as RedactedText if the column contains an API key. Saving a row that was read keeps the column."""

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return redacted(value) if value else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = super().pre_save(model_instance, add)
        return value.stored if isinstance(value, RedactedText) and not add else value

    def get_prep_value(self, value: Any) -> Any:
        prepared = super().get_prep_value(value)
        return str(prepared) if isinstance(prepared, RedactedText) else prepared

    def deconstruct(self) -> Any:
        """As Django's field: the columns are the same, so migrations name that one."""
        name, _path, args, kwargs = super().deconstruct()
        return name, _PATHS[type(self)], args, kwargs


class Text(_Redacting, _CharField):
    """A text in one line."""


class Slug(_Redacting, _SlugField):
    """A slug that is made from a text."""


class JSONTexts(_JSONField):
    """A JSON value with texts. It is only written once."""

    def from_db_value(self, value: Any, *arguments: Any) -> Any:
        return redacted_json(super().from_db_value(value, *arguments))

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs


_PATHS: Final = {Text: "django.db.models.CharField", Slug: "django.db.models.SlugField"}
