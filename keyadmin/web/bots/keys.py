"""New API Key on a bot: a description, and the secret once."""

import secrets
from collections.abc import Collection
from functools import partial
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from keyadmin.core.errors import DuplicateRequestError, InvalidInputError
from keyadmin.forms.bots import SCOPES, BotKeyForm, expiry, owner_value
from keyadmin.models import Scope
from keyadmin.operations import idempotency, keys
from keyadmin.operations.organisations import owners
from keyadmin.operations.policy import Permission
from keyadmin.web.bots import views
from keyadmin.web.common import htmx, querystring
from keyadmin.web.common.current_user import get_current_user
from keyadmin.web.keys import reveal


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("issued")
def create(request: HttpRequest, bot: UUID) -> HttpResponse:
    user = get_current_user(request)
    row = views.bot_for(user, bot, Permission.ISSUE_KEYS)
    owners.require_active(row.organisation, row)
    scopes = list(Scope.objects.filter(name__in=SCOPES))
    form = BotKeyForm(
        request.POST if request.method == "POST" else None, initial={"idempotency_key": secrets.token_urlsafe(24)}
    )
    if form.is_valid():
        try:
            act = partial(keys.issue, actor=user.actor, **form.values(row, _names(scopes)))
            issued = idempotency.run_once(
                actor=user.actor, idempotency_key=form.cleaned_data["idempotency_key"], operation=act
            )
        except DuplicateRequestError as error:
            return reveal.already_shown(request, user, error.result_id)
        except InvalidInputError as error:
            form.refuse(error)
        else:
            return reveal.reveal(request, issued, section="bots", back_url=views.keys_of(row))
    context = {
        "form": form,
        "bot": row,
        "scopes": scopes,
        "expires_at": expiry(row.organisation),
        "has_ranges": row.allow_list.exists(),
        "back_url": views.keys_of(row),
        "full_url": querystring.link(reverse("keys:create"), {"owner": owner_value(row.id)}),
        "section": "bots",
    }
    return render(request, "bots/new_key.html", context, status=htmx.status_of(form))


def _names(scopes: Collection[Scope]) -> list[str]:
    return [scope.name for scope in scopes]
