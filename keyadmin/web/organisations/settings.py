"""Settings: the rules by which an organisation's new keys are made."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.forms.catalogue import SettingsForm
from keyadmin.models import Organisation, Tier
from keyadmin.operations import organisations, policy
from keyadmin.operations.policy import Permission
from keyadmin.web.common import htmx, querystring
from keyadmin.web.common.current_user import CurrentUser, get_current_user, requires_read_access


@require_http_methods(["GET", "HEAD", "POST"])
@requires_read_access
def edit(request: HttpRequest) -> HttpResponseBase:
    """Of the organisation in the address, or the reader's only one; else the reader chooses one."""
    user = get_current_user(request)
    organisation = _organisation(request, user)
    if organisation is None:
        context = {"organisations": user.organisations, "section": "settings"}
        return render(request, "settings/choose.html", context)
    may = user.permissions(organisation.id)
    if request.method == "POST":
        policy.require(user.actor, Permission.EDIT_ORGANISATION, organisation)
    sent = request.POST if request.method == "POST" else None
    form = SettingsForm(sent, organisation=organisation, may_choose_tier=Permission.CHOOSE_TIERS in may)
    if form.is_valid():
        try:
            organisations.edit(actor=user.actor, organisation=organisation.id, **form.values())
        except InvalidInputError as error:
            form.refuse(error)
        else:
            messages.success(request, gettext("Settings saved"))
            return redirect(querystring.link(reverse("settings"), {"organisation": organisation.slug}))
    return _page(request, organisation, form, may_edit=Permission.EDIT_ORGANISATION in may)


def _organisation(request: HttpRequest, user: CurrentUser) -> Organisation | None:
    slug = request.GET.get("organisation", "")
    organisation = user.find_organisation(slug)
    if slug and organisation is None:
        raise NotFoundError
    only = user.organisations[0] if len(user.organisations) == 1 else None
    return organisation or only


def _page(request: HttpRequest, organisation: Organisation, form: SettingsForm, *, may_edit: bool) -> HttpResponse:
    context = {
        "organisation": organisation,
        "tier": Tier.objects.get(id=organisation.default_tier_id),
        "form": form,
        "may_edit": may_edit,
        "action": querystring.link(reverse("settings"), {"organisation": organisation.slug}),
        "section": "settings",
    }
    return render(request, "settings/edit.html", context, status=htmx.form_status(form))
