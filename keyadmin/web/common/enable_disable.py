"""The dialogs that disable and enable a bot or an organisation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from keyadmin.core.errors import InvalidInputError
from keyadmin.forms.base import ReasonForm
from keyadmin.web.common import htmx


@dataclass(frozen=True, slots=True)
class EnableDisableDialog:
    """Texts and URLs of the dialog; the template reads it as `dialog`."""

    owner_name: str
    owner_url: str
    action_url: str
    submit_label: str
    success_message: str


def enable_disable_dialog(
    request: HttpRequest,
    template: str,
    dialog: EnableDisableDialog,
    operation: Callable[..., Any],
    context: dict[str, Any],
) -> HttpResponseBase:
    """Show the dialog; on POST call `operation(reason=…)` and load the page of the bot or organisation (the owner)."""
    form = ReasonForm(htmx.submitted(request))
    if form.is_valid():
        try:
            operation(reason=form.cleaned_data["reason"])
        except InvalidInputError as error:
            form.add_operation_errors(error)
        else:
            return htmx.redirect_to(request, dialog.success_message, dialog.owner_url)
    values = {"form": form, "dialog": dialog, "action": dialog.action_url, "back_url": dialog.owner_url}
    return render(request, template, values | context, status=htmx.form_status(form))
