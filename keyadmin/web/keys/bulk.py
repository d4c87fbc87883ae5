"""Stopping several keys at once: one operation for each, and a word about those that stay."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods

from keyadmin.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from keyadmin.forms.key_acts import RevokeManyForm, chosen
from keyadmin.models import Key
from keyadmin.operations import keys as operations
from keyadmin.operations import policy
from keyadmin.operations.policy import Permission, permissions_for_key
from keyadmin.web.common import htmx
from keyadmin.web.common.current_user import CurrentUser, get_current_user


@dataclass(frozen=True, slots=True)
class Stays:
    """A key that will not be revoked."""

    key: Any
    why: str


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest) -> HttpResponseBase:
    """The keys come as `key`, once for each. Those that may not be revoked are said, and left alone."""
    user = get_current_user(request)
    given = request.POST if request.method == "POST" else request.GET
    keys, staying = _sorted_out(user, chosen(given.getlist("key")))
    form = RevokeManyForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and keys:
        try:
            done, failed = _revoke_each(user, keys, form.cleaned_data["reason"])
        except InvalidInputError as error:
            form.refuse(error)
        else:
            return _answer(request, done, [*staying, *failed])
    context = {"keys": keys, "staying": staying, "form": form, "section": "keys"}
    return render(request, "keys/revoke_many.html", context, status=htmx.status_of(form))


def _sorted_out(user: CurrentUser, ids: list[UUID]) -> tuple[list[Any], list[Stays]]:
    """The keys that can be revoked, and those that can't. What the user does not see is in neither."""
    if not user.can_read_anything:
        raise NotFoundError
    if not any(Permission.REVOKE_KEYS in user.permissions(o.id) for o in user.organisations):
        raise policy.forbidden(Permission.REVOKE_KEYS, Permission.REVOKE_KEYS, user.organisations[0])
    rows = Key.objects.visible_to(user.actor).filter(id__in=ids).select_related("organisation", "bot")
    keys: list[Any] = []
    staying = []
    for key in rows.order_by("name", "id"):
        granted = permissions_for_key(user.actor, key, known=user.permissions(key.organisation_id))
        if Permission.REVOKE_KEYS not in granted:
            staying.append(Stays(key, gettext("You may not revoke it.")))
        elif key.revoked_at is not None:
            staying.append(Stays(key, gettext("It is already revoked.")))
        else:
            keys.append(key)
    return keys, staying


def _revoke_each(user: CurrentUser, keys: list[Any], reason: str) -> tuple[list[Any], list[Stays]]:
    """Each by itself: what somebody else did to one of them meanwhile does not keep the others working."""
    done, failed = [], []
    for key in keys:
        try:
            done.append(operations.revoke(actor=user.actor, key=key.id, reason=reason))
        except (ConflictError, ForbiddenError, NotFoundError) as error:
            failed.append(Stays(key, error.message))
    return done, failed


def _answer(request: HttpRequest, done: list[Any], staying: list[Stays]) -> HttpResponseBase:
    words = ngettext("%(count)s key revoked", "%(count)s keys revoked", len(done)) % {"count": len(done)}
    if staying:
        names = ", ".join(stays.key.name for stays in staying)
        words = gettext("%(done)s. Not revoked: %(names)s") % {"done": words, "names": names}
    return htmx.done(request, words, to=reverse("keys:list"))
