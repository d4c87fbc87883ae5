"""The one response that shows a secret, and what a second one says instead."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_variables
from django_htmx.http import trigger_client_event

from keyadmin.conf import conf
from keyadmin.models import Key
from keyadmin.operations import keys as operations
from keyadmin.web.common import htmx
from keyadmin.web.common.current_user import CurrentUser
from keyadmin.web.keys import table


@sensitive_variables("issued")
def reveal(request: HttpRequest, issued: operations.Issued, **context: Any) -> HttpResponse:
    """Nothing of the secret may outlive this response. `context`: regenerated, section, back_url."""
    key = issued.key
    base_url = conf.base_url or request.build_absolute_uri("/")
    values = {
        "key": key,
        "token": issued.token,
        "base_url": base_url.rstrip("/"),
        "scope_words": ", ".join(key.scopes.values_list("label", flat=True)),
        "network_count": key.allow_list.count(),
        "channels": ", ".join(key.channels.order_by("slug").values_list("slug", flat=True)),
        "section": "keys",
    }
    response = render(request, "keys/reveal.html", values | context)
    return trigger_client_event(response, htmx.KEYS_CHANGED, {}, after="swap")


def already_shown(request: HttpRequest, user: CurrentUser, key: str) -> HttpResponse:
    """The same form again. 200, since htmx shows nothing of a 4xx."""
    keys = Key.objects.visible_to(user.actor).with_status().select_related("organisation", "bot")
    row = keys.filter(id=key).first()
    may_regenerate = bool(row and table.may(row, user)["regenerate"])
    context = {"key": row, "may_regenerate": may_regenerate, "section": "keys"}
    return render(request, "keys/shown.html", context)
