"""Password reset by mail, with the views of django-allauth. Each step records an event in its transaction."""

from typing import Any

from allauth.account.forms import ResetPasswordForm
from allauth.account.views import PasswordResetFromKeyView, PasswordResetView
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext

from keyadmin.operations.people import passwords
from keyadmin.web.common import actors


class RequestResetForm(ResetPasswordForm):
    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        """Queue the mail. `users` holds the active person with the address, if there is one.

        The library's own method sends the mail during the request. The response time would then reveal which addresses
        have an account.
        """
        passwords.request_reset(
            actor=actors.anonymous_actor(request, gettext("Not signed in")),
            person=self.users[0].pk if self.users else None,
            base_url=request.build_absolute_uri("/").rstrip("/"),
        )
        email: str = self.cleaned_data["email"]
        return email


class RequestResetView(PasswordResetView):
    form_class = RequestResetForm


class ResetPasswordView(PasswordResetFromKeyView):
    def form_valid(self, form: Any) -> HttpResponse:
        """Save the password and its event in one transaction. The receiver of allauth's signal records the event."""
        with transaction.atomic():
            response: HttpResponse = super().form_valid(form)
        return response


request_reset = RequestResetView.as_view()
reset_password = ResetPasswordView.as_view()
