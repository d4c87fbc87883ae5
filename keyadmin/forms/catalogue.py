"""Forms of the catalogue: permissions with their routes, channels and tiers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django import forms
from django.utils.translation import gettext, gettext_lazy, ngettext

from keyadmin.core.routes import Route, RouteError, is_channel_from, segments_of
from keyadmin.forms.base import OperationForm
from keyadmin.models import ScopeRoute
from keyadmin.operations.catalogue.scopes import MAX_PATTERN_LENGTH, METHODS
from keyadmin.operations.catalogue.tiers import MAX_HOURLY_LIMIT
from keyadmin.operations.validation import translate

#: Empty rows of the route editor, for browsers without scripts.
_BLANK_ROWS: Final = 2


@dataclass
class RouteRow:
    """A submitted row of the route editor, and the messages about it."""

    method: str = "GET"
    pattern: str = ""
    channel_from: str = ""
    errors: list[str] = field(default_factory=list)

    def route(self, scope: str) -> Route:
        """Raises RouteError for an unknown `channel_from`."""
        if not is_channel_from(self.channel_from):
            raise RouteError("%(text)s is not a place that names a channel.", text=repr(self.channel_from))
        return Route(self.method, self.pattern, scope, self.channel_from)


class ScopeForm(OperationForm):
    """A scope with its routes. Each row of the editor has three inputs: `method`, `pattern` and `channel_from`."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=60,
        help_text=gettext_lazy("resource:action, such as chats:read. It can’t be changed later."),
        widget=forms.TextInput({"class": "mono", "autocomplete": "off", "spellcheck": "false"}),
    )
    resource = forms.CharField(
        label=gettext_lazy("Resource"), max_length=60, help_text=gettext_lazy("The group that lists it, such as Chats.")
    )
    label = forms.CharField(
        label=gettext_lazy("Label"),
        max_length=80,
        help_text=gettext_lazy("The text of its checkbox, such as Read chats."),
    )
    caption = forms.CharField(
        label=gettext_lazy("Caption"), max_length=60, required=False, help_text=gettext_lazy("In a few words.")
    )
    explanation = forms.CharField(
        label=gettext_lazy("Explanation"),
        max_length=300,
        widget=forms.Textarea({"rows": 3}),
    )
    ability = forms.CharField(
        label=gettext_lazy("Completes “This key can …”"), max_length=80, help_text=gettext_lazy("Such as: read chats.")
    )
    is_sensitive = forms.BooleanField(label=gettext_lazy("It can write or export"), required=False)

    def __init__(self, *args: Any, routes: Iterable[ScopeRoute] = (), is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_new:
            del self.fields["name"]
        saved = [RouteRow(route.method, route.pattern, route.channel_from) for route in routes]
        self.rows = _submitted_rows(self.data) if self.is_bound else saved
        self.blank_rows = [RouteRow() for _ in range(_BLANK_ROWS)]

    def clean(self) -> dict[str, Any]:
        seen = set()
        for row in self.rows:
            row.errors = _route_errors(row)
            if (row.method, row.pattern) in seen:
                row.errors.append(gettext("This route is listed twice."))
            seen.add((row.method, row.pattern))
        if invalid := sum(bool(row.errors) for row in self.rows):
            message = ngettext(
                "Fix the route that has an error.", "Fix the %(count)d routes that have errors.", invalid
            )
            self.add_error(None, message % {"count": invalid})
        return self.cleaned_data

    def values(self) -> dict[str, Any]:
        """The keyword arguments of `operations.catalogue.scopes.create` and `edit`, except actor and scope."""
        return {**self.cleaned_data, "routes": [row.route("") for row in self.rows]}


class ChannelForm(OperationForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)


class TierForm(OperationForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    hourly_limit = forms.IntegerField(
        label=gettext_lazy("Requests in any hour"),
        min_value=1,
        max_value=MAX_HOURLY_LIMIT,
        help_text=gettext_lazy("For each key separately."),
    )


def _submitted_rows(data: Mapping[str, Any]) -> list[RouteRow]:
    """The rows that have a pattern."""
    lists = [data.getlist(name) if hasattr(data, "getlist") else [] for name in ("method", "pattern", "channel_from")]
    rows = [RouteRow(method, pattern.strip(), source) for method, pattern, source in zip(*lists, strict=False)]
    return [row for row in rows if row.pattern]


def _route_errors(row: RouteRow) -> list[str]:
    if row.method not in METHODS or not is_channel_from(row.channel_from):
        return [gettext("Choose a method and a channel source from the lists.")]
    if len(row.pattern) > MAX_PATTERN_LENGTH:
        return [gettext("Use at most %(count)d characters.") % {"count": MAX_PATTERN_LENGTH}]
    try:
        segments_of(row.route("scope"))
    except RouteError as error:
        return [translate(error)]
    return []
