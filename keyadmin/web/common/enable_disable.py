"""Disabling and enabling: the same two dialogs for a bot and for an organisation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from keyadmin.core.errors import InvalidInputError
from keyadmin.forms.switches import SwitchForm
from keyadmin.web.common import htmx


@dataclass(frozen=True, slots=True)
class Switch:
    """Whose it is, by name; the owner's `page`; where the dialog posts; its button and what it says when done."""

    name: str
    page: str
    action: str
    button: str
    done: str


def asked(
    request: HttpRequest, template: str, switch: Switch, act: Callable[..., Any], context: dict[str, Any]
) -> HttpResponseBase:
    """The dialog, or after its POST the owner's page. `act` is the operation, still without the reason."""
    form = SwitchForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            act(reason=form.cleaned_data["reason"])
        except InvalidInputError as error:
            form.refuse(error)
        else:
            return htmx.gone_to(request, switch.done, switch.page)
    return render(request, template, {"form": form, "switch": switch, **context}, status=htmx.status_of(form))
