"""Disabling and enabling: the same two dialogs for a bot and for an organisation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from keyadmin.forms.switches import SwitchForm
from keyadmin.operations.errors import Invalid
from keyadmin.web import answers


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
        except Invalid as error:
            form.refuse(error)
        else:
            return answers.gone_to(request, switch.done, switch.page)
    return render(request, template, {"form": form, "switch": switch, **context}, status=answers.status_of(form))
