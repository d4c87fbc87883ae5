"""Who is calling: the first thing to ask with a new key."""

from typing import Any

from django.http import HttpRequest
from ninja import Router

from keyadmin.authn.verdict import Caller

router = Router()


@router.get("/whoami", url_name="whoami")
def whoami(request: HttpRequest) -> dict[str, Any]:
    """The key, whom it belongs to, what it may do and what remains of its hour, and for whom it acts."""
    caller: Caller = request.caller  # type: ignore[attr-defined]
    key, behalf = caller.key, caller.on_behalf_of
    return {
        "id": str(key.id),
        "key_id": key.key_id,
        "name": key.name,
        "kind": key.kind,
        "organisation": {
            "id": str(key.organisation_id),
            "slug": key.organisation_slug,
            "name": key.organisation_name,
        },
        "bot": {"id": str(key.bot_id), "name": key.bot_name} if key.bot_id else None,
        "scopes": sorted(caller.scopes),
        "tier": {"name": key.tier, "hourly_limit": key.limit, "remaining": caller.quota.remaining},
        "on_behalf_of": {"id": str(behalf.id), "email": behalf.email, "name": behalf.name} if behalf else None,
    }
