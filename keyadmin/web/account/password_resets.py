"""Resetting a forgotten password by mail, through django-allauth; history is told in the same transaction."""

from typing import Any

from allauth.account.forms import ResetPasswordForm
from allauth.account.views import PasswordResetFromKeyView, PasswordResetView
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext

from keyadmin.operations.people import passwords
from keyadmin.web.common import actors


class AskForm(ResetPasswordForm):
    _make_link = ResetPasswordForm.save

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        """`users` holds the active person with the address, if there is one. The adapter sends the letter later."""
        actor = actors.anonymous_actor(request, gettext("Not signed in"))
        passwords.ask_for_reset(actor=actor, person=self.users[0].pk if self.users else None)
        email: str = self._make_link(request, **kwargs)
        return email


class AskView(PasswordResetView):
    form_class = AskForm


class ChooseView(PasswordResetFromKeyView):
    def form_valid(self, form: Any) -> HttpResponse:
        """The library saves the password and then announces it."""
        with transaction.atomic():
            response: HttpResponse = super().form_valid(form)
        return response


ask = AskView.as_view()
choose = ChooseView.as_view()
