"""Forms and responses of pages: status and events for htmx, a page or a redirect for a plain request."""

from typing import Any

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh, reswap, trigger_client_event
from django_htmx.middleware import HtmxDetails

from keyadmin.web.common import preferences, querystring

#: The event on which pages reload what they show of keys.
KEYS_CHANGED = "keys:changed"
#: Prefixes of the paths of pages that listen to KEYS_CHANGED, besides the list of keys and the page of a key.
_LISTENING_PREFIXES = ("/bots/", "/organisations/")


def is_htmx(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


def submitted(request: HttpRequest) -> QueryDict | None:
    """The data for a form: that of a POST; None for other methods, so that the form is not bound."""
    return request.POST if request.method == "POST" else None


def form_status(form: BaseForm) -> int:
    """The status of a response that shows the form: 422 if it was submitted and has errors, else 200."""
    return 422 if form.is_bound and not getattr(form, "is_unchanged", False) else 200


def error_response(request: HttpRequest, status: int, template: str, message: str = "", **context: Any) -> HttpResponse:
    """The page of an error. htmx gets only the status, and a toast with `message` that stays until it is dismissed.

    Without a message, feedback.js shows the general message of the status.
    """
    if is_htmx(request):
        response = HttpResponse(status=status)
        reswap(response, "none")  # keep the content of the page
        if message:
            trigger_client_event(response, "toast", {"message": message, "level": "error"})
        return response
    return render(request, template, {"reason": message, **context}, status=status)


def close_dialog(
    request: HttpRequest, message: str, *, list_url: str, detail_url: str = "", is_renamed: bool = False
) -> HttpResponseBase:
    """Close the dialog of an operation that succeeded, and show `message`.

    htmx closes the dialog and sends KEYS_CHANGED if the page behind it is the list, the detail page, or another page
    that shows keys. After a rename it reloads the detail page, whose title contains the name. From any other page, and
    for a plain request, it redirects to the list, in the
    organisation that the switcher shows.
    """
    full_list_url = querystring.link(list_url, {"organisation": preferences.get_organisation_slug(request)})
    if not is_htmx(request):
        messages.success(request, message)
        return redirect(full_list_url)
    path = current_page_url(request).partition("?")[0]
    is_on_detail_page = bool(detail_url) and path == detail_url
    if is_renamed and is_on_detail_page:
        messages.success(request, message)
        return HttpResponseClientRefresh()
    if not is_on_detail_page and path != list_url and not path.startswith(_LISTENING_PREFIXES):
        messages.success(request, message)
        return HttpResponseClientRedirect(full_list_url)
    response = HttpResponse(status=204)
    for event, detail in (("dialog:close", {}), (KEYS_CHANGED, {}), ("toast", {"message": message})):
        trigger_client_event(response, event, detail)
    return response


def redirect_to(request: HttpRequest, message: str, url: str) -> HttpResponseBase:
    """Load the page at `url`, and show `message` there; "" for none. htmx reloads the page if it is the current one."""
    if message:
        messages.success(request, message)
    if not is_htmx(request):
        return redirect(url)
    is_current = current_page_url(request).partition("?")[0] == url
    return HttpResponseClientRefresh() if is_current else HttpResponseClientRedirect(url)


def current_page_url(request: HttpRequest) -> str:
    """Path and query of the page that sent an htmx request. "/" if the header is missing or names another host."""
    details: HtmxDetails | None = getattr(request, "htmx", None)
    try:
        url = (details.current_url_abs_path if details else None) or ""
    except ValueError:  # the header is not a URL
        return "/"
    is_ours = url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None)
    return url if is_ours else "/"


def current_organisation_slug(request: HttpRequest) -> str:
    """The slug in the query of the request, else in the query of the page that opened the dialog, else ""."""
    page_query = current_page_url(request).partition("?")[2] if is_htmx(request) else ""
    return request.GET.get("organisation") or QueryDict(page_query).get("organisation", "")
