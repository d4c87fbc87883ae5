"""Invitations and password links: create one, mail it, end it, and choose a password with it."""

from typing import Any, Final
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

from keyadmin.core.errors import ConflictError, InvalidInputError, NotFoundError
from keyadmin.forms.base import OperationForm
from keyadmin.forms.people import InviteForm, PasswordForm
from keyadmin.models import AccountStatus, Invitation, LinkPurpose, Membership, PasswordLink, Role
from keyadmin.operations import people, policy
from keyadmin.operations.people import invitations, links, passwords
from keyadmin.operations.people.links import FoundLink, LinkEndedError
from keyadmin.operations.policy import Permission
from keyadmin.web.account import devices
from keyadmin.web.common import actors, htmx
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user
from keyadmin.web.people.actions import get_manageable_person, person_url
from keyadmin.web.people.views import managed_organisations

#: The event that makes the list of people reload its rows.
PEOPLE_CHANGED: Final = "people:changed"


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("made")
def invite(request: PageRequest) -> HttpResponseBase:
    user = get_current_user(request)
    form = _invite_form(request, user)
    if form.is_valid():
        try:
            made = invitations.invite(actor=user.actor, base_url=actors.site_url(request), **form.values())
        except InvalidInputError as error:
            form.add_operation_errors(error)
        except ConflictError as error:
            form.add_error(None, error.message)
        else:
            return _show_invitation(request, made)
    context = {"form": form, "action": request.path, "back_url": reverse("people:list"), "section": "people"}
    return render(request, "people/invite.html", context, status=htmx.form_status(form))


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("made")
def renew_invitation(request: PageRequest, invitation_id: UUID) -> HttpResponseBase:
    """A new link of an invitation. It ends all earlier links."""
    user = get_current_user(request)
    invitation = _get_managed_invitation(user, invitation_id)
    form = OperationForm(htmx.submitted(request))
    if form.is_valid():
        try:
            made = invitations.renew(actor=user.actor, invitation=invitation.id, base_url=actors.site_url(request))
        except ConflictError as error:
            form.add_error(None, error.message)
        else:
            return _show_invitation(request, made)
    return _invitation_dialog(request, "people/renew_invitation.html", invitation, form)


@require_http_methods(["GET", "HEAD", "POST"])
def withdraw_invitation(request: PageRequest, invitation_id: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    invitation = _get_managed_invitation(user, invitation_id)
    if request.method == "POST":
        invitations.withdraw(actor=user.actor, invitation=invitation.id)
        message = gettext("Invitation of %(name)s withdrawn") % {"name": invitation.name}
        return htmx.redirect_to(request, message, reverse("people:list"))
    return _invitation_dialog(request, "people/withdraw_invitation.html", invitation, OperationForm(None))


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("made")
def create_link(request: PageRequest, person_id: UUID) -> HttpResponseBase:
    """A new link for a person who forgot their password. It ends the earlier ones that were made for them."""
    user = get_current_user(request)
    person = get_manageable_person(user, person_id)
    people.require_active(person)
    form = OperationForm(htmx.submitted(request))
    if form.is_valid():
        try:
            made = people.create_password_link(actor=user.actor, person=person.id, base_url=actors.site_url(request))
        except ConflictError as error:
            form.add_error(None, error.message)
        else:
            return _show_link(request, person, made)
    return _person_dialog(request, "people/link.html", person, form)


@require_http_methods(["GET", "HEAD", "POST"])
def end_link(request: PageRequest, person_id: UUID, link_id: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    person = get_manageable_person(user, person_id)
    if request.method == "POST":
        people.end_link(actor=user.actor, person=person.id, link=link_id)
        return htmx.redirect_to(request, gettext("Link ended"), person_url(person))
    if not PasswordLink.objects.filter(id=link_id, person=person).exists():
        raise NotFoundError
    return _person_dialog(request, "people/end_link.html", person, OperationForm(None))


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("made")
def verify_email(request: PageRequest, person_id: UUID) -> HttpResponseBase:
    """Mark the person's address as verified. The response has a link for them."""
    user = get_current_user(request)
    person = get_manageable_person(user, person_id)
    policy.require(user.actor, Permission.MANAGE_ALL_PEOPLE, None)
    if person.is_email_verified:
        raise ConflictError(gettext("This email address is already verified."))
    form = OperationForm(htmx.submitted(request))
    if form.is_valid():
        try:
            made = people.verify_email(actor=user.actor, person=person.id, base_url=actors.site_url(request))
        except ConflictError as error:
            form.add_error(None, error.message)
        else:
            return _show_link(request, person, made)
    return _person_dialog(request, "people/verify_email.html", person, form)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("token")
@sensitive_post_parameters("password")
def choose_password(request: PageRequest, token: str) -> HttpResponseBase:
    """The page that a link opens. A GET does not use the link up: mail scanners follow links."""
    form = PasswordForm(htmx.submitted(request))
    try:
        found = links.find(token)
        if form.is_valid():
            person = passwords.choose(
                actor=actors.anonymous_actor(request, gettext("Not signed in")),
                token=token,
                password=form.cleaned_data["password"],
                leave=_organisations_to_leave(request, found),
            )
            # A link that was shown to the maker of an invitation gets one answer, whether there is an account or not.
            is_saved = person is not None and (found.is_mailed or isinstance(found.link, PasswordLink))
            response = _redirect_to_sign_in(request, is_password_saved=is_saved)
            if person is not None:
                devices.remember(request, response, person)
            return response
    except LinkEndedError as error:
        return render(request, "account/link_ended.html", {"reason": error.message}, status=410)
    except ConflictError as error:
        form.add_error(None, error.message)
    except InvalidInputError as error:
        form.add_operation_errors(error)
    return render(
        request, "account/choose_password.html", _page_of_link(form, found, request), status=htmx.form_status(form)
    )


def _page_of_link(form: PasswordForm, found: FoundLink, request: PageRequest) -> dict[str, Any]:
    link, context = found.link, {"form": form, "action": request.path, "memberships": _memberships(found)}
    if isinstance(link, PasswordLink):
        person = link.person
        is_invitation = person.account_status == AccountStatus.INVITED
        email = link.email or person.email
        return context | {"email": email, "name": person.get_short_name(), "is_invitation": is_invitation}
    return context | {
        "email": link.email,
        "name": link.name.split(" ", 1)[0],
        "invitation": link,
        "is_invitation": True,
        # Only the reader of a mail may learn that the address has an account.
        "must_sign_in": found.is_mailed and found.person is not None and not found.is_first_proof,
        "may_sign_in": not found.is_mailed,
    }


def _memberships(found: FoundLink) -> list[Membership]:
    """The memberships that were set up before the address was verified, and that its owner may leave."""
    if not found.is_first_proof or found.person is None or found.person.is_email_verified:
        return []
    return list(found.person.memberships.select_related("organisation").order_by("organisation__name", "id"))


def _organisations_to_leave(request: PageRequest, found: FoundLink) -> list[UUID]:
    chosen = request.POST.getlist("leave")
    return [each.organisation_id for each in _memberships(found) if str(each.organisation_id) in chosen]


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


def _get_managed_invitation(user: CurrentUser, invitation_id: UUID) -> Invitation:
    """The invitation. Raises NotFoundError, and ForbiddenError for a user who may only read it."""
    rows = Invitation.objects.visible_to(user.actor).select_related("organisation")
    invitation: Invitation | None = rows.filter(id=invitation_id).first() if user.can_read_anything else None
    if invitation is None:
        raise NotFoundError
    owner = invitation.organisation
    policy.require(user.actor, Permission.MANAGE_PEOPLE if owner else Permission.MANAGE_ALL_PEOPLE, owner)
    if invitation.system_role:
        policy.require(user.actor, Permission.MANAGE_SYSTEM_ROLES, None)
    return invitation


@sensitive_variables("made", "url")
def _show_invitation(request: PageRequest, made: invitations.MadeInvitation) -> HttpResponse:
    context = {"name": made.invitation.name, "email": made.invitation.email, "is_invitation": True}
    days = links.INVITATION_LIFETIME.days
    return _show_token(request, made.token, made.is_mailed, days, reverse("people:list"), context)


@sensitive_variables("made")
def _show_link(request: PageRequest, person: Any, made: people.MadeLink) -> HttpResponse:
    is_invitation = person.account_status == AccountStatus.INVITED
    context = {"name": person.name, "email": person.email, "is_invitation": is_invitation}
    days = links.LIFETIMES[LinkPurpose.GIVEN].days
    return _show_token(request, made.token, made.is_mailed, days, person_url(person), context)


@sensitive_variables("token", "url")
def _show_token(
    request: PageRequest, token: str, is_mailed: bool, days: int, back_url: str, context: dict[str, Any]
) -> HttpResponse:
    """The only response that contains the link; it has none if the link was only mailed."""
    url = f"{actors.site_url(request)}{reverse('choose_password', args=[token])}" if token else ""
    context |= {"link": url, "days": days, "is_mailed": is_mailed, "section": "people", "back_url": back_url}
    response = render(request, "people/link_made.html", context)
    return trigger_client_event(response, PEOPLE_CHANGED, {}, after="swap")


def _invitation_dialog(
    request: PageRequest, template: str, invitation: Invitation, form: OperationForm
) -> HttpResponse:
    context = {"invitation": invitation, "back_url": reverse("people:list")}
    return _dialog(request, template, form, context)


def _person_dialog(request: PageRequest, template: str, person: Any, form: OperationForm) -> HttpResponse:
    is_invitation = person.account_status == AccountStatus.INVITED
    context = {"person": person, "is_invitation": is_invitation, "back_url": person_url(person)}
    return _dialog(request, template, form, context)


def _dialog(request: PageRequest, template: str, form: OperationForm, context: dict[str, Any]) -> HttpResponse:
    context |= {"form": form, "action": request.path, "section": "people"}
    return render(request, template, context, status=htmx.form_status(form))


def _redirect_to_sign_in(request: PageRequest, *, is_password_saved: bool) -> HttpResponse:
    if request.user.is_authenticated:
        logout(request)
    saved, unknown = gettext("Password saved. Sign in with it."), gettext("Sign in to continue.")
    messages.success(request, saved if is_password_saved else unknown)
    return redirect("account_login")
