"""New secrets for keys, and the end of old ones."""

import secrets
from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from keyadmin.core.errors import ConflictError, DuplicateRequestError, InvalidInputError
from keyadmin.forms.key_acts import RegenerateForm, graces
from keyadmin.models import Status
from keyadmin.operations import idempotency
from keyadmin.operations import keys as operations
from keyadmin.operations.policy import Permission
from keyadmin.web.common.current_user import get_current_user
from keyadmin.web.keys import lookup, reveal
from keyadmin.web.usage import charts


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("issued")
def regenerate(request: HttpRequest, key: UUID) -> HttpResponse:
    user = get_current_user(request)
    row = lookup.find(user, key, Permission.REGENERATE_KEYS)
    if request.method != "POST":
        if row.status_at(timezone.now()) in (Status.REVOKED, Status.EXPIRED):
            raise ConflictError(gettext("A revoked or expired key can't be regenerated. Reactivate it first."))
        return _choice(
            request, row, RegenerateForm(initial={"grace": "0", "idempotency_key": secrets.token_urlsafe(24)})
        )
    form = RegenerateForm(request.POST)
    if not form.is_valid():
        return _choice(request, row, form, status=422)
    try:
        act = partial(operations.regenerate, actor=user.actor, key=row.id, **form.values())
        issued = idempotency.run_once(
            actor=user.actor, idempotency_key=form.cleaned_data["idempotency_key"], operation=act
        )
    except DuplicateRequestError as error:
        return reveal.already_shown(request, user, error.result_id)
    except InvalidInputError as error:
        form.refuse(error)
        return _choice(request, row, form, status=422)
    return reveal.reveal(request, issued, regenerated=True)


@require_http_methods(["GET", "HEAD", "POST"])
def end_grace(request: HttpRequest, key: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    row = lookup.find(user, key, Permission.REGENERATE_KEYS)
    if request.method == "POST":
        operations.end_grace(actor=user.actor, key=row.id)
        return lookup.done(request, row, gettext("Old secret ended"))
    if row.old_secret_until is None:
        raise ConflictError(gettext("The old secret has already ended."))
    return render(request, "keys/end_grace.html", {"key": row, "section": "keys"})


def _choice(request: HttpRequest, key: Any, form: RegenerateForm, status: int = 200) -> HttpResponse:
    context = {
        "key": key,
        "form": form,
        "graces": graces(key),
        "today": charts.allowed_today(key),
        "section": "keys",
    }
    return render(request, "keys/regenerate.html", context, status=status)
