"""The signed-in person's own page: name, time zone, theme, shortcuts, password and sessions."""

from allauth.core.internal import ratelimit
from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from keyadmin.core.errors import InvalidInputError
from keyadmin.forms.base import OperationForm
from keyadmin.forms.people import ChangePasswordForm, ProfileForm
from keyadmin.models import Person
from keyadmin.operations import outbox, people
from keyadmin.operations.people import invitations, passwords, sessions
from keyadmin.web.common import errors, htmx, preferences
from keyadmin.web.common.current_user import PageRequest, get_current_user

#: Retry-After of a 429. django-allauth's limit is 5 attempts a minute.
_RETRY_AFTER_SECONDS = 60


@require_safe
def resume_session(request: PageRequest) -> JsonResponse:
    """After a sign-in over a page: whose session it is, and the token for the forms of the page (feedback.js)."""
    return JsonResponse({"person": str(get_current_user(request).person.id), "token": get_token(request)})


@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: PageRequest) -> HttpResponseBase:
    user = get_current_user(request)
    person = user.person
    initial = {"name": person.name, "time_zone": person.time_zone}
    form = ProfileForm(htmx.submitted(request), initial=initial)
    if form.is_valid():
        try:
            people.edit(actor=user.actor, person=person.id, **form.cleaned_data)
        except InvalidInputError as error:
            form.add_operation_errors(error)
        else:
            messages.success(request, gettext("Profile saved"))
            return redirect("profile")
    context = {
        "form": form,
        "person": person,
        "memberships": list(user.memberships.values()),
        "invitations": invitations.of_person(person),
        "has_mail": outbox.has_mail_server(),
        "section": "profile",
    }
    return render(request, "profile/profile.html", context, status=htmx.form_status(form))


@require_POST
def choose_theme(request: PageRequest) -> HttpResponse:
    """Set the theme's cookie for a browser without JavaScript. With JavaScript, page.js sets it."""
    response = redirect("profile")
    theme = request.POST.get("theme", "")
    if theme in preferences.THEMES:
        _set_cookie(request, response, preferences.THEME_COOKIE, theme)
    return response


@require_POST
def choose_shortcuts(request: PageRequest) -> HttpResponse:
    """Switch single-key shortcuts on or off, by a cookie."""
    response = redirect("profile")
    choice = request.POST.get("shortcuts", "")
    if choice in preferences.SHORTCUT_CHOICES:
        _set_cookie(request, response, preferences.SHORTCUTS_COOKIE, choice)
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("current", "password")
def change_password(request: PageRequest) -> HttpResponseBase:
    """Change the password and end all other sessions. django-allauth limits attempts at the current password."""
    user = get_current_user(request)
    if request.method == "POST" and not _consume_attempt(request, user.person):
        return errors.too_many_attempts_response(request, _RETRY_AFTER_SECONDS)
    form = ChangePasswordForm(htmx.submitted(request), person=user.person)
    if form.is_valid():
        try:
            person = passwords.change(actor=user.actor, person=user.person.id, password=form.cleaned_data["password"])
        except InvalidInputError as error:
            form.add_operation_errors(error)
        else:
            update_session_auth_hash(request, person)
            return htmx.redirect_to(
                request, gettext("Password changed. Other sessions have ended."), reverse("profile")
            )
    context = {
        "form": form,
        "action": reverse("change_password"),
        "back_url": reverse("profile"),
        "section": "profile",
    }
    return render(request, "profile/password.html", context, status=htmx.form_status(form))


@require_http_methods(["GET", "HEAD", "POST"])
def sign_out_everywhere(request: PageRequest) -> HttpResponseBase:
    user = get_current_user(request)
    if request.method == "POST":
        sessions.end_all(actor=user.actor)
        logout(request)
        return htmx.redirect_to(request, gettext("Signed out everywhere"), reverse("account_login"))
    context = {
        "form": OperationForm(None),
        "action": reverse("sign_out_everywhere"),
        "back_url": reverse("profile"),
        "section": "profile",
    }
    return render(request, "profile/sign_out.html", context)


def _set_cookie(request: HttpRequest, response: HttpResponse, name: str, value: str) -> None:
    max_age = preferences.COOKIE_MAX_AGE_SECONDS
    response.set_cookie(name, value, max_age=max_age, samesite="Lax", secure=request.is_secure())


def _consume_attempt(request: PageRequest, person: Person) -> bool:
    """Count an attempt to change the password; False if the limit is reached."""
    return bool(ratelimit.consume(request, app="allauth.account", action="change_password", user=person))
