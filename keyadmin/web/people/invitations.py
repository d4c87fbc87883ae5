"""Links by which people choose a password: made in a dialog, mailed where there is a mail server, and followed."""

from smtplib import SMTPException
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.core.mail import send_mail
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods
from django_htmx.http import trigger_client_event

from keyadmin.core.errors import ConflictError, InvalidInputError, NotFoundError
from keyadmin.forms.base import OperationForm
from keyadmin.forms.people import InviteForm, PasswordForm
from keyadmin.models import AccountStatus, Role
from keyadmin.operations import people, policy
from keyadmin.operations.people import Invited, passwords
from keyadmin.operations.policy import Permission
from keyadmin.web.common import actors, htmx
from keyadmin.web.common.current_user import CurrentUser, get_current_user
from keyadmin.web.people import actions, table

_PRINTED: Final = "django.core.mail.backends.console.EmailBackend"
#: What the list of people listens to.
PEOPLE_CHANGED = "people:changed"


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("invited")
def invite(request: HttpRequest) -> HttpResponseBase:
    user = get_current_user(request)
    form = _form(request, user)
    if form.is_valid():
        try:
            invited = people.invite(actor=user.actor, **form.values())
        except InvalidInputError as error:
            form.refuse(error)
        else:
            return _invited(request, form, invited)
    context = {"form": form, "action": request.path, "back_url": reverse("people:list"), "section": "people"}
    return render(request, "people/invite.html", context, status=htmx.form_status(form))


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("made")
def link(request: HttpRequest, person: UUID) -> HttpResponseBase:
    """A new link for who was invited, or has forgotten their password; earlier ones end."""
    user = get_current_user(request)
    row = actions.managed(user, person)
    if not row.is_active:
        raise ConflictError(gettext("%(person)s is deactivated. Reactivate them first.") % {"person": row})
    if request.method == "POST":
        made = people.make_link(actor=user.actor, person=row.id)
        return _shown(request, made, is_invitation=row.account_status == AccountStatus.INVITED)
    context = {
        "person": row,
        "form": OperationForm(None),
        "is_invitation": row.account_status == AccountStatus.INVITED,
        "action": request.path,
        "back_url": actions.page_of(row),
        "section": "people",
    }
    return render(request, "people/link.html", context)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("token")
@sensitive_post_parameters("password")
def choose(request: HttpRequest, token: str) -> HttpResponseBase:
    """The page that a link leads to. Looking at it uses nothing up."""
    try:
        person = passwords.read(token)
        form = PasswordForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            actor = actors.person_actor(request, person)
            passwords.choose(actor=actor, token=token, password=form.cleaned_data["password"])
            return _to_sign_in(request)
    except passwords.LinkUsedError as error:
        return render(request, "account/link_ended.html", {"reason": error.message}, status=410)
    except InvalidInputError as error:
        form.refuse(error)
    is_invitation = person.account_status == AccountStatus.INVITED
    context = {"form": form, "person": person, "is_invitation": is_invitation, "action": request.path}
    return render(request, "account/choose_password.html", context, status=htmx.form_status(form))


def _form(request: HttpRequest, user: CurrentUser) -> InviteForm:
    """Offers the organisations whose people the user manages, that of the page behind first."""
    offered = table.managed(user)
    if not offered and not user.is_administrator:
        raise _may_not_invite(user)
    current_slug = htmx.current_organisation_slug(request)
    chosen = next((o for o in offered if o.slug == current_slug), None)
    chosen = chosen or (offered[0] if len(offered) == 1 else None)
    return InviteForm(
        request.POST if request.method == "POST" else None,
        organisations=offered,
        may_give_system_role=user.is_administrator,
        initial={"role": Role.MEMBER, "organisation": chosen.id if chosen else None},
    )


def _may_not_invite(user: CurrentUser) -> Exception:
    if not user.organisations:
        return NotFoundError()
    return policy.forbidden(Permission.MANAGE_PEOPLE, Permission.MANAGE_PEOPLE, user.organisations[0])


@sensitive_variables("invited")
def _invited(request: HttpRequest, form: InviteForm, invited: Invited) -> HttpResponseBase:
    if invited.token:
        return _shown(request, invited, is_invitation=True)
    # Whoever was here already is called by what was typed: the inviter may not know more of them.
    words = gettext("%(email)s has an account already, and has the role now.") % {"email": form.cleaned_data["email"]}
    return htmx.redirect_to(request, words, reverse("people:list"))


@sensitive_variables("made", "url")
def _shown(request: HttpRequest, made: Invited, *, is_invitation: bool) -> HttpResponse:
    """The one response that holds the link."""
    url = request.build_absolute_uri(reverse("choose_password", args=[made.token]))
    context = {
        "person": made.person,
        "link": url,
        "days": passwords.LIFE.days,
        "is_invitation": is_invitation,
        "mailed": _mail(request, made.person, url, is_invitation=is_invitation),
        "section": "people",
        "back_url": actions.page_of(made.person),
    }
    return trigger_client_event(render(request, "people/link_made.html", context), PEOPLE_CHANGED, {}, after="swap")


@sensitive_variables("url")
def _mail(request: HttpRequest, person: Any, url: str, *, is_invitation: bool) -> str:
    """ "sent", "failed" or, without a mail server, "". A link is never printed where mail is."""
    if settings.MAILERS["default"]["BACKEND"] == _PRINTED:
        return ""
    sender = str(request.user)
    context = {"person": person, "link": url, "days": passwords.LIFE.days, "sender": sender}
    subject = gettext("Your keyadmin account") if is_invitation else gettext("Choose a new keyadmin password")
    template = "people/mail/invitation.txt" if is_invitation else "people/mail/password.txt"
    try:
        send_mail(subject, render_to_string(template, context), None, [person.email])
    except (OSError, SMTPException):
        return "failed"
    return "sent"


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        logout(request)
    messages.success(request, gettext("Password saved. Sign in with it."))
    return redirect("account_login")
