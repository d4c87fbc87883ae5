"""Pages of history: nothing here can be edited or removed."""

from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from keyadmin.forms import filters
from keyadmin.forms.filters import HistoryFilters
from keyadmin.models import ChainCheck, Event, Verb
from keyadmin.models.event_search import BIGGEST, Found
from keyadmin.models.event_terms import Wanted
from keyadmin.operations.errors import NotFound
from keyadmin.web import answers, links
from keyadmin.web.visitors import Visitor, visitor_of

SIZE: Final = 50


@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    visitor = visitor_of(request)
    if not visitor.reads:
        return render(request, "nothing.html", status=403)
    wanted, chosen = asked(request, visitor)
    part = "#rows" if answers.is_htmx(request) else ""
    return render(request, f"history/list.html{part}", _page(request, Found.of(visitor.actor, wanted), chosen))


@require_safe
def event(request: HttpRequest, number: int) -> HttpResponse:
    """One event in a panel beside the list; its neighbours are those that the filters leave."""
    visitor = visitor_of(request)
    wanted, chosen = asked(request, visitor)
    readable = Event.objects.visible_to(visitor.actor)
    row = readable.filter(number=number).first() if number <= BIGGEST else None
    if row is None:
        raise NotFound
    found = Found.of(visitor.actor, wanted)
    query = _kept(request, chosen)
    context = {
        "event": row,
        "target_url": _target_url(row),
        "previous_url": _neighbour(found.beyond(number, ascending=True, most=1), query),
        "next_url": _neighbour(found.beyond(number, most=1), query),
        "query_string": links.link("", query),
    }
    if answers.is_htmx(request):
        return render(request, "history/detail.html", context)
    return render(request, "history/list.html", _page(request, found, chosen) | context)


def asked(request: HttpRequest, visitor: Visitor) -> tuple[Wanted, dict[str, Any]]:
    """What the filters in the address ask for, as far as they can be read, and their values."""
    chosen = HistoryFilters(request.GET).accepted()
    slug = chosen.get("organisation", "")
    organisation = visitor.organisation(slug)
    if slug and organisation is None:
        raise NotFound
    return filters.wanted(chosen, organisation.id if organisation else None), chosen


def _page(request: HttpRequest, found: Found, chosen: dict[str, Any]) -> dict[str, Any]:
    path, query = reverse("history:list"), links.as_typed(chosen)
    page = found.page(request.GET.get("cursor", ""), SIZE)
    return {
        "events": page.rows,
        "page": {
            "newer_url": links.link(path, query, cursor=page.before) if page.before else "",
            "older_url": links.link(path, query, cursor=page.after) if page.after else "",
        },
        "query": query,
        "query_string": links.link("", _kept(request, chosen)),
        "actions": Verb.choices,
        "filters": _chips(path, query, page.rows),
        "export_url": links.link(reverse("history:export"), query),
        "is_filtered": bool(chosen.keys() - {"organisation"}),
        "section": "history",
        "chain": ChainCheck.objects.first(),
    }


def _kept(request: HttpRequest, chosen: dict[str, Any]) -> dict[str, str]:
    """What a link to an event carries, so that closing it leads back to the same page of the list."""
    return links.as_typed(chosen) | {"cursor": request.GET.get("cursor", "")[:600]}


def _neighbour(events: QuerySet[Any], query: dict[str, str]) -> str:
    number = next(iter(events.values_list("number", flat=True)), None)
    return links.link(reverse("history:event", args=[number]), query) if number is not None else ""


def _chips(path: str, query: dict[str, str], rows: list[Any]) -> list[dict[str, str]]:
    """The filters in force, but for the text, which its own field shows, and the organisation, the switcher's."""
    labels = {name: str(field.label) for name, field in HistoryFilters.base_fields.items()}
    shown = {name: value for name, value in query.items() if name not in ("q", "organisation")}
    return [
        {
            "label": labels[name],
            "value": _in_words(name, value, rows),
            "remove_url": links.link(path, query, **{name: ""}),
        }
        for name, value in shown.items()
    ]


def _in_words(name: str, value: str, rows: list[Any]) -> str:
    """An action by its label, an id by the name that the rows found give it."""
    if name == "action":
        return str(Verb(value).label)
    if name in ("actor", "target") and rows and _is_id(value):
        return str(getattr(rows[0], f"{name}_label"))
    return value


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _target_url(row: Event) -> str:
    """Deleted keys have a page too: it says what became of them."""
    return reverse("keys:detail", args=[row.target_id]) if row.target_kind == "key" and _is_id(row.target_id) else ""
