"""How pages answer: to htmx with status and events, to a plain request with a page."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh, reswap, trigger_client_event

#: What pages that show keys listen to.
KEYS_CHANGED = "keys:changed"
#: Beginnings of the addresses of pages besides the list and a key's own that do.
_LISTENING = ("/bots/", "/organisations/")


def refuse(request: HttpRequest, status: int, template: str, message: str = "", **context: Any) -> HttpResponse:
    """An error: its page, or for htmx its status with a toast that stays (without a message the page's own words)."""
    if is_htmx(request):
        response = HttpResponse(status=status)
        reswap(response, "none")  # what is on the page stays there
        if message:
            trigger_client_event(response, "toast", {"message": message, "level": "error"})
        return response
    return render(request, template, {"reason": message, **context}, status=status)


def done(request: HttpRequest, message: str, *, to: str, stay: str = "", is_renamed: bool = False) -> HttpResponseBase:
    """A dialog's work is done.

    On the list at `to`, on the page at `stay` and on another page that lists keys, htmx closes the dialog and the page
    refreshes what changed; where that is the name, which stands in the title too, `stay` is loaded anew. From anywhere
    else, and without htmx, the way leads to `to`.
    """
    if not is_htmx(request):
        messages.success(request, message)
        return redirect(to)
    behind = page_behind(request).partition("?")[0]
    is_there = bool(stay) and behind == stay
    if is_renamed and is_there:
        messages.success(request, message)
        return HttpResponseClientRefresh()
    if not is_there and behind != to and not behind.startswith(_LISTENING):
        messages.success(request, message)
        return HttpResponseClientRedirect(to)
    response = HttpResponse(status=204)
    for event, detail in (("dialog:close", {}), (KEYS_CHANGED, {}), ("toast", {"message": message})):
        trigger_client_event(response, event, detail)
    return response


def gone_to(request: HttpRequest, message: str, to: str) -> HttpResponseBase:
    """A dialog's work is done, and what changed is the page at `to` as a whole: there, or there anew."""
    messages.success(request, message)
    if not is_htmx(request):
        return redirect(to)
    is_there = page_behind(request).partition("?")[0] == to
    return HttpResponseClientRefresh() if is_there else HttpResponseClientRedirect(to)


def status_of(form: Any) -> int:
    """A form that is shown again after it was sent has something wrong with it."""
    return 422 if form.is_bound else 200


def page_behind(request: HttpRequest) -> str:
    """Path and query of the page that an htmx request came from, if it is one of ours; else the front page."""
    try:
        url: str = request.htmx.current_url_abs_path or ""  # type: ignore[attr-defined]
    except ValueError:  # not a URL at all
        return "/"
    is_ours = url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None)
    return url if is_ours else "/"


def is_htmx(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


def too_many_words(seconds: int) -> str:
    return gettext("Too many attempts. Try again in %(seconds)s seconds.") % {"seconds": seconds}
