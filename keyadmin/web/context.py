"""What the shell around every page shows. Values are read only when a template asks for them."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.http import urlencode
from django.utils.translation import gettext

from keyadmin.models import Organisation
from keyadmin.web.theme import theme_of
from keyadmin.web.visitors import Visitor, visitor_of


def shell(request: HttpRequest) -> dict[str, Any]:
    """theme; and for who has signed in: me, navigation, switcher."""
    lazy = {"me": _me, "navigation": _navigation, "switcher": _switcher}
    return {"theme": theme_of(request), **{name: _later(request, make) for name, make in lazy.items()}}


def _later(request: HttpRequest, make: Any) -> SimpleLazyObject:
    def value() -> Any:
        user = getattr(request, "user", None)
        return make(request, visitor_of(request)) if user is not None and user.is_authenticated else None

    return SimpleLazyObject(value)


def _me(request: HttpRequest, visitor: Visitor) -> dict[str, str]:
    return {"name": str(visitor.person), "email": visitor.person.email, "role": visitor.role_words}


def _navigation(request: HttpRequest, visitor: Visitor) -> list[dict[str, Any]]:
    """Only pages that exist, and only those the visitor may use."""
    if not visitor.reads:
        return []
    current = _current(request, visitor)
    keys = _item("keys", gettext("API keys"), "key-round", reverse("keys:list"), current)
    history = _item("history", gettext("History"), "history", reverse("history:list"), current)
    groups = [{"title": "", "items": [keys]}, {"title": gettext("Security"), "items": [history]}]
    if visitor.is_administrator:
        url = f"{reverse('keys:list')}?kind=master"
        master = _item("master-keys", gettext("Master User API keys"), "key-square", url, current)
        groups.append({"title": gettext("Admin"), "items": [master]})
    return groups


def _item(slug: str, label: str, icon: str, url: str, organisation: Organisation | None) -> dict[str, Any]:
    if organisation is not None:
        url += ("&" if "?" in url else "?") + urlencode({"organisation": organisation.slug})
    return {"slug": slug, "label": label, "icon": icon, "url": url, "count": None}


def _switcher(request: HttpRequest, visitor: Visitor) -> dict[str, Any] | None:
    if not visitor.organisations:
        return None
    current = _current(request, visitor)
    only = visitor.organisations[0] if len(visitor.organisations) == 1 and not visitor.person.system_role else None
    lists = (reverse("keys:list"), reverse("history:list"))
    base = request.path if request.path in lists else lists[0]
    choices = [] if only else [{"name": gettext("All organisations"), "url": base, "current": current is None}]
    for organisation in visitor.organisations:
        url = f"{base}?{urlencode({'organisation': organisation.slug})}"
        choices.append({"name": organisation.name, "url": url, "current": organisation == (current or only)})
    shown = current or only
    return {"current": _organisation(shown, visitor) if shown else None, "choices": choices}


def _organisation(organisation: Organisation, visitor: Visitor) -> dict[str, str]:
    membership = visitor.memberships.get(organisation.id)
    return {"name": organisation.name, "caption": str(membership.get_role_display()) if membership else ""}


def _current(request: HttpRequest, visitor: Visitor) -> Organisation | None:
    return visitor.organisation(request.GET.get("organisation", ""))
