"""Signing in, through django-allauth: nobody signs up, and wrong, unknown and deactivated look alike."""

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sites.shortcuts import get_current_site
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from keyadmin.operations.people.sign_in import SignInAdapter
from keyadmin.web.account import mail
from keyadmin.web.common import htmx

_SILENT = ("account/messages/logged_in.txt", "account/messages/logged_out.txt")


class AccountAdapter(SignInAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError as error:
            raise ImmediateHttpResponse(self._throttled(request, **credentials)) from error

    def respond_user_inactive(self, request: HttpRequest, user: AbstractBaseUser) -> HttpResponse:
        return redirect("account_login")

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """After the response, which must not tell whether there was anybody to write to."""
        given = context | {"email": email, "current_site": get_current_site(self.request)}
        given.pop("request", None)  # the letter is written when the request is over
        mail.post(lambda: self.render_mail(template_prefix, email, given))

    def format_email_subject(self, subject: str) -> str:
        """The library's own asks for the running request, of which there is none when a letter is written."""
        return f"[{get_current_site(self.request).name}] {subject}"

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Signing in and out need no words: the page that follows says it."""
        if message_template not in _SILENT:
            super().add_message(request, level, message_template, *args, **kwargs)

    def _throttled(self, request: HttpRequest, **credentials: Any) -> HttpResponse:
        seconds = self.seconds_left(request, **credentials)
        message = htmx.too_many_attempts_message(seconds)
        response = htmx.error_response(request, 429, "429.html", message, retry_after=seconds)
        response["Retry-After"] = str(seconds)
        return response
