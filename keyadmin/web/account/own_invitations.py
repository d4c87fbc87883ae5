"""The signed-in person's own invitations and memberships, and the proof of their email address."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from keyadmin.core.errors import ConflictError, NotFoundError
from keyadmin.forms.base import OperationForm
from keyadmin.operations import outbox, people
from keyadmin.operations.people import invitations, sessions
from keyadmin.web.common import actors, htmx
from keyadmin.web.common.current_user import PageRequest, get_current_user


@require_safe
def list_(request: PageRequest) -> HttpResponse:
    person = get_current_user(request).person
    context = {"invitations": invitations.of_person(person), "person": person, "has_mail": outbox.has_mail_server()}
    return render(request, "profile/invitations.html", context)


@require_POST
def accept(request: PageRequest, invitation_id: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    try:
        invitations.accept(actor=user.actor, invitation=invitation_id)
    except ConflictError as error:
        messages.error(request, error.message)
        return redirect("invitations")
    messages.success(request, gettext("Invitation accepted"))
    return redirect("profile")


@require_POST
def decline(request: PageRequest, invitation_id: UUID) -> HttpResponseBase:
    invitations.decline(actor=get_current_user(request).actor, invitation=invitation_id)
    messages.success(request, gettext("Invitation declined"))
    return redirect("profile")


@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: PageRequest, organisation_id: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    membership = user.memberships.get(organisation_id)
    if membership is None:
        raise NotFoundError
    if request.method == "POST":
        people.remove_role(actor=user.actor, person=user.person.id, organisation=organisation_id)
        message = gettext("You left %(organisation)s") % {"organisation": membership.organisation}
        return htmx.redirect_to(request, message, reverse("profile"))
    context = {
        "membership": membership,
        "form": OperationForm(None),
        "action": request.path,
        "back_url": reverse("profile"),
        "section": "profile",
    }
    return render(request, "profile/leave.html", context)


@require_POST
def confirm_email(request: PageRequest) -> HttpResponseBase:
    """Mail the person another link that verifies their address."""
    is_sent = sessions.request_confirmation(actor=get_current_user(request).actor, base_url=actors.site_url(request))
    if is_sent:
        messages.success(request, gettext("We sent you a link."))
    else:
        messages.info(request, gettext("We sent you a link less than an hour ago. Check your spam folder, too."))
    return redirect("profile")
