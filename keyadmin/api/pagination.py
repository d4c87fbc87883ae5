"""How lists lead on: RFC 8288 Link headers with keyset cursors."""

from django.http import HttpRequest, HttpResponse

from keyadmin.models.paging import Page


def lead_on(request: HttpRequest, response: HttpResponse, page: Page) -> None:
    """Name the neighbouring pages, with the filters of this one."""
    found = {"prev": page.before, "next": page.after}
    links = [f'<{_url(request, cursor)}>; rel="{relation}"' for relation, cursor in found.items() if cursor]
    if links:
        response["Link"] = ", ".join(links)


def _url(request: HttpRequest, cursor: str) -> str:
    query = request.GET.copy()
    query["cursor"] = cursor
    return f"{request.path}?{query.urlencode()}"
