"""Channels: the list, and the dialogs to create, rename and remove one.

A channel is a way in which an organisation communicates with its customers.
"""

from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.forms.base import OperationForm
from keyadmin.forms.catalogue import ChannelForm
from keyadmin.forms.filters import SearchFilters
from keyadmin.forms.people import OrganisationField
from keyadmin.models import Channel, paging
from keyadmin.operations import policy
from keyadmin.operations.catalogue import channels as operations
from keyadmin.operations.policy import Permission
from keyadmin.web.common import htmx
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user, requires_read_access
from keyadmin.web.common.list_view import Listing

PAGE_SIZE: Final = 20


@require_safe
@requires_read_access
def list_(request: PageRequest) -> HttpResponse:
    user = get_current_user(request)
    listing = Listing(request, user, SearchFilters, reverse("channels:list"))
    rows: Any = Channel.objects.visible_to(user.actor).with_key_count().select_related("organisation")
    if listing.organisation is not None:
        rows = rows.filter(organisation=listing.organisation.id)
    if q := listing.filters.get("q"):
        rows = rows.search(q)
    context = listing.page(rows, paging.BY_NAME, PAGE_SIZE)
    for row in context["rows"]:
        row.may_manage = Permission.MANAGE_CHANNELS in user.permissions(row.organisation_id)
    context |= {
        "may_create": user.may_in_any(Permission.MANAGE_CHANNELS, listing.organisation),
        "shows_organisation": listing.organisation is None and len(user.organisations) > 1,
        "section": "channels",
    }
    return render(request, f"channels/list.html{'#rows' if htmx.is_htmx(request) else ''}", context)


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: PageRequest) -> HttpResponseBase:
    user = get_current_user(request)
    form = _create_form(request, user)
    if form.is_valid():
        try:
            operations.create(actor=user.actor, **form.cleaned_data)
        except InvalidInputError as error:
            form.add_operation_errors(error)
        else:
            return htmx.redirect_to(request, gettext("Channel created"), _list_url())
    return _dialog(request, "channels/create.html", form, reverse("channels:create"))


@require_http_methods(["GET", "HEAD", "POST"])
def rename(request: PageRequest, channel_id: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    channel = _get_managed_channel(user, channel_id)
    form = ChannelForm(htmx.submitted(request), initial={"name": channel.name})
    if form.is_valid():
        try:
            operations.rename(actor=user.actor, channel=channel.id, name=form.cleaned_data["name"])
        except InvalidInputError as error:
            form.add_operation_errors(error)
        else:
            return htmx.redirect_to(request, gettext("Channel renamed"), _list_url())
    return _dialog(
        request, "channels/rename.html", form, reverse("channels:rename", args=[channel.id]), channel=channel
    )


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: PageRequest, channel_id: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    channel = _get_managed_channel(user, channel_id)
    if request.method == "POST":
        operations.remove(actor=user.actor, channel=channel.id)
        return htmx.redirect_to(request, gettext("Channel removed"), _list_url())
    action = reverse("channels:remove", args=[channel.id])
    return _dialog(request, "channels/remove.html", OperationForm(None), action, channel=channel)


def _create_form(request: PageRequest, user: CurrentUser) -> ChannelForm:
    """The form, with a choice of organisation if the user manages the channels of several.

    It preselects the only organisation, or the one that the page behind the dialog is filtered by. Raises
    ForbiddenError if the user manages no channels, and NotFoundError if they may not read any organisation.
    """
    organisations = [o for o in user.organisations if Permission.MANAGE_CHANNELS in user.permissions(o.id)]
    if not organisations:
        if not user.organisations:
            raise NotFoundError
        raise policy.forbidden(Permission.MANAGE_CHANNELS, Permission.MANAGE_CHANNELS, user.organisations[0])
    slug = htmx.current_organisation_slug(request)
    only = organisations[0] if len(organisations) == 1 else None
    selected = next((o for o in organisations if o.slug == slug), only)
    form = ChannelForm(htmx.submitted(request), initial={"organisation": selected.id if selected else None})
    choice = OrganisationField()
    choice.set_organisations(organisations)
    form.fields["organisation"] = choice
    return form


def _get_managed_channel(user: CurrentUser, channel_id: UUID) -> Any:
    """The channel, annotated by `with_key_count`. Raises NotFoundError or ForbiddenError."""
    channels: Any = Channel.objects.visible_to(user.actor).with_key_count().select_related("organisation")
    channel = channels.filter(id=channel_id).first()
    if channel is None:
        raise NotFoundError
    policy.require(user.actor, Permission.MANAGE_CHANNELS, channel.organisation)
    return channel


def _dialog(request: PageRequest, template: str, form: Any, action: str, **context: Any) -> HttpResponse:
    values = {"form": form, "action": action, "back_url": _list_url(), "section": "channels"} | context
    return render(request, template, values, status=htmx.form_status(form))


def _list_url() -> str:
    return reverse("channels:list")
