"""The history that the filters in the address leave, as a file."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_POST

from keyadmin.forms.filters import HistoryExport
from keyadmin.operations.audit import export as exports
from keyadmin.web.common.current_user import get_current_user, requires_read_access
from keyadmin.web.history import views


@require_POST
@requires_read_access
def export(request: HttpRequest) -> HttpResponseBase:
    """A POST, since it is recorded: nobody is made to export by a link."""
    user = get_current_user(request)
    form = HistoryExport(request.POST)
    if not form.is_valid():
        return HttpResponse("Choose csv or jsonl.", status=400, content_type="text/plain; charset=utf-8")
    wanted, _ = views.asked(request, user)
    made = exports.history(actor=user.actor, wanted=wanted, format=exports.ExportFormat(form.cleaned_data["format"]))
    headers = {"Content-Disposition": f'attachment; filename="{made.name}"'}
    return StreamingHttpResponse(made.pieces, content_type=made.media_type, headers=headers)
