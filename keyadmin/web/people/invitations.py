"""Invitation and password links: create one, mail it, and choose a password with it."""

from typing import Final
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods
from django_htmx.http import trigger_client_event

from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.forms.base import OperationForm
from keyadmin.forms.people import InviteForm, PasswordForm
from keyadmin.models import AccountStatus, Role
from keyadmin.operations import outbox, people, policy
from keyadmin.operations.people import InvitedPerson, passwords
from keyadmin.operations.policy import Permission
from keyadmin.web.common import actors, htmx
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user
from keyadmin.web.people.actions import get_manageable_person, person_url
from keyadmin.web.people.views import managed_organisations

#: The event that makes the list of people reload its rows.
PEOPLE_CHANGED: Final = "people:changed"


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("invited")
def invite(request: PageRequest) -> HttpResponseBase:
    user = get_current_user(request)
    form = _invite_form(request, user)
    if form.is_valid():
        try:
            invited = people.invite(actor=user.actor, mail_base_url=_base_url(request), **form.values())
        except InvalidInputError as error:
            form.add_operation_errors(error)
        else:
            if invited.token:
                return _show_link(request, invited, is_invitation=True)
            # The person already has an account. The message repeats the submitted email, because the inviter may not
            # be permitted to see the person's name.
            message = gettext("%(email)s already has an account and now has this role.")
            return htmx.redirect_to(request, message % {"email": form.cleaned_data["email"]}, reverse("people:list"))
    context = {"form": form, "action": request.path, "back_url": reverse("people:list"), "section": "people"}
    return render(request, "people/invite.html", context, status=htmx.form_status(form))


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("created")
def create_link(request: PageRequest, person_id: UUID) -> HttpResponseBase:
    """A new link for a person who was invited or forgot their password. It ends all earlier links."""
    user = get_current_user(request)
    person = get_manageable_person(user, person_id)
    is_invitation = person.account_status == AccountStatus.INVITED
    people.require_active(person)
    if request.method == "POST":
        created = people.create_password_link(actor=user.actor, person=person.id, mail_base_url=_base_url(request))
        return _show_link(request, created, is_invitation=is_invitation)
    context = {
        "person": person,
        "form": OperationForm(None),
        "is_invitation": is_invitation,
        "action": request.path,
        "back_url": person_url(person),
        "section": "people",
    }
    return render(request, "people/link.html", context)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("token")
@sensitive_post_parameters("password")
def choose_password(request: PageRequest, token: str) -> HttpResponseBase:
    """The page that a link opens. A GET does not invalidate the link, because mail scanners follow links."""
    try:
        person = passwords.person_of(token)
        form = PasswordForm(htmx.submitted(request))
        if form.is_valid():
            actor = actors.person_actor(request, person)
            passwords.choose(actor=actor, token=token, password=form.cleaned_data["password"])
            return _redirect_to_sign_in(request)
    except passwords.LinkUsedError as error:
        return render(request, "account/link_ended.html", {"reason": error.message}, status=410)
    except InvalidInputError as error:
        form.add_operation_errors(error)
    is_invitation = person.account_status == AccountStatus.INVITED
    context = {"form": form, "person": person, "is_invitation": is_invitation, "action": request.path}
    return render(request, "account/choose_password.html", context, status=htmx.form_status(form))


def _invite_form(request: PageRequest, user: CurrentUser) -> InviteForm:
    """The form with the organisations whose people the user manages.

    It preselects the only organisation, or the one that the page behind the dialog is filtered by. Raises
    ForbiddenError if the user may invite to no organisation, and NotFoundError if they may not read any.
    """
    organisations = managed_organisations(user)
    if not organisations and not user.is_administrator:
        if not user.organisations:
            raise NotFoundError
        raise policy.forbidden(Permission.MANAGE_PEOPLE, Permission.MANAGE_PEOPLE, user.organisations[0])
    slug = htmx.current_organisation_slug(request)
    selected = next((organisation for organisation in organisations if organisation.slug == slug), None)
    if selected is None and len(organisations) == 1:
        selected = organisations[0]
    return InviteForm(
        htmx.submitted(request),
        organisations=organisations,
        may_give_system_role=user.is_administrator,
        initial={"role": Role.MEMBER, "organisation": selected.id if selected else None},
    )


@sensitive_variables("created", "url")
def _show_link(request: PageRequest, created: InvitedPerson, *, is_invitation: bool) -> HttpResponse:
    """The only response that shows the link."""
    url = request.build_absolute_uri(reverse("choose_password", args=[created.token]))
    context = {
        "person": created.person,
        "link": url,
        "days": passwords.LINK_LIFETIME.days,
        "is_invitation": is_invitation,
        "is_mailed": outbox.has_mail_server(),
        "section": "people",
        "back_url": person_url(created.person),
    }
    response = render(request, "people/link_made.html", context)
    return trigger_client_event(response, PEOPLE_CHANGED, {}, after="swap")


def _base_url(request: PageRequest) -> str:
    """The scheme and host of the pages, for links in mails."""
    return request.build_absolute_uri("/").rstrip("/")


def _redirect_to_sign_in(request: PageRequest) -> HttpResponse:
    if request.user.is_authenticated:
        logout(request)
    messages.success(request, gettext("Password saved. Sign in with it."))
    return redirect("account_login")
