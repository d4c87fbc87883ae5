"""The allow-list editor's requests: add, change and remove a range, for htmx and as pages of their own."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from keyadmin.core import cidr
from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.models import AllowListEntry, Bot, Key
from keyadmin.operations import policy
from keyadmin.operations.organisations import allow_lists
from keyadmin.operations.policy import Permission
from keyadmin.web.allow_lists import editor as network_editor
from keyadmin.web.allow_lists import lockout
from keyadmin.web.allow_lists.editor import Editor, Removed
from keyadmin.web.bots import views
from keyadmin.web.common import htmx, querystring
from keyadmin.web.common.current_user import CurrentUser, get_current_user
from keyadmin.web.keys import deleted


@require_http_methods(["GET", "HEAD", "POST"])
def of_bot(request: HttpRequest, bot: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    may = Permission.MANAGE_BOTS if request.method == "POST" else Permission.READ_ORGANISATION
    return _list(request, user, views.bot_for(user, bot, may))


@require_http_methods(["GET", "HEAD", "POST"])
def of_key(request: HttpRequest, key: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    may = Permission.EDIT_KEYS if request.method == "POST" else Permission.READ_KEYS
    return _list(request, user, _key_for(user, key, may))


@require_safe
def check_bot(request: HttpRequest, bot: UUID) -> HttpResponse:
    user = get_current_user(request)
    return _check(request, views.bot_for(user, bot, Permission.MANAGE_BOTS))


@require_safe
def check_key(request: HttpRequest, key: UUID) -> HttpResponse:
    user = get_current_user(request)
    return _check(request, _key_for(user, key, Permission.EDIT_KEYS))


@require_http_methods(["GET", "HEAD", "POST"])
def entry(request: HttpRequest, entry: UUID) -> HttpResponseBase:
    """GET shows the list with this range in its field, POST puts another in its place."""
    user = get_current_user(request)
    row, owner = _entry_for(user, entry)
    if request.method != "POST":
        return _answer(request, _editor(request, user, owner, editing=row.id, focus="edit"))
    typed = request.POST.get("network", "").strip()
    others = [other.network for other in _entries(owner) if other.id != row.id]
    blocked = _blocked(request, user, owner, [*others, row.network], others, typed)
    wrong = {"editing": row.id, "draft": typed, "focus": "edit"}
    if blocked:
        return _answer(request, _editor(request, user, owner, blocked=blocked, **wrong), status=422)
    try:
        changed = allow_lists.change(actor=user.actor, entry=row.id, network=typed)
    except InvalidInputError as error:
        return _answer(request, _editor(request, user, owner, error=error.message, **wrong), status=422)
    words = gettext("%(old)s is now %(new)s") % {"old": row.network, "new": changed.network}
    return _saved(request, _editor(request, user, owner, status=words, focus="add"))


@require_POST
def remove(request: HttpRequest, entry: UUID) -> HttpResponseBase:
    """The last range takes a second press, since without it any address is allowed; one in use as well."""
    user = get_current_user(request)
    row, owner = _entry_for(user, entry)
    network = str(row.network)
    kept = [other.network for other in _entries(owner) if other.id != row.id]
    blocked = lockout.busiest(user.actor, owner, [*kept, row.network], kept)
    if blocked and request.POST.get("anyway") != network:
        asking = _editor(request, user, owner, leaving=row.id, blocked=blocked, focus="ask")
        return _answer(request, asking, status=422)
    try:
        allow_lists.remove(actor=user.actor, entry=row.id, allow_any=request.POST.get("allow_any") == "1")
    except InvalidInputError:
        return _answer(request, _editor(request, user, owner, leaving=row.id, focus="ask"), status=422)
    words = gettext("%(network)s removed") % {"network": network}
    removed = Removed(network, signing.dumps([network, row.created_at.isoformat()], salt=_salt(owner)))
    return _saved(request, _editor(request, user, owner, removed=removed, status=words, focus="add"))


def _list(request: HttpRequest, user: CurrentUser, owner: Bot | Key) -> HttpResponseBase:
    if request.method != "POST":
        return _answer(request, _editor(request, user, owner, removed=_undoable(request, owner)))
    typed = request.POST.get("network", "").strip()
    before = [row.network for row in _entries(owner)]
    blocked = _blocked(request, user, owner, before, before, typed) if not before else None
    wrong = {"draft": typed, "focus": "add"}
    if blocked:
        return _answer(request, _editor(request, user, owner, blocked=blocked, **wrong), status=422)
    try:
        since = _stood(owner, request.POST.get("undo", "")).get(typed)
        added = allow_lists.add(actor=user.actor, network=typed, since=since, **_which(owner))
    except InvalidInputError as error:
        return _answer(request, _editor(request, user, owner, error=error.message, **wrong), status=422)
    words = gettext("%(network)s added") % {"network": added.network}
    return _saved(request, _editor(request, user, owner, status=words, focus="add"))


def _blocked(
    request: HttpRequest,
    user: CurrentUser,
    owner: Bot | Key,
    before: list[cidr.Network],
    kept: list[cidr.Network],
    typed: str,
) -> lockout.Blocked | None:
    """Whom `typed` beside `kept` would shut out, unless the user has said that exactly this is meant."""
    if not typed or request.POST.get("anyway") == typed:
        return None
    try:
        network = cidr.parse(typed, floor=isinstance(owner, Bot))
    except cidr.CidrError:
        return None  # the operation says it
    return lockout.busiest(user.actor, owner, before, [*kept, network])


def _check(request: HttpRequest, owner: Bot | Key) -> HttpResponse:
    """Whether the tick may wake."""
    try:
        network = cidr.parse(request.GET.get("network", ""), floor=isinstance(owner, Bot))
    except cidr.CidrError:
        ready = False
    else:
        ready = cidr.covers([row.network for row in _entries(owner)], network) is None
    return render(request, "networks/_tick.html", {"ready": ready})


def _entry_for(user: CurrentUser, entry: UUID) -> tuple[AllowListEntry, Any]:
    row = AllowListEntry.objects.visible_to(user.actor).filter(id=entry).first()
    if row is None:
        raise NotFoundError
    if row.bot_id:
        return row, views.bot_for(user, row.bot_id, Permission.MANAGE_BOTS)
    return row, _key_for(user, row.key_id, Permission.EDIT_KEYS)


def _key_for(user: CurrentUser, key: UUID, permission: Permission) -> Any:
    row = Key.objects.visible_to(user.actor).select_related("organisation", "bot").filter(id=key).first()
    if row is None:
        raise deleted.missing(user, key)
    if permission != Permission.READ_KEYS:
        policy.require_for_key(user.actor, permission, row.organisation, row.kind)
    user.page_organisation = row.organisation
    return row


def _entries(owner: Bot | Key) -> list[AllowListEntry]:
    return list(owner.allow_list.all())


def _which(owner: Bot | Key) -> dict[str, UUID]:
    return {"bot" if isinstance(owner, Bot) else "key": owner.id}


def _undoable(request: HttpRequest, owner: Bot | Key) -> Removed | None:
    """What the address says was removed, if the list does not have it again."""
    token = request.GET.get("removed", "")
    for network in _stood(owner, token):
        if not cidr.covers([row.network for row in _entries(owner)], cidr.parse(network)):
            return Removed(network, token)
    return None


def _stood(owner: Bot | Key, token: str) -> dict[str, datetime]:
    """The range that a token of `remove` tells of, and since when it was on the list. Nothing, if it is none."""
    try:
        network, since = signing.loads(token, salt=_salt(owner))
    except signing.BadSignature:
        return {}
    return {network: datetime.fromisoformat(since)}


def _salt(owner: Bot | Key) -> str:
    return f"removed from {owner.pk}"


def _editor(request: HttpRequest, user: CurrentUser, owner: Bot | Key, **state: Any) -> Editor:
    make: Any = network_editor.of_bot if isinstance(owner, Bot) else network_editor.of_key
    editor: Editor = make(request, user, owner, **state)
    return editor


def _answer(request: HttpRequest, editor: Editor, status: int = 200) -> HttpResponse:
    context = {"editor": editor, "section": "bots" if editor.is_bot else "keys"}
    if htmx.is_htmx(request):
        return render(request, "networks/_editor.html#body", context, status=status)
    return render(request, "networks/page.html", context, status=status)


def _saved(request: HttpRequest, editor: Editor) -> HttpResponseBase:
    if htmx.is_htmx(request):
        return _answer(request, editor)
    messages.success(request, editor.status)
    return redirect(querystring.link(editor.url, {"removed": editor.removed.token if editor.removed else ""}))
