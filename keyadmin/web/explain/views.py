"""Explain: would a key be allowed a call, and which rule decides. Nothing is called and nothing is counted.

The form is sent by POST, and what it asks is then the page's address: somebody may paste a whole key by mistake, and
an address is kept by browsers and proxies.
"""

from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from keyadmin.core.denials import DenialReason
from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.explain.explanation import Explanation, explain
from keyadmin.explain.inputs import find_key
from keyadmin.explain.messages import TITLES
from keyadmin.explain.remedies import RemedyKind
from keyadmin.explain.rules import Rule
from keyadmin.forms.explain import ExplainForm
from keyadmin.models import Channel, Key, Organisation
from keyadmin.operations.policy import Permission
from keyadmin.web.common import querystring
from keyadmin.web.common.current_user import CurrentUser, get_current_user, requires_read_access
from keyadmin.web.keys import deleted, rows

#: Keys to choose from, the newest; any other's ID is pasted.
_MOST: Final = 100
#: Among so many of the newest another key is looked for that has what this one lacks.
_OTHERS: Final = 1000


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
@requires_read_access
def page(request: HttpRequest) -> HttpResponseBase:
    user = get_current_user(request)
    if request.method != "POST":
        return _asked(request, user)
    form = ExplainForm(request.POST, actor=user.actor)
    if form.is_valid():
        return redirect(querystring.link(reverse("explain"), form.query()) + "#verdict")
    return _page(request, user, form, form.chosen or _still_chosen(user, request.POST.get("key", "")))


def _asked(request: HttpRequest, user: CurrentUser) -> HttpResponse:
    """What the address asks: nothing yet, a key, or a whole call."""
    named = request.GET.get("key", "")
    if "path" not in request.GET:
        try:
            key = _found(user, named)
        except NotFoundError:
            return _missing(request, user, named)
        initial = {**request.GET.dict(), "key": str(key.id) if key else ""}
        return _page(request, user, ExplainForm(actor=user.actor, initial=initial), key)
    form = ExplainForm(request.GET, actor=user.actor)
    is_valid = form.is_valid()
    if form.is_unknown:
        return _missing(request, user, named)
    explanation = explain(form.chosen, form.call) if is_valid and form.chosen and form.call else None
    return _page(request, user, form, form.chosen, explanation)


def _found(user: CurrentUser, named: str) -> Key | None:
    """Raises NotFound for a key that is not there; what cannot be one's name is none."""
    try:
        return find_key(user.actor, named) if named else None
    except InvalidInputError:
        return None


def _still_chosen(user: CurrentUser, named: str) -> Key | None:
    """The choice that stands beside a key ID which is none."""
    try:
        return _found(user, named)
    except NotFoundError:
        return None


def _missing(request: HttpRequest, user: CurrentUser, named: str) -> HttpResponse:
    """What became of the key, if the user may know; else raises NotFound."""
    try:
        key = UUID(named)
    except ValueError:
        raise NotFoundError from None
    return deleted.deleted_key_page(request, user, key)


def _page(
    request: HttpRequest,
    user: CurrentUser,
    form: ExplainForm,
    key: Key | None,
    explanation: Explanation | None = None,
) -> HttpResponse:
    user.page_organisation = key.organisation if key else None
    organisation = user.page_organisation or user.find_organisation(request.GET.get("organisation", ""))
    form.offer(_choices(user, organisation, key))
    channels = Channel.objects.visible_to(user.actor).order_by("name", "id")
    if organisation:
        channels = channels.filter(organisation=organisation)
    context: dict[str, Any] = {"form": form, "key": key, "channels": channels[:_MOST], "section": "keys"}
    if explanation:
        context |= _told(user, explanation)
    return render(request, "explain.html", context, status=422 if form.errors else 200)


def _choices(user: CurrentUser, organisation: Organisation | None, chosen: Key | None) -> list[Key]:
    """By name, and the chosen one among them."""
    keys: Any = Key.objects.visible_to(user.actor)
    if organisation:
        keys = keys.filter(organisation=organisation)
    newest = {key.id: key for key in keys.order_by("-created_at", "-id")[:_MOST]}
    if chosen:
        newest[chosen.id] = chosen
    return sorted(newest.values(), key=lambda key: (key.name.casefold(), key.masked))


def _told(user: CurrentUser, explanation: Explanation) -> dict[str, Any]:
    steps, deciding = explanation.steps, explanation.deciding
    urls = _urls(user, explanation.key)
    return {
        "explanation": explanation,
        "steps": [{"title": TITLES[step.rule], "step": step} for step in steps],
        "deciding": {"number": steps.index(deciding) + 1, "title": TITLES[deciding.rule]} if deciding else None,
        "remedies": [{"detail": remedy.detail, "link": urls.get(remedy.kind)} for remedy in explanation.remedies],
        "another": _another(user, explanation),
    }


def _urls(user: CurrentUser, key: Key) -> dict[RemedyKind, tuple[str, str]]:
    """Where the user may change what would have to change, and what the link says."""
    may, granted = rows.allowed_actions(key, user), user.permissions(key.organisation_id)
    edit, reactivate = reverse("keys:edit", args=[key.id]), reverse("keys:reactivate", args=[key.id])
    places = {
        RemedyKind.REACTIVATE: (may["reactivate"], reactivate, gettext("Reactivate")),
        RemedyKind.EXPIRY: (may["reactivate"], reactivate, gettext("Set an expiry")),
        RemedyKind.KEY_LIST: (may["edit"], reverse("networks:of-key", args=[key.id]), gettext("Change its addresses")),
        RemedyKind.PERMISSIONS: (may["edit"], edit, gettext("Edit permissions")),
        RemedyKind.CHANNELS: (may["edit"], edit, gettext("Edit channels")),
        RemedyKind.TIER: (may["edit"] and Permission.CHOOSE_TIERS in granted, edit, gettext("Edit the tier")),
        RemedyKind.CATALOGUE: (
            Permission.MANAGE_SCOPES in granted,
            reverse("permissions:list"),
            gettext("Permissions"),
        ),
        RemedyKind.ENABLE_ORGANISATION: (
            Permission.MANAGE_ORGANISATIONS in granted,
            reverse("organisations:enable", args=[key.organisation.slug]),
            gettext("Enable"),
        ),
    }
    if key.bot_id:
        manages = Permission.MANAGE_BOTS in granted
        places[RemedyKind.ENABLE_BOT] = (manages, reverse("bots:enable", args=[key.bot_id]), gettext("Enable"))
        of_bot = reverse("networks:of-bot", args=[key.bot_id])
        places[RemedyKind.BOT_LIST] = (manages, of_bot, gettext("Change its addresses"))
    return {kind: (url, words) for kind, (is_allowed, url, words) in places.items() if is_allowed}


def _another(user: CurrentUser, explanation: Explanation) -> Key | None:
    """A working key of the same organisation that has the permission which this one lacks."""
    if not any(step.rule is Rule.PERMISSION and step.reason is DenialReason.SCOPE for step in explanation.steps):
        return None
    keys: Any = Key.objects.visible_to(user.actor).filter(organisation=explanation.key.organisation_id)
    newest = keys.order_by("-created_at", "-id").values("id")[:_OTHERS]
    others = (
        keys.usable().filter(id__in=newest, inherits=False, scopes__in=explanation.needs).exclude(id=explanation.key.id)
    )
    found: Key | None = others.order_by("-created_at", "-id").first()
    return found
