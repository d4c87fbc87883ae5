"""What the dialogs about one key share: which key, who may, and the way back."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from keyadmin.models import Key
from keyadmin.operations import policy
from keyadmin.operations.policy import Permission
from keyadmin.web.common import htmx
from keyadmin.web.common.current_user import CurrentUser
from keyadmin.web.keys import deleted


def find(user: CurrentUser, key: UUID, permission: Permission, *, with_lists: bool = False) -> Any:
    """The key, for who sees it and has the permission; else NotFound or Forbidden."""
    keys = Key.objects.visible_to(user.actor).with_usage().with_grace().with_old_secret_use()
    keys = keys.with_lists() if with_lists else keys
    row = keys.select_related("organisation", "bot", "tier", "creator").filter(id=key).first()
    if row is None:
        raise deleted.missing(user, key)
    if permission not in policy.permissions_for_key(user.actor, row, known=user.permissions(row.organisation_id)):
        policy.require_for_key(user.actor, permission, row.organisation, row.kind)  # says who may
    return row


def done(request: HttpRequest, key: Any, message: str, *, is_renamed: bool = False) -> HttpResponseBase:
    page = reverse("keys:detail", args=[key.id])
    return htmx.done(request, message, to=reverse("keys:list"), stay=page, is_renamed=is_renamed)
