"""The front door."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from keyadmin.web.common import htmx
from keyadmin.web.common.current_user import get_current_user
from keyadmin.web.overview import context


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The overview; who may read nothing is told so, and may sign out."""
    user = get_current_user(request)
    if not user.can_read_anything:
        return render(request, "nothing.html", status=403)
    part = "#page" if htmx.is_htmx(request) else ""
    return render(request, f"overview.html{part}", context.context(request, user))
