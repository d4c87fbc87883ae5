"""Channels: the ways an organisation talks to its customers."""

from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.forms.base import OperationForm
from keyadmin.forms.catalogue import NameFilters, NameForm
from keyadmin.forms.people import OrganisationChoice
from keyadmin.models import Channel, Organisation, paging
from keyadmin.operations import policy
from keyadmin.operations.catalogue import channels
from keyadmin.operations.policy import Permission
from keyadmin.web.common import htmx
from keyadmin.web.common.current_user import CurrentUser, get_current_user, requires_read_access
from keyadmin.web.common.list_view import Listing

SIZE: Final = 20
_ORDER: Final = paging.Order("name", False, str, UUID)


@require_safe
@requires_read_access
def list_(request: HttpRequest) -> HttpResponse:
    user = get_current_user(request)
    listing = Listing(request, user, NameFilters, reverse("channels:list"))
    found: Any = Channel.objects.visible_to(user.actor).with_key_count().select_related("organisation")
    if listing.organisation is not None:
        found = found.filter(organisation=listing.organisation.id)
    if q := listing.filters.get("q"):
        found = found.search(q)
    context = listing.page(found, _ORDER, SIZE)
    for row in context["rows"]:
        row.may_manage = Permission.MANAGE_CHANNELS in user.permissions(row.organisation_id)
    shown = [listing.organisation] if listing.organisation else user.organisations
    context |= {
        "may_create": any(Permission.MANAGE_CHANNELS in user.permissions(o.id) for o in shown),
        "shows_organisation": listing.organisation is None and len(user.organisations) > 1,
        "section": "channels",
    }
    return render(request, f"channels/list.html{'#rows' if htmx.is_htmx(request) else ''}", context)


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponseBase:
    user = get_current_user(request)
    form = _new_form(request, user)
    if form.is_valid():
        try:
            channels.create(actor=user.actor, **form.cleaned_data)
        except InvalidInputError as error:
            form.refuse(error)
        else:
            return htmx.redirect_to(request, gettext("Channel created"), _list())
    return _dialog(request, "channels/create.html", form, reverse("channels:create"))


@require_http_methods(["GET", "HEAD", "POST"])
def rename(request: HttpRequest, channel: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = _managed(user, channel)
    form = NameForm(request.POST if request.method == "POST" else None, initial={"name": row.name})
    if form.is_valid():
        try:
            channels.rename(actor=user.actor, channel=row.id, name=form.cleaned_data["name"])
        except InvalidInputError as error:
            form.refuse(error)
        else:
            return htmx.redirect_to(request, gettext("Channel renamed"), _list())
    return _dialog(request, "channels/rename.html", form, reverse("channels:rename", args=[row.id]), channel=row)


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: HttpRequest, channel: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = _managed(user, channel)
    if request.method == "POST":
        channels.remove(actor=user.actor, channel=row.id)
        return htmx.redirect_to(request, gettext("Channel removed"), _list())
    action = reverse("channels:remove", args=[row.id])
    return _dialog(request, "channels/remove.html", OperationForm(None), action, channel=row)


def _new_form(request: HttpRequest, user: CurrentUser) -> NameForm:
    """Asks for the organisation as well, where there is more than one to choose; that of the page behind first."""
    offered = [o for o in user.organisations if Permission.MANAGE_CHANNELS in user.permissions(o.id)]
    if not offered:
        raise _may_not_create(user)
    current_slug = htmx.current_organisation_slug(request)
    chosen = next((o for o in offered if o.slug == current_slug), offered[0])
    form = NameForm(request.POST if request.method == "POST" else None, initial={"organisation": chosen.id})
    choice = OrganisationChoice()
    choice.offer(offered)
    form.fields["organisation"] = choice
    return form


def _may_not_create(user: CurrentUser) -> Exception:
    if not user.organisations:
        return NotFoundError()
    return policy.forbidden(Permission.MANAGE_CHANNELS, Permission.MANAGE_CHANNELS, user.organisations[0])


def _managed(user: CurrentUser, channel: UUID) -> Any:
    row: Any = Channel.objects.visible_to(user.actor).with_key_count().select_related("organisation").filter(id=channel)
    found = row.first()
    if found is None:
        raise NotFoundError
    organisation: Organisation = found.organisation
    policy.require(user.actor, Permission.MANAGE_CHANNELS, organisation)
    return found


def _dialog(request: HttpRequest, template: str, form: Any, action: str, **context: Any) -> HttpResponse:
    values = {"form": form, "action": action, "back_url": _list(), "section": "channels"} | context
    return render(request, template, values, status=htmx.form_status(form))


def _list() -> str:
    return reverse("channels:list")
