"""Links from events to their targets: the target's page, or its history if it was deleted or has no page."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final
from uuid import UUID

from django.db.models import CharField, QuerySet, Value
from django.db.models.functions import Cast
from django.urls import reverse

from keyadmin.core.actors import Actor
from keyadmin.models import Bot, BulkRevocation, Channel, Event, Key, Organisation, Person, Scope, Tier
from keyadmin.web.common import querystring

#: Kind of target → (model, column of the event's `target_id`, column of what the URL names, URL of the page).
_PAGES: Final[dict[str, tuple[Any, str, str, Callable[[str], str]]]] = {
    "key": (Key, "id", "id", lambda key: reverse("keys:detail", args=[key])),
    "bot": (Bot, "id", "id", lambda bot: reverse("bots:detail", args=[bot])),
    "organisation": (Organisation, "id", "slug", lambda slug: reverse("organisations:detail", args=[slug])),
    "person": (Person, "id", "id", lambda person: reverse("people:detail", args=[person])),
    "channel": (Channel, "id", "id", lambda _channel: reverse("channels:list")),
    "tier": (Tier, "id", "id", lambda _tier: reverse("tiers:list")),
    "bulk_revocation": (
        BulkRevocation,
        "id",
        "id",
        lambda revocation: reverse("keys:bulk-revocation", args=[revocation]),
    ),
    "scope": (Scope, "name", "name", lambda _name: reverse("permissions:list")),
}
#: (kind, ID) of targets that are no rows → name of the page.
_REPORTS: Final = {
    ("history", ""): "history:list",
    ("report", "keys"): "keys:list",
    ("report", "review"): "review:report",
    ("usage", "usage"): "usage",
}


def set_target_urls(events: Iterable[Any], actor: Actor) -> None:
    """Set `target_url` on each event, for this reader. Sends at most one statement."""
    events = list(events)
    pages = _urls_of_pages(events, actor)
    for event in events:
        target = (event.target_kind, event.target_id)
        event.target_url = reverse(_REPORTS[target]) if target in _REPORTS else pages.get(target) or events_url(event)


def events_url(event: Event) -> str:
    """The events of the event's target: by its ID, or by its name if it has none."""
    target = event.target_id if is_uuid(event.target_id) else event.target_label
    return querystring.link(reverse("history:list"), {"target": target})


def is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _urls_of_pages(events: Iterable[Event], actor: Actor) -> dict[tuple[str, str], str]:
    """By kind and ID, the pages of those targets that exist and that the actor may see."""
    ids: dict[str, set[str]] = defaultdict(set)
    for event in events:
        if event.target_kind in _PAGES and (event.target_kind == "scope" or is_uuid(event.target_id)):
            ids[event.target_kind].add(event.target_id)
    parts: list[QuerySet[Any]] = []
    for kind, wanted in ids.items():
        model, column, named, _url = _PAGES[kind]
        rows = model.objects.visible_to(actor).filter(**{f"{column}__in": wanted}).order_by()
        texts = {
            "kind_": Value(kind, CharField()),
            "id_": Cast(column, CharField()),
            "named_": Cast(named, CharField()),
        }
        parts.append(rows.annotate(**texts).values_list(*texts))
    if not parts:
        return {}
    found = parts[0].union(*parts[1:], all=True).order_by() if parts[1:] else parts[0]
    return {(kind, row): _PAGES[kind][3](name) for kind, row, name in found}
