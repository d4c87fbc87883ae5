"""Names and descriptions are stored in one form: NFC, with single blanks. See keyadmin/core/text.py.

Bots and channels of one organisation, and tiers, have different names. If two become equal, the oldest keeps the name,
and each other one gets a number: "Desk", "Desk (2)". Keys keep working, because nothing but names changes. History
keeps the names as they were.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from django.db import migrations

_BLANKS: Final = re.compile("[\t \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
#: Model → the fields in which its name is unique, together with the name; None if it need not be.
_MODELS: Final[dict[str, tuple[str, ...] | None]] = {
    "Organisation": None,
    "Person": None,
    "Key": None,
    "Bot": ("organisation_id",),
    "Channel": ("organisation_id",),
    "Tier": (),
}


def normal_form(text: str) -> str:
    """As keyadmin.core.text.normalise at the time of this migration."""
    return _BLANKS.sub(" ", unicodedata.normalize("NFC", text)).strip()


def candidates(name: str, max_length: int) -> Iterator[str]:
    """The name, then the name with a number."""
    yield name
    for number in count(2):
        suffix = f" ({number})"
        yield name[: max_length - len(suffix)] + suffix


def normalise_names(apps: Any, schema_editor: Any) -> None:
    for label, unique_in in _MODELS.items():
        model = apps.get_model("keyadmin", label)
        rows = model.objects.using(schema_editor.connection.alias)
        _normalise_model(model, rows, unique_in)


def _normalise_model(model: Any, rows: Any, unique_in: tuple[str, ...] | None) -> None:
    fields = {f.name: f.max_length for f in model._meta.concrete_fields if f.name in ("name", "description")}
    has_time = any(field.name == "created_at" for field in model._meta.concrete_fields)
    ordered = rows.order_by("created_at", "id") if has_time else rows.order_by("id")
    changed: list[Any] = []
    taken: set[tuple[Any, ...]] = set()
    for row in ordered.only(*fields, *(unique_in or ())).iterator():
        before = {field: getattr(row, field) for field in fields}
        for field in fields:
            setattr(row, field, normal_form(before[field])[: fields[field]])
        if unique_in is not None:
            place = tuple(getattr(row, field) for field in unique_in)
            row.name = next(n for n in candidates(row.name, fields["name"]) if (*place, n) not in taken)
            taken.add((*place, row.name))
        if before != {field: getattr(row, field) for field in fields}:
            changed.append(row)
    # First names that no other row has: otherwise a new name could equal one that is about to change.
    if unique_in is not None:
        for row in changed:
            rows.filter(pk=row.pk).update(name=str(row.pk)[: fields["name"]])
    for row in changed:
        rows.filter(pk=row.pk).update(**{field: getattr(row, field) for field in fields})


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0008_new_address")]

    operations = [migrations.RunPython(normalise_names)]
