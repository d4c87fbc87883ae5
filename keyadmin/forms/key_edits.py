"""Forms that change a key: all of it in a dialog, its description in place."""

import json
from typing import Any, Final
from uuid import UUID

from django import forms
from django.utils.translation import gettext, gettext_lazy

from keyadmin.forms.base import OperationForm
from keyadmin.forms.keys import CUSTOM, NEVER, PRESETS, KeyValuesForm, expiries
from keyadmin.forms.offers import Offer
from keyadmin.models import Key, Kind
from keyadmin.operations.validation import UNSET

#: The expiry that the key has.
KEEP: Final = "keep"
_MERGED: Final = ("name", "description", "scopes", "inherits", "channels", "networks", "expires", "expires_on", "tier")


class EditForm(KeyValuesForm):
    """A key as it was read: `revision` says when, `base` what it was then."""

    revision = forms.IntegerField(widget=forms.HiddenInput)
    base = forms.CharField(widget=forms.HiddenInput, required=False, max_length=20_000)

    def __init__(self, *args: Any, offer: Offer, key: Key, **kwargs: Any) -> None:
        super().__init__(*args, offer=offer, **kwargs)
        keep = (KEEP, gettext("Keep")) if key.expires_at else (NEVER, gettext("Never"))
        others = [] if key.kind == Kind.PUBLIC else [choice for choice in expiries(offer) if choice[0] != keep[0]]
        self._choices("expires", [keep, *others] if key.expires_at else [*others, keep])

    @staticmethod
    def initial_for(key: Any) -> dict[str, Any]:
        """The key as it is now; it is `with_lists`."""
        values = {
            "name": key.name,
            "description": key.description,
            "scopes": key.scope_names,
            "inherits": key.inherits,
            "channels": sorted(map(str, key.channel_ids)),
            "networks": list(map(str, key.own_networks)),
            "expires": KEEP if key.expires_at else NEVER,
            "expires_on": "",
            "tier": str(key.tier_id),
        }
        preset = next((p["value"] for p in PRESETS if p["scopes"] and set(p["scopes"]) == set(key.scope_names)), CUSTOM)
        return {**values, "preset": preset, "revision": key.revision, "base": json.dumps(values)}

    def on_top_of(self, theirs: dict[str, Any]) -> dict[str, Any]:
        """`theirs`, as `initial_for` gives it, with what was changed here since the form was read."""
        base = _read(self.data.get("base", ""))
        mine = {name: self[name].value() for name in _MERGED}
        touched = {name for name in _MERGED if name not in base or not _same(mine[name], base[name])}
        return {**theirs, "preset": CUSTOM, **{name: mine[name] for name in touched}}

    def values(self) -> dict[str, Any]:
        """The keyword arguments of `operations.keys.edit`, but for the actor and the key."""
        tier = self.cleaned_data["tier"]
        return {
            **super().values(),
            "tier": UUID(tier) if tier and self.offer.may_choose_tier else UNSET,
            "revision": self.cleaned_data["revision"],
        }

    def _expires_at(self) -> Any:
        return UNSET if self.cleaned_data["expires"] == KEEP else super()._expires_at()


class DescriptionForm(OperationForm):
    """`was` is the description that the reader saw, so that nobody else's is overwritten unseen."""

    description = forms.CharField(label=gettext_lazy("Description"), max_length=500, required=False)
    was = forms.CharField(widget=forms.HiddenInput, max_length=500, required=False, strip=False)


def _read(text: str) -> dict[str, Any]:
    """What `initial_for` wrote; nothing where it did not."""
    try:
        base = json.loads(text)
    except ValueError:
        return {}
    return base if isinstance(base, dict) else {}


def _same(mine: Any, base: Any) -> bool:
    if isinstance(base, list):
        return sorted(map(str, mine or [])) == sorted(map(str, base))
    if isinstance(base, bool):
        return bool(mine) == base
    return str(mine or "") == str(base or "")
