"""Forms of accounts that differ from the library's."""

from typing import Any

from allauth.account.forms import ResetPasswordForm as LibraryForm
from allauth.account.internal.flows.password_reset import request_password_reset


class ResetPasswordForm(LibraryForm):
    """Writes to people only: an address that nobody has gets no letter, and the page says the same."""

    def save(self, request: Any, **kwargs: Any) -> str:
        email: str = self.cleaned_data["email"]
        if self.users:
            request_password_reset(request, email, self.users, kwargs.get("token_generator"))
        return email
