"""The responses of an operation that makes a secret: the one that shows it, and that to a repeated request."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_variables
from django_htmx.http import trigger_client_event

from keyadmin.conf import conf
from keyadmin.core.errors import DuplicateRequestError, InvalidInputError
from keyadmin.forms.base import IdempotentForm
from keyadmin.models import Key
from keyadmin.operations import idempotency
from keyadmin.operations.keys import IssuedKey
from keyadmin.web.common import htmx
from keyadmin.web.common.current_user import CurrentUser, get_current_user
from keyadmin.web.keys import rows


@sensitive_variables("issued")
def run_once(
    request: HttpRequest,
    user: CurrentUser,
    form: IdempotentForm,
    operation: Callable[[], IssuedKey],
    *,
    section: str = "keys",
    back_url: str = "",
    **context: Any,
) -> HttpResponse | None:
    """Run an operation that makes a secret, once for each idempotency key, and show the secret.

    Returns None if the operation rejected the input; `form` then has the messages. `back_url` and `context` are those
    of `_reveal`.
    """
    idempotency_key = form.cleaned_data["idempotency_key"]
    try:
        issued = idempotency.run_once(actor=user.actor, idempotency_key=idempotency_key, operation=operation)
    except DuplicateRequestError as error:
        return _already_shown(request, user, error.result_id)
    except InvalidInputError as error:
        form.add_operation_errors(error)
        return None
    return _reveal(request, issued, section=section, back_url=back_url, **context)


@sensitive_variables("issued")
def _reveal(request: HttpRequest, issued: IssuedKey, *, section: str, back_url: str, **context: Any) -> HttpResponse:
    """The response that shows the secret, which must not be stored or shown again.

    `back_url`: the page that "Done" opens without htmx; "": the list of keys.
    """
    key = issued.key
    base_url = conf.base_url or request.build_absolute_uri("/")
    values = {
        "key": key,
        "token": issued.token,
        "base_url": base_url.rstrip("/"),
        "permissions": ", ".join(key.scopes.values_list("label", flat=True)),
        "network_count": key.allow_list.count(),
        "channels": ", ".join(key.channels.order_by("slug").values_list("slug", flat=True)),
        "back_url": back_url or get_current_user(request).list_url("keys:list"),
        "section": section,
    }
    response = render(request, "keys/reveal.html", values | context)
    return trigger_client_event(response, htmx.KEYS_CHANGED, {}, after="swap")


def _already_shown(request: HttpRequest, user: CurrentUser, key_id: str) -> HttpResponse:
    """The response to a form that was already submitted: it names the key, without the secret.

    Status 200, because the dialog replaces the form.
    """
    keys = Key.objects.visible_to(user.actor).with_status().select_related("organisation", "bot")
    key = keys.filter(id=key_id).first()
    may_regenerate = bool(key and rows.allowed_actions(key, user)["regenerate"])
    context = {"key": key, "may_regenerate": may_regenerate, "section": "keys"}
    return render(request, "keys/already_shown.html", context)
