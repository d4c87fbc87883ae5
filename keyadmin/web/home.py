"""The front door."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from keyadmin.web.visitors import visitor_of


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The list of keys; who may read nothing is told so, and may sign out."""
    if visitor_of(request).reads:
        return redirect("keys:list")
    return render(request, "nothing.html", status=403)
