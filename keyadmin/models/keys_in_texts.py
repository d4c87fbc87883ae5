"""Texts with an API key that were stored before operations refused them, for the review report.

Pages never show the key (see `texts`). The report says where it is, so that the key can be regenerated and the text be
changed. History stays as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Func, QuerySet, Value
from django.db.models.functions import Cast

from keyadmin.core.actors import Actor
from keyadmin.core.key_shapes import contains_key
from keyadmin.models.bot import Bot
from keyadmin.models.channel import Channel
from keyadmin.models.event import Event
from keyadmin.models.key import Key
from keyadmin.models.link import Invitation
from keyadmin.models.network import AllowListEntry
from keyadmin.models.organisation import Organisation
from keyadmin.models.person import Person
from keyadmin.models.scope import Scope
from keyadmin.models.texts import known_prefixes, redacted
from keyadmin.models.tier import Tier


class _Source(NamedTuple):
    """A table with texts. The first column is shown as the label. `organisation`: the path to the organisation."""

    model: Any
    columns: tuple[str, ...]
    organisation: str = ""
    id: str = "pk"


#: Entries have no path to their organisation: it is that of their key or bot.
_OF_LISTS: Final = "of_organisation"
_SOURCES: Final[Mapping[str, _Source]] = {
    "key": _Source(Key, ("name", "description", "created_by", "revoked_reason"), "organisation"),
    "bot": _Source(Bot, ("name", "description"), "organisation"),
    "channel": _Source(Channel, ("name", "slug"), "organisation"),
    "organisation": _Source(Organisation, ("name",), "pk", "slug"),
    "person": _Source(Person, ("name",), "memberships__organisation"),
    "invitation": _Source(Invitation, ("name", "maker_label"), "organisation"),
    "note": _Source(AllowListEntry, ("note",), _OF_LISTS),
    "tier": _Source(Tier, ("name",)),
    "scope": _Source(Scope, ("label", "resource", "caption", "explanation", "ability")),
    "event": _Source(
        Event,
        (
            "target_label",
            "actor_label",
            "organisation_label",
            "user_agent",
            "request_id",
            "reason",
            "changes",
        ),
        "organisation_id",
    ),
}
#: A prefix and 32 more characters, also if they are split or percent-encoded; or a secret. Texts that match are few.
_PATTERN: Final = (
    r"(^|[^0-9A-Za-z])[A-Za-z][0-9A-Za-z]{1,11}(_|.5[Ff])[0-9A-Za-z_/\\\s+]{32}"
    r"|(^|[^0-9A-Za-z])([0-9A-Za-z]{43}|[0-9A-Za-z]{49})($|[^0-9A-Za-z])"
)


@dataclass(frozen=True, slots=True)
class KeyInText:
    """A row with an API key in the texts `fields`.

    `id` is its primary key, or the slug of an organisation. `label` is redacted.
    """

    kind: str
    id: str
    label: str
    fields: tuple[str, ...]


class MayContainKey(Func):
    """Whether a text in the columns of the table may contain a key. Partial indexes of migration 0018 have it, too."""

    output_field = models.BooleanField()

    def __init__(self, table: str, columns: tuple[str, ...]) -> None:
        super().__init__()
        self.sql = may_contain_key(columns, f'"{table}".')

    def as_sql(self, *_: Any, **__: Any) -> tuple[str, tuple[str | int, ...]]:
        return self.sql, ()


def may_contain_key(columns: tuple[str, ...], table: str = "") -> str:
    """The SQL of the condition. `table` precedes each column."""
    texts = " || ' ' || ".join(f'{table}"{column}"::text' for column in columns)
    return f"(({texts}) ~ '{_PATTERN}')"


def find(actor: Actor, organisation: UUID | None, *, limit: int) -> list[KeyInText]:
    """At most `limit` rows that the actor may read, of the organisation if one is given. Sends one statement."""
    parts = [_candidates(kind, source, actor, organisation) for kind, source in _SOURCES.items()]
    if organisation is not None:
        parts = [part for part, source in zip(parts, _SOURCES.values(), strict=True) if source.organisation]
    found = []
    for kind, pk, stored in parts[0].union(*parts[1:], all=True).order_by():
        texts = zip(_SOURCES[kind].columns, stored, strict=True)
        if fields := tuple(name for name, text in texts if contains_key(text, known_prefixes)):
            found.append(KeyInText(kind, pk, str(redacted(stored[0])), fields))
        if len(found) == limit:
            break
    return found


def _candidates(kind: str, source: _Source, actor: Actor, organisation: UUID | None) -> QuerySet[Any]:
    """(kind, id, texts) of the rows whose texts may contain a key."""
    rows: Any = source.model.objects.visible_to(actor)
    if organisation is not None and source.organisation == _OF_LISTS:
        rows = rows.of_organisation(organisation)
    elif organisation is not None and source.organisation:
        rows = rows.filter(**{source.organisation: organisation})
    columns = [Cast(column, models.TextField()) for column in source.columns]
    array = Func(*columns, template="ARRAY[%(expressions)s]", output_field=ArrayField(models.TextField()))
    rows = rows.filter(MayContainKey(source.model._meta.db_table, source.columns)).order_by()
    named = {"kind_": Value(kind), "id_": Cast(source.id, models.TextField()), "texts_": array}
    candidates: QuerySet[Any] = rows.annotate(**named).values_list(*named)
    return candidates
