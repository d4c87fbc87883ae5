"""A view that returns what keyadmin passes to a project about the caller."""

import os
from typing import Any

from django.http import JsonResponse
from django.views.decorators.csrf import csrf_exempt

from keyadmin.integrations.django import KeyRequest


@csrf_exempt
def echo(request: KeyRequest, **arguments: Any) -> JsonResponse:
    """Return the caller, the process id of the worker, and the request."""
    caller = request.caller
    person = caller.on_behalf_of
    return JsonResponse(
        {
            "pid": os.getpid(),
            "key": str(caller.key.id),
            "key_id": caller.key.key_id,
            "name": caller.key.name,
            "kind": caller.key.kind,
            "organisation": caller.key.organisation_slug,
            "bot": caller.key.bot_name,
            "tier": caller.key.tier,
            "limit": caller.quota.limit,
            "remaining": caller.quota.remaining,
            "scopes": sorted(caller.scopes),
            "on_behalf_of": person and {"id": str(person.id), "email": person.email, "name": person.name},
            "method": request.method,
            "path": request.path,
            "arguments": arguments,
        }
    )
