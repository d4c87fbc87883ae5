"""Explain: whether a key would be allowed to make a request, and which rule decides. A dry run: nothing is counted.

The form is sent by POST, and the response redirects to a URL with its values. With a GET form, an API key that is
pasted by mistake would get into the URL, which browsers and proxies store.
"""

from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.core.key_shapes import contains_key
from keyadmin.explain.explanation import Explanation, explain
from keyadmin.explain.inputs import find_key
from keyadmin.explain.messages import TITLES
from keyadmin.explain.remedies import RemedyKind
from keyadmin.forms.explain import ExplainForm
from keyadmin.models import Channel, Key, Organisation
from keyadmin.operations.policy import Permission
from keyadmin.web.common import capped_count, querystring
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user, requires_read_access
from keyadmin.web.keys import deleted, rows

#: The number of channels that the form offers, and of keys that the picker lists at once. Its search finds all others.
MAX_CHOICES: Final = 100
MAX_SEARCH_LENGTH: Final = 120
#: The CSS class of a rule by its state; "idle" for any other state.
_CSS_CLASSES: Final = {"pass": "pass", "decides": "fail"}


@dataclass(frozen=True, slots=True)
class KeyPicker:
    """The keys that the picker lists, by name, and the number of all that its search finds."""

    keys: list[Key]
    count: int
    #: The text that was searched for; "" for all keys, and for a text with a secret.
    text: str
    has_secret: bool = False

    @classmethod
    def find(cls, user: CurrentUser, text: str, organisation: Organisation | None, selected: Key | None) -> Self:
        """The newest keys that the search finds, and the selected one."""
        keys: Any = Key.objects.visible_to(user.actor).select_related("organisation", "bot")
        if organisation:
            keys = keys.filter(organisation=organisation)
        has_secret = contains_key(text)
        is_findable = not has_secret and "\0" not in text  # PostgreSQL has no text with NUL
        if text:
            keys = keys.search(text) if is_findable else keys.none()
        found = {key.id: key for key in keys.order_by("-created_at", "-id")[:MAX_CHOICES]}
        count = capped_count.capped_counts({"all": keys})["all"] if is_findable else 0
        if selected:
            found.setdefault(selected.id, selected)
        by_name = sorted(found.values(), key=lambda key: (key.name.casefold(), key.masked))
        return cls(by_name, count, "" if has_secret else text, has_secret)

    @property
    def message(self) -> str:
        """What the search has found, for screen readers and when there are more keys than the picker lists."""
        if self.has_secret:
            return gettext("This contains a secret, which was not stored. Search by name or key ID.")
        if self.count > MAX_CHOICES:
            names = {"listed": MAX_CHOICES, "count": capped_count.format_count(self.count)}
            return gettext("The newest %(listed)s of %(count)s keys. Type more of the name to find others.") % names
        if not self.text:
            return ""
        return ngettext("%(count)s key found", "%(count)s keys found", self.count) % {"count": self.count}


@require_POST
@sensitive_post_parameters()
@requires_read_access
def find_keys(request: PageRequest) -> HttpResponse:
    """The picker with the keys that the text finds. A POST, so that no pasted key gets into a URL."""
    user = get_current_user(request)
    form = ExplainForm(actor=user.actor)
    selected = _selected_key(user, request.POST.get("key", ""))
    form.initial["key"] = str(selected.id) if selected else ""
    text = request.POST.get("find", "").strip()[:MAX_SEARCH_LENGTH]
    picker = KeyPicker.find(user, text, user.find_organisation(request.POST.get("organisation", "")), selected)
    form.set_keys(picker.keys)
    return render(request, "explain.html#picker", {"form": form, "picker": picker})


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
@requires_read_access
def page(request: PageRequest) -> HttpResponseBase:
    user = get_current_user(request)
    if request.method != "POST":
        return _page_of_url(request, user)
    form = ExplainForm(request.POST, actor=user.actor)
    if form.is_valid():
        return redirect(querystring.link(reverse("explain"), form.query()) + "#verdict")
    return _render(request, user, form, form.selected_key or _selected_key(user, request.POST.get("key", "")))


def _page_of_url(request: PageRequest, user: CurrentUser) -> HttpResponse:
    """The form with the values in the URL: none, a key, or a complete request, which is then explained."""
    key_name = request.GET.get("key", "")
    if "path" not in request.GET:
        try:
            key = _get_key(user, key_name)
        except NotFoundError:
            return _deleted_key_page(request, user, key_name)
        initial = {**request.GET.dict(), "key": str(key.id) if key else ""}
        return _render(request, user, ExplainForm(actor=user.actor, initial=initial), key)
    form = ExplainForm(request.GET, actor=user.actor)
    is_valid = form.is_valid()
    if form.is_unknown_key:
        return _deleted_key_page(request, user, key_name)
    explanation = explain(form.selected_key, form.call) if is_valid and form.selected_key and form.call else None
    return _render(request, user, form, form.selected_key, explanation)


def _get_key(user: CurrentUser, name: str) -> Key | None:
    """The key with this ID or key ID; None for text that is neither. Raises NotFoundError for an unknown key."""
    try:
        return find_key(user.actor, name) if name else None
    except InvalidInputError:
        return None


def _selected_key(user: CurrentUser, name: str) -> Key | None:
    """The key selected in a form that is shown again because the pasted key ID is not valid."""
    try:
        return _get_key(user, name)
    except NotFoundError:
        return None


def _deleted_key_page(request: PageRequest, user: CurrentUser, name: str) -> HttpResponse:
    """The 404 page that says who deleted the key. Raises NotFoundError if the user may not see its history."""
    try:
        key_id = UUID(name)
    except ValueError:
        raise NotFoundError from None
    return deleted.deleted_key_page(request, user, key_id)


def _render(
    request: PageRequest,
    user: CurrentUser,
    form: ExplainForm,
    key: Key | None,
    explanation: Explanation | None = None,
) -> HttpResponse:
    organisation = key.organisation if key else user.selected_organisation
    picker = KeyPicker.find(user, "", organisation, key)
    form.set_keys(picker.keys)
    channels = Channel.objects.visible_to(user.actor).order_by("name", "id")
    if organisation:
        channels = channels.filter(organisation=organisation)
    context: dict[str, Any] = {
        "form": form,
        "key": key,
        "organisation": organisation,
        "channels": channels[:MAX_CHOICES],
    }
    context |= {"picker": picker, "section": "explain"}
    if explanation:
        context |= _explanation_context(user, explanation)
    return render(request, "explain.html", context, status=422 if form.errors else 200)


def _explanation_context(user: CurrentUser, explanation: Explanation) -> dict[str, Any]:
    steps, deciding = explanation.steps, explanation.deciding
    links = _remedy_links(user, explanation.key)
    return {
        "explanation": explanation,
        "steps": [
            {"title": TITLES[step.rule], "step": step, "css_class": _CSS_CLASSES.get(step.state, "idle")}
            for step in steps
        ],
        "deciding": {"number": steps.index(deciding) + 1, "title": TITLES[deciding.rule]} if deciding else None,
        "remedies": [{"detail": remedy.detail, "link": links.get(remedy.kind)} for remedy in explanation.remedies],
    }


def _remedy_links(user: CurrentUser, key: Key) -> dict[RemedyKind, tuple[str, str]]:
    """(URL, link text) by remedy, for the remedies that the user may apply."""
    may, permissions = rows.allowed_actions(key, user), user.permissions(key.organisation_id)
    edit, reactivate = reverse("keys:edit", args=[key.id]), reverse("keys:reactivate", args=[key.id])
    links = {
        RemedyKind.REACTIVATE: (may["reactivate"], reactivate, gettext("Reactivate")),
        RemedyKind.EXPIRY: (may["reactivate"], reactivate, gettext("Set an expiry")),
        RemedyKind.KEY_LIST: (may["edit"], reverse("networks:of-key", args=[key.id]), gettext("Edit allowed IPs")),
        RemedyKind.PERMISSIONS: (may["edit"], edit, gettext("Edit permissions")),
        RemedyKind.CHANNELS: (may["edit"], edit, gettext("Edit channels")),
        RemedyKind.TIER: (may["edit"] and Permission.CHOOSE_TIERS in permissions, edit, gettext("Edit tier")),
        RemedyKind.CATALOGUE: (
            Permission.MANAGE_SCOPES in permissions,
            reverse("permissions:list"),
            gettext("Permissions"),
        ),
        RemedyKind.ENABLE_ORGANISATION: (
            Permission.MANAGE_ORGANISATIONS in permissions,
            reverse("organisations:enable", args=[key.organisation.slug]),
            gettext("Enable"),
        ),
    }
    if key.bot_id:
        may_manage_bots = Permission.MANAGE_BOTS in permissions
        allow_list = reverse("networks:of-bot", args=[key.bot_id])
        links[RemedyKind.ENABLE_BOT] = (may_manage_bots, reverse("bots:enable", args=[key.bot_id]), gettext("Enable"))
        links[RemedyKind.BOT_LIST] = (may_manage_bots, allow_list, gettext("Edit allowed IPs"))
    return {kind: (url, text) for kind, (is_allowed, url, text) in links.items() if is_allowed}
