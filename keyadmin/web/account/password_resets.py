"""The page on which a person who forgot their password asks for a link. The link opens the page of all links."""

from typing import Final

from allauth.core.internal import ratelimit
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from keyadmin.conf import conf
from keyadmin.forms.people import ResetForm
from keyadmin.operations.people import passwords, throttle
from keyadmin.web.common import actors, errors, htmx
from keyadmin.web.common.current_user import PageRequest

#: Sent with 429. The limit of django-allauth is 20 requests a minute.
_RETRY_AFTER_SECONDS: Final = 60


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def request_reset(request: PageRequest) -> HttpResponse:
    """The response does not show whether the address has an account."""
    form = ResetForm(htmx.submitted(request))
    if form.is_valid():
        email, client_ip = form.cleaned_data["email"], actors.client_ip(request)
        if client_ip and not ratelimit.consume(request, app="allauth.account", action="reset_password"):
            return errors.too_many_attempts_response(request, _RETRY_AFTER_SECONDS)
        device = throttle.known_device(request.COOKIES.get(conf.device_cookie_name, ""), email)
        passwords.request_reset(email=email, ip=client_ip, device=device, base_url=actors.site_url(request))
        return redirect("account_reset_password_done")
    return render(request, "account/password_reset.html", {"form": form}, status=htmx.form_status(form))


@login_not_required
@require_safe
def reset_requested(request: PageRequest) -> HttpResponse:
    return render(request, "account/password_reset_done.html")
