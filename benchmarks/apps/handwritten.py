"""The floor and hand-written checks with the ORM: look-up, key state, addresses, scope, count.

The limit is a plain counter, neither rolling nor exact. Nothing is cached.
"""

from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from benchmarks.apps.floor import *  # noqa: F403

MIDDLEWARE = ["benchmarks.apps.handwritten.guard"]


def guard(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    from keyadmin.core import tokens
    from keyadmin.models import Meter, Secret

    pepper = settings.KEYADMIN_PEPPERS[settings.KEYADMIN_CURRENT_PEPPER]

    def guarded(request: HttpRequest) -> HttpResponse:
        digest = tokens.digest(request.headers["X-API-Key"], pepper)
        secret = (
            Secret.objects.select_related("key__organisation", "key__bot", "key__tier")
            .prefetch_related("key__scopes", "key__allow_list")
            .filter(digest=digest)
            .first()
        )
        if secret is None or secret.key.revoked_at or not secret.key.organisation.is_active:
            return HttpResponse(status=401)
        key, address = secret.key, ip_address(request.META["REMOTE_ADDR"])
        networks = [entry.network for entry in key.allow_list.all()]
        if networks and not any(address in network for network in networks):
            return HttpResponse(status=403)
        if "chats:read" not in {scope.name for scope in key.scopes.all()}:
            return HttpResponse(status=403)
        counted = Meter.objects.filter(key_id=key.id, used__lt=key.tier.hourly_limit).update(
            used=F("used") + 1, total=F("total") + 1, last_used_at=timezone.now(), last_used_ip=str(address)
        )
        return get_response(request) if counted else HttpResponse(status=429)

    return guarded
