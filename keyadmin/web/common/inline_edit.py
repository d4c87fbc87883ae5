"""The description of a key or a bot, edited in place on its page.

GET returns the field. For Cancel, htmx sends `?shown` and gets the text instead. Without htmx, the field is a page of
its own. Pages include the text with `{% include "_description.html" %}`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django_htmx.http import trigger_client_event

from keyadmin.core.errors import InvalidInputError
from keyadmin.forms.base import DescriptionForm
from keyadmin.operations.validation import WHOLE_REQUEST
from keyadmin.web.common import htmx


@dataclass(frozen=True, slots=True)
class InlineDescription:
    """The edited row, and URLs. `list_url` and `list_label` are for the breadcrumb of the page with the field."""

    #: A model instance with `name`, `description` and `revision`.
    row: Any
    edit_url: str
    page_url: str
    list_url: str
    list_label: str
    section: str

    def edit(self, request: HttpRequest, operation: Callable[..., Any]) -> HttpResponseBase:
        """The response to GET or POST. To save it calls `operation(revision=…, description=…)`, which returns the row.

        If the description was changed after the field was opened, nothing is saved: the status is 409, the field
        keeps the submitted text, and the message shows the other text. Changes of other fields have no effect.
        """
        row = self.row
        if request.method != "POST":
            if htmx.is_htmx(request) and "shown" in request.GET:
                return self._text_response(request, row)
            return self._field_response(
                request, DescriptionForm(initial={"description": row.description, "original": row.description})
            )
        form = DescriptionForm(request.POST)
        if not form.is_valid():
            return self._field_response(request, form, status=422)
        if form.cleaned_data["original"] != row.description:
            return self._conflict_response(request, form.cleaned_data["description"])
        try:
            row = operation(revision=row.revision, description=form.cleaned_data["description"])
        except InvalidInputError as error:
            if WHOLE_REQUEST in error.errors:
                return self._text_response(request, row)
            form.add_operation_errors(error)
            return self._field_response(request, form, status=422)
        return self._text_response(request, row, gettext("Description saved"))

    def _text_response(self, request: HttpRequest, row: Any, message: str = "") -> HttpResponseBase:
        if not htmx.is_htmx(request):
            if message:
                messages.success(request, message)
            return redirect(self.page_url)
        context = {"description": row.description, "edit_url": self.edit_url, "is_editable": True, "has_focus": True}
        response = render(request, "_description.html", context)
        return trigger_client_event(response, "toast", {"message": message}) if message else response

    def _field_response(self, request: HttpRequest, form: DescriptionForm, status: int = 200) -> HttpResponse:
        part = "#form" if htmx.is_htmx(request) else ""
        context = {"inline": self, "form": form, "section": self.section}
        return render(request, f"description.html{part}", context, status=status)

    def _conflict_response(self, request: HttpRequest, typed: str) -> HttpResponse:
        """The field with an error. If the user submits it again, the text replaces that of the other person."""
        form = DescriptionForm({"description": typed, "original": self.row.description})
        message = gettext("Someone else changed it to “%(text)s”. Press Enter to replace it with yours.")
        form.add_error("description", message % {"text": self.row.description})
        return self._field_response(request, form, status=409)
