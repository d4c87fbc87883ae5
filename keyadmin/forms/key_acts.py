"""Forms of acts on keys that exist: a new secret, and stopping many at once."""

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy

from keyadmin.forms.base import OperationForm
from keyadmin.models import Key

#: Hours that the old secret goes on working.
GRACES: Final = [
    ("0", gettext_lazy("Stop immediately")),
    ("1", gettext_lazy("1 hour")),
    ("24", gettext_lazy("24 hours")),
    ("168", gettext_lazy("7 days")),
]
#: Keys that may be stopped in one go; a page of the list has fewer.
MOST: Final = 100


class Grace(NamedTuple):
    """One choice: until when the old secret works, and whether the key's own end comes first."""

    value: str
    label: Any
    until: datetime | None
    is_capped: bool


class RegenerateForm(OperationForm):
    grace = forms.ChoiceField(label=gettext_lazy("The old secret keeps working for"), choices=GRACES)
    idempotency_key = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def values(self) -> dict[str, Any]:
        """The keyword arguments of `operations.keys.regenerate`, but for the actor and the key."""
        return {"grace": timedelta(hours=int(self.cleaned_data["grace"]))}


class RevokeManyForm(OperationForm):
    """The keys come as `key`, once for each."""

    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=300, required=False)


def graces(key: Key) -> list[Grace]:
    """The choices for this key, as of now."""
    now = timezone.now()
    found = []
    for value, label in GRACES:
        until = now + timedelta(hours=int(value))
        is_capped = value != "0" and key.expires_at is not None and key.expires_at < until
        end = key.expires_at if is_capped else until
        found.append(Grace(value, label, None if value == "0" else end, is_capped))
    return found


def chosen(values: list[str]) -> list[UUID]:
    """The ids among the values, each once, in their order; what is none is left out."""
    field = forms.UUIDField()
    found: dict[UUID, None] = {}
    for value in values[: 2 * MOST]:
        try:
            found[field.clean(value)] = None
        except forms.ValidationError:
            continue
    return list(found)[:MOST]
