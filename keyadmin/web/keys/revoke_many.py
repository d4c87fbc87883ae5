"""The dialog that revokes several keys: at once if they are few, else by a background job."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponseBase, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods

from keyadmin.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from keyadmin.forms.keys import MIN_JOB_KEYS, RevokeManyForm, parse_key_ids
from keyadmin.models import BulkOutcome, BulkRevocation, Key
from keyadmin.operations import keys as operations
from keyadmin.operations import policy
from keyadmin.operations.keys import bulk_revocation
from keyadmin.operations.policy import Permission, permissions_for_key
from keyadmin.web.common import htmx
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user
from keyadmin.web.keys import rows
from keyadmin.web.keys.key_list import matching_keys

#: Keys that the dialog lists, of those that it revokes and of those that stay as they are.
MAX_LISTED_KEYS: Final = 50


@dataclass(frozen=True, slots=True)
class SkippedKey:
    """A selected key that will not be revoked, and the reason."""

    key: Any
    reason: str


@dataclass(frozen=True, slots=True)
class Selection:
    """The keys that the dialog is about. `left_out`: how many more match the filters than can be revoked at once."""

    ids: list[UUID]
    left_out: int = 0


@require_http_methods(["GET", "HEAD", "POST"])
def dialog(request: PageRequest) -> HttpResponseBase:
    """Revoke the keys in the repeated parameter `key`. The dialog also lists the selected keys that it skips.

    With `matching`, the query of the list, the dialog opens with all keys that match; with `again`, the id of a bulk
    revocation, with the keys that it has not revoked. The keys are fixed then: the form names each one.
    """
    user = get_current_user(request)
    selection = _selection(request, user)
    keys, skipped = _revocable_keys(user, selection.ids)
    form = RevokeManyForm(htmx.submitted(request), key_count=len(keys))
    if form.is_valid() and keys:
        try:
            return _revoke(request, user, keys, skipped, form.cleaned_data["reason"])
        except InvalidInputError as error:
            form.add_operation_errors(error)
    rows.annotate_traffic(keys, with_usage=MAX_LISTED_KEYS)
    context = {
        "count": len(keys),
        "keys": keys[:MAX_LISTED_KEYS],
        "more_keys": max(0, len(keys) - MAX_LISTED_KEYS),
        "key_ids": ",".join(str(key.id) for key in keys),
        "skipped": skipped[:MAX_LISTED_KEYS],
        "more_skipped": max(0, len(skipped) - MAX_LISTED_KEYS),
        "left_out": selection.left_out,
        "in_use": sum(bool(key.requests_today) for key in keys),
        "requests": sum(key.requests_today for key in keys),
        "last_request_at": max((key.last_used_at for key in keys if key.last_used_at), default=None),
        "form": form,
        "confirm": form.confirm,
        "back_url": get_current_user(request).list_url("keys:list"),
        "section": "keys",
    }
    return render(request, "keys/revoke_many.html", context, status=htmx.form_status(form))


def _selection(request: PageRequest, user: CurrentUser) -> Selection:
    if request.method == "POST":
        return Selection(parse_key_ids(request.POST.getlist("key")))
    if "matching" in request.GET:
        matching = matching_keys(user, QueryDict(request.GET["matching"])).order_by("id").values_list("id", flat=True)
        ids = list(matching[: bulk_revocation.MAX_KEYS])
        return Selection(ids, matching.count() - len(ids) if len(ids) == bulk_revocation.MAX_KEYS else 0)
    if "again" in request.GET:
        again = parse_key_ids([request.GET["again"]])
        earlier = BulkRevocation.objects.visible_to(user.actor).filter(id__in=again).first()
        if earlier is None:
            raise NotFoundError
        not_revoked = earlier.keys.filter(outcome__in=(BulkOutcome.FAILED, BulkOutcome.WAITING))
        return Selection(list(not_revoked.order_by("id").values_list("key_id", flat=True)))
    return Selection(parse_key_ids(request.GET.getlist("key")))


def _revocable_keys(user: CurrentUser, ids: list[UUID]) -> tuple[list[Any], list[SkippedKey]]:
    """The selected keys that can be revoked, and those that cannot. Keys that the user may not see are in neither."""
    if not user.can_read_anything:
        raise NotFoundError
    if not user.may_in_any(Permission.REVOKE_KEYS):
        raise policy.forbidden(Permission.REVOKE_KEYS, Permission.REVOKE_KEYS, user.organisations[0])
    selected = Key.objects.visible_to(user.actor).filter(id__in=ids).with_usage().select_related("organisation", "bot")
    keys: list[Any] = []
    skipped = []
    for key in selected.order_by("name", "id"):
        permissions = permissions_for_key(user.actor, key, known=user.permissions(key.organisation_id))
        if Permission.REVOKE_KEYS not in permissions:
            skipped.append(SkippedKey(key, gettext("You don’t have permission to revoke it.")))
        elif key.revoked_at is not None:
            skipped.append(SkippedKey(key, gettext("It is already revoked.")))
        else:
            keys.append(key)
    return keys, skipped


def _revoke(
    request: PageRequest, user: CurrentUser, keys: list[Any], skipped: list[SkippedKey], reason: str
) -> HttpResponseBase:
    if len(keys) >= MIN_JOB_KEYS:
        rows.annotate_traffic(keys, with_usage=0)
        started = bulk_revocation.start(actor=user.actor, keys=[key.id for key in keys], reason=reason)
        return htmx.redirect_to(request, "", reverse("keys:bulk-revocation", args=[started.id]))
    revoked, failed = _revoke_each(user, keys, reason)
    message = _revoked_message(len(revoked), [*skipped, *failed])
    return htmx.close_dialog(request, message, list_url=reverse("keys:list"))


def _revoke_each(user: CurrentUser, keys: list[Any], reason: str) -> tuple[list[Any], list[SkippedKey]]:
    """Revoke each key in a transaction of its own: a conflict about one key does not stop the others."""
    revoked, failed = [], []
    for key in keys:
        try:
            revoked.append(operations.revoke(actor=user.actor, key=key.id, reason=reason))
        except (ConflictError, ForbiddenError, NotFoundError) as error:
            failed.append(SkippedKey(key, error.message))
    return revoked, failed


def _revoked_message(count: int, skipped: list[SkippedKey]) -> str:
    message = ngettext("%(count)s key revoked", "%(count)s keys revoked", count) % {"count": count}
    if not skipped:
        return message
    names = ", ".join(each.key.name for each in skipped)
    return gettext("%(revoked)s. Not revoked: %(names)s") % {"revoked": message, "names": names}
