"""A person's own page: name, theme, time zone, password, sessions."""

from allauth.core.internal import ratelimit
from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from keyadmin.core.errors import InvalidInputError
from keyadmin.forms.base import OperationForm
from keyadmin.forms.people import ChangePasswordForm, ProfileForm
from keyadmin.operations import people
from keyadmin.operations.people import passwords, sessions
from keyadmin.web.common import htmx, preferences
from keyadmin.web.common.current_user import get_current_user


@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponseBase:
    user = get_current_user(request)
    person = user.person
    initial = {"name": person.name, "time_zone": person.time_zone}
    form = ProfileForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        try:
            people.edit(actor=user.actor, person=person.id, **form.cleaned_data)
        except InvalidInputError as error:
            form.refuse(error)
        else:
            messages.success(request, gettext("Profile saved"))
            return redirect("profile")
    context = {"form": form, "person": person, "section": "profile"}
    return render(request, "profile/profile.html", context, status=htmx.form_status(form))


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Without scripts; with them, theme.js writes the same cookie at once."""
    response = redirect("profile")
    chosen = request.POST.get("theme", "")
    if chosen in preferences.THEMES:
        _set_preference(request, response, preferences.THEME_COOKIE, chosen)
    return response


@require_POST
def choose_shortcuts(request: HttpRequest) -> HttpResponse:
    response = redirect("profile")
    chosen = request.POST.get("shortcuts", "")
    if chosen in preferences.SHORTCUT_CHOICES:
        _set_preference(request, response, preferences.SHORTCUTS_COOKIE, chosen)
    return response


def _set_preference(request: HttpRequest, response: HttpResponse, cookie: str, value: str) -> None:
    max_age = preferences.COOKIE_MAX_AGE_SECONDS
    response.set_cookie(cookie, value, max_age=max_age, samesite="Lax", secure=request.is_secure())


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("current", "password")
def password(request: HttpRequest) -> HttpResponseBase:
    """Ends all sessions but this one. Guesses of the present password are limited as the library limits them."""
    user = get_current_user(request)
    if request.method == "POST" and not _may_guess(request):
        return htmx.error_response(request, 429, "429.html", htmx.too_many_attempts_message(60), retry_after=60)
    form = ChangePasswordForm(request.POST if request.method == "POST" else None, person=user.person)
    if form.is_valid():
        try:
            changed = passwords.change(actor=user.actor, person=user.person.id, password=form.cleaned_data["password"])
        except InvalidInputError as error:
            form.refuse(error)
        else:
            update_session_auth_hash(request, changed)
            return htmx.redirect_to(
                request, gettext("Password changed. Other sessions have ended."), reverse("profile")
            )
    context = {"form": form, "action": reverse("change_password"), "back_url": reverse("profile")}
    return render(request, "profile/password.html", context | {"section": "profile"}, status=htmx.form_status(form))


def _may_guess(request: HttpRequest) -> bool:
    person = get_current_user(request).person
    return bool(ratelimit.consume(request, app="allauth.account", action="change_password", user=person))


@require_http_methods(["GET", "HEAD", "POST"])
def sign_out_everywhere(request: HttpRequest) -> HttpResponseBase:
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
