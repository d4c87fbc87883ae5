"""django-allauth's adapter for the sign-in pages.

There is no sign-up. A wrong password, an unknown email and a deactivated account get the same response.
"""

from typing import Any, Final

from allauth.core.exceptions import ImmediateHttpResponse
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from keyadmin.models import Person
from keyadmin.operations.people import invitations
from keyadmin.operations.people.sign_in import SignInAdapter
from keyadmin.web.account import devices
from keyadmin.web.common import errors

#: Messages of django-allauth that are not shown, because the next page shows that the person has signed in or out.
_HIDDEN_MESSAGES: Final = ("account/messages/logged_in.txt", "account/messages/logged_out.txt")


class AccountAdapter(SignInAdapter):
    """The class in the setting ACCOUNT_ADAPTER."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Respond with 429 to too many attempts, instead of an error on the form."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError as error:
            seconds = self.seconds_left(request, **credentials)
            raise ImmediateHttpResponse(errors.too_many_attempts_response(request, seconds, may_reset=True)) from error

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **kwargs)
        if isinstance(user, Person):
            devices.remember(request, response, user)
        return response

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """The page after sign-in, if the request names none: open invitations first."""
        person = request.user
        if isinstance(person, Person) and invitations.of_person(person):
            return reverse("invitations")
        url: str = super().get_login_redirect_url(request)
        return url

    def respond_user_inactive(self, request: HttpRequest, user: AbstractBaseUser) -> HttpResponse:
        return redirect("account_login")

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in _HIDDEN_MESSAGES:
            super().add_message(request, level, message_template, *args, **kwargs)
