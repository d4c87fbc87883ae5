"""`/api/docs`: the OpenAPI document as a page, with access tokens to try requests as the signed-in person.

The document needs no sign-in, so the page does not either. Only a signed-in person can try requests.
"""

from typing import Final

from allauth.core.internal import ratelimit
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from keyadmin.conf import conf
from keyadmin.core.errors import NotFoundError
from keyadmin.operations.people import access_tokens, token_sessions
from keyadmin.web.common import errors
from keyadmin.web.common.current_user import PageRequest, get_current_user

#: Retry-After of a 429: the period of the limit `api_token` in ACCOUNT_RATE_LIMITS.
_RETRY_AFTER_SECONDS: Final = 60


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    context = {
        "document_url": f"{conf.api_prefix}openapi.json",
        "has_access_tokens": bool(conf.jwt_key),
        "section": "api-docs",
    }
    return render(request, "api_docs/page.html", context)


@require_POST
@sensitive_variables("token")
def issue_token(request: PageRequest) -> HttpResponse:
    """An access token for the scripts of the page. It ends with the session that sends this request.

    404 without KEYADMIN_JWT_KEY, because there are no access tokens then.
    """
    if not conf.jwt_key:
        raise NotFoundError
    user = get_current_user(request)
    if not ratelimit.consume(request, app="allauth.account", action="api_token", user=user.person):
        return errors.too_many_attempts_response(request, _RETRY_AFTER_SECONDS)
    session_key = request.session.session_key or ""
    token = access_tokens.issue(token_sessions.begin_on_page(actor=user.actor, page_session=session_key))
    lifetime = int(token_sessions.ACCESS_TOKEN_LIFETIME.total_seconds())
    return JsonResponse({"access_token": token, "expires_in": lifetime})
