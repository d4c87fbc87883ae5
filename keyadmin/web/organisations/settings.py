"""The settings page: an organisation's defaults and limits for new keys."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from keyadmin.core.errors import InvalidInputError
from keyadmin.forms.organisations import OrganisationSettingsForm
from keyadmin.models import Organisation, Tier
from keyadmin.operations import organisations, policy
from keyadmin.operations.policy import Permission
from keyadmin.web.common import htmx, querystring
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user, requires_read_access


@require_http_methods(["GET", "HEAD", "POST"])
@requires_read_access
def edit(request: PageRequest) -> HttpResponseBase:
    """The settings of the organisation in the URL, or of the user's only one. Otherwise a page to choose one."""
    user = get_current_user(request)
    organisation = _selected_organisation(request, user)
    if organisation is None:
        context = {"organisations": user.organisations, "section": "settings"}
        return render(request, "settings/choose.html", context)
    permissions = user.permissions(organisation.id)
    if request.method == "POST":
        policy.require(user.actor, Permission.EDIT_ORGANISATION, organisation)
    form = OrganisationSettingsForm(
        htmx.submitted(request),
        organisation=organisation,
        may_choose_tier=Permission.CHOOSE_TIERS in permissions,
    )
    if form.is_valid():
        try:
            organisations.edit(actor=user.actor, organisation=organisation.id, **form.values())
        except InvalidInputError as error:
            form.add_operation_errors(error)
        else:
            messages.success(request, gettext("Settings saved"))
            return redirect(querystring.link(reverse("settings"), {"organisation": organisation.slug}))
    return _render(request, organisation, form, may_edit=Permission.EDIT_ORGANISATION in permissions)


def _selected_organisation(request: PageRequest, user: CurrentUser) -> Organisation | None:
    selected = user.get_organisation_or_404(request.GET.get("organisation", ""))
    if selected is None and len(user.organisations) == 1:
        return user.organisations[0]
    return selected


def _render(
    request: PageRequest, organisation: Organisation, form: OrganisationSettingsForm, *, may_edit: bool
) -> HttpResponse:
    context = {
        "organisation": organisation,
        "tier": Tier.objects.get(id=organisation.default_tier_id),
        "form": form,
        "may_edit": may_edit,
        "action": querystring.link(reverse("settings"), {"organisation": organisation.slug}),
        "section": "settings",
    }
    return render(request, "settings/edit.html", context, status=htmx.form_status(form))
