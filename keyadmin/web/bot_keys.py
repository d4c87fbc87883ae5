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

from keyadmin.forms.bots import SCOPES, BotKeyForm, expiry, owner_value
from keyadmin.models import Scope
from keyadmin.operations import keys, once, owners
from keyadmin.operations.errors import AlreadyDone, Invalid
from keyadmin.operations.policy import Permission
from keyadmin.web import answers, bots, links, reveals
from keyadmin.web.visitors import visitor_of


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("issued")
def create(request: HttpRequest, bot: UUID) -> HttpResponse:
    visitor = visitor_of(request)
    row = bots.bot_for(visitor, bot, Permission.ISSUE_KEYS)
    owners.require_active(row.organisation, row)
    scopes = list(Scope.objects.filter(name__in=SCOPES))
    form = BotKeyForm(request.POST if request.method == "POST" else None, initial={"nonce": secrets.token_urlsafe(24)})
    if form.is_valid():
        try:
            act = partial(keys.issue, actor=visitor.actor, **form.values(row, _names(scopes)))
            issued = once.do(actor=visitor.actor, nonce=form.cleaned_data["nonce"], act=act)
        except AlreadyDone as error:
            return reveals.already_shown(request, visitor, error.made)
        except Invalid as error:
            form.refuse(error)
        else:
            return reveals.reveal(request, issued, section="bots", back_url=bots.keys_of(row))
    context = {
        "form": form,
        "bot": row,
        "scopes": scopes,
        "expires_at": expiry(row.organisation),
        "has_ranges": row.allow_list.exists(),
        "back_url": bots.keys_of(row),
        "full_url": links.link(reverse("keys:create"), {"owner": owner_value(row.id)}),
        "section": "bots",
    }
    return render(request, "bots/new_key.html", context, status=answers.status_of(form))


def _names(scopes: Collection[Scope]) -> list[str]:
    return [scope.name for scope in scopes]
