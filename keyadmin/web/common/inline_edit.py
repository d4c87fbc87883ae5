"""Edits the description of a key or bot in place on its page.

The page shows the description as text (`_description.html`). A click on it requests the edit URL. With htmx, the
response is a form (`description.html#form`) that replaces the text; its Cancel button requests the edit URL with
`?cancel`, which returns the text. Without htmx, the response is a full page with the form.

The name of a key may follow its description. Then the page of the key is loaded again, because its title contains the
name, and other pages get KEYS_CHANGED.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

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
    """The row whose description is edited, and the URLs and labels that the templates need."""

    #: A model instance with `name`, `description` and `revision`.
    row: Any
    #: The URL of the view that calls `edit`.
    edit_url: str
    #: The page of the row, which shows the description.
    page_url: str
    #: The list of keys or bots, for the breadcrumb of the full page with the form.
    list_url: str
    list_label: str
    #: The slug of the sidebar's link that is marked as current.
    section: str

    def edit(self, request: HttpRequest, operation: Callable[..., Any]) -> HttpResponseBase:
        """The response to a GET or POST request.

        A POST calls `operation(revision=…, description=…)`, which saves the description and returns the row.

        If another person has changed the description since the form was opened, nothing is saved. The response then has
        status 409, and the form with the submitted text and a message that quotes the saved one. A change of another
        field of the row in the meantime is no conflict.
        """
        row = self.row
        if request.method != "POST":
            if htmx.is_htmx(request) and "cancel" in request.GET:
                return self._text_response(request, row)
            initial = {"description": row.description, "original": row.description}
            return self._form_response(request, DescriptionForm(initial=initial, auto_id=self._auto_id))
        form = DescriptionForm(request.POST, auto_id=self._auto_id)
        if not form.is_valid():
            return self._form_response(request, form, status=422)
        if form.cleaned_data["original"] != row.description:
            return self._conflict_response(request, form.cleaned_data["description"])
        try:
            saved = operation(revision=row.revision, description=form.cleaned_data["description"])
        except InvalidInputError as error:
            if WHOLE_REQUEST in error.errors:  # the description was submitted unchanged
                return self._text_response(request, row)
            form.add_operation_errors(error)
            return self._form_response(request, form, status=422)
        if saved.name == row.name:
            return self._text_response(request, saved, gettext("Description saved"))
        message = gettext("Description saved, and the name with it")
        if htmx.is_htmx(request) and htmx.current_page_url(request).partition("?")[0] != self.page_url:
            text = self._text_response(request, saved, message)
            return trigger_client_event(cast("HttpResponse", text), htmx.KEYS_CHANGED, {}, after="settle")
        return htmx.redirect_to(request, message, self.page_url)

    @property
    def _auto_id(self) -> str:
        """The pattern of the ids of fields, because a page may have several of these forms."""
        return f"id_%s_{self.row.id}"

    def _text_response(self, request: HttpRequest, row: Any, message: str = "") -> HttpResponseBase:
        if not htmx.is_htmx(request):
            if message:
                messages.success(request, message)
            return redirect(self.page_url)
        context = {"row": row, "edit_url": self.edit_url, "is_editable": True, "has_focus": True}
        response = render(request, "_description.html", context)
        return trigger_client_event(response, "toast", {"message": message}) if message else response

    def _form_response(self, request: HttpRequest, form: DescriptionForm, status: int = 200) -> HttpResponse:
        part = "#form" if htmx.is_htmx(request) else ""
        context = {"inline": self, "form": form, "section": self.section}
        return render(request, f"description.html{part}", context, status=status)

    def _conflict_response(self, request: HttpRequest, typed: str) -> HttpResponse:
        """The form with the text that the user typed, and an error that quotes the description saved meanwhile.

        The form now contains the saved description as the original. If the user submits it again, their text is saved.
        """
        form = DescriptionForm({"description": typed, "original": self.row.description}, auto_id=self._auto_id)
        message = gettext("Someone else changed it to “%(text)s”. Press Enter to replace it with yours.")
        form.add_error("description", message % {"text": self.row.description})
        return self._form_response(request, form, status=409)
