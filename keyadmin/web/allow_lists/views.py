"""Views of the allow-list editor: add, change and remove a range. htmx gets the editor, a plain request gets a page."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core import signing
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from keyadmin.core import cidr
from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.models import AllowListEntry, Bot, Key
from keyadmin.operations import policy
from keyadmin.operations.organisations import allow_lists
from keyadmin.operations.policy import Permission
from keyadmin.web.allow_lists import editor as editors
from keyadmin.web.allow_lists import lockout
from keyadmin.web.allow_lists.editor import Editor, RemovedRange
from keyadmin.web.bots import views as bots
from keyadmin.web.common import htmx, querystring
from keyadmin.web.common.current_user import CurrentUser, PageRequest, get_current_user
from keyadmin.web.keys import deleted


@require_http_methods(["GET", "HEAD", "POST"])
def of_bot(request: PageRequest, bot: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    permission = Permission.MANAGE_BOTS if request.method == "POST" else Permission.READ_ORGANISATION
    return _list(request, user, bots.get_bot(user, bot, permission))


@require_http_methods(["GET", "HEAD", "POST"])
def of_key(request: PageRequest, key: UUID) -> HttpResponseBase:
    user = get_current_user(request)
    permission = Permission.EDIT_KEYS if request.method == "POST" else Permission.READ_KEYS
    return _list(request, user, _get_key(user, key, permission))


@require_safe
def check_bot(request: PageRequest, bot: UUID) -> HttpResponse:
    user = get_current_user(request)
    return _check(request, bots.get_bot(user, bot, Permission.MANAGE_BOTS))


@require_safe
def check_key(request: PageRequest, key: UUID) -> HttpResponse:
    user = get_current_user(request)
    return _check(request, _get_key(user, key, Permission.EDIT_KEYS))


@require_http_methods(["GET", "HEAD", "POST"])
def entry(request: PageRequest, entry: UUID) -> HttpResponseBase:
    """GET shows the list with this range in a field. POST replaces the range."""
    user = get_current_user(request)
    row, owner = _get_entry(user, entry)
    if request.method != "POST":
        return _response(request, _editor(request, user, owner, editing=row.id, focus="edit"))
    typed = request.POST.get("network", "").strip()
    others = [other.network for other in _entries(owner) if other.id != row.id]
    blocked = _blocked(request, user, owner, [*others, row.network], others, typed)
    invalid = {"editing": row.id, "draft": typed, "focus": "edit"}
    if blocked:
        return _response(request, _editor(request, user, owner, blocked=blocked, **invalid), status=422)
    try:
        changed = allow_lists.change(actor=user.actor, entry=row.id, network=typed)
    except InvalidInputError as error:
        return _response(request, _editor(request, user, owner, error=error.message, **invalid), status=422)
    message = gettext("%(old)s is now %(new)s") % {"old": row.network, "new": changed.network}
    return _saved(request, _editor(request, user, owner, status=message, focus="add"))


@require_POST
def remove(request: PageRequest, entry: UUID) -> HttpResponseBase:
    """Remove a range. The last one must be confirmed, because it allows any address; so must one that is in use."""
    user = get_current_user(request)
    row, owner = _get_entry(user, entry)
    network = str(row.network)
    kept = [other.network for other in _entries(owner) if other.id != row.id]
    blocked = lockout.find_blocked_address(user.actor, owner, [*kept, row.network], kept)
    if blocked and request.POST.get("anyway") != network:
        asking = _editor(request, user, owner, confirming=row.id, blocked=blocked, focus="confirm")
        return _response(request, asking, status=422)
    try:
        allow_lists.remove(actor=user.actor, entry=row.id, allow_any=request.POST.get("allow_any") == "1")
    except InvalidInputError:
        return _response(request, _editor(request, user, owner, confirming=row.id, focus="confirm"), status=422)
    message = gettext("%(network)s removed") % {"network": network}
    removed = RemovedRange(network, signing.dumps([network, row.created_at.isoformat()], salt=_salt(owner)))
    return _saved(request, _editor(request, user, owner, removed=removed, status=message, focus="add"))


def _list(request: PageRequest, user: CurrentUser, owner: Bot | Key) -> HttpResponseBase:
    if request.method != "POST":
        return _response(request, _editor(request, user, owner, removed=_undoable(request, owner)))
    typed = request.POST.get("network", "").strip()
    before = [row.network for row in _entries(owner)]
    blocked = _blocked(request, user, owner, before, before, typed) if not before else None
    invalid = {"draft": typed, "focus": "add"}
    if blocked:
        return _response(request, _editor(request, user, owner, blocked=blocked, **invalid), status=422)
    try:
        since = _undo_token_ranges(owner, request.POST.get("undo", "")).get(typed)
        added = allow_lists.add(actor=user.actor, network=typed, since=since, **_owner_argument(owner))
    except InvalidInputError as error:
        return _response(request, _editor(request, user, owner, error=error.message, **invalid), status=422)
    message = gettext("%(network)s added") % {"network": added.network}
    return _saved(request, _editor(request, user, owner, status=message, focus="add"))


def _blocked(
    request: PageRequest,
    user: CurrentUser,
    owner: Bot | Key,
    before: list[cidr.Network],
    kept: list[cidr.Network],
    typed: str,
) -> lockout.BlockedAddress | None:
    """The address that the list of `kept` and `typed` would block; None if exactly this text was confirmed."""
    if not typed or request.POST.get("anyway") == typed:
        return None
    try:
        network = cidr.parse(typed, narrow_only=isinstance(owner, Bot))
    except cidr.CidrError:
        return None  # the operation reports the error
    return lockout.find_blocked_address(user.actor, owner, before, [*kept, network])


def _check(request: PageRequest, owner: Bot | Key) -> HttpResponse:
    """The button that adds the range. It is enabled if the text is a range that the list does not cover yet."""
    try:
        network = cidr.parse(request.GET.get("network", ""), narrow_only=isinstance(owner, Bot))
    except cidr.CidrError:
        is_valid = False
    else:
        is_valid = cidr.find_covering([row.network for row in _entries(owner)], network) is None
    return render(request, "networks/_tick.html", {"is_valid": is_valid})


def _get_entry(user: CurrentUser, entry: UUID) -> tuple[AllowListEntry, Any]:
    row = AllowListEntry.objects.visible_to(user.actor).filter(id=entry).first()
    if row is None:
        raise NotFoundError
    if row.bot_id:
        return row, bots.get_bot(user, row.bot_id, Permission.MANAGE_BOTS)
    return row, _get_key(user, row.key_id, Permission.EDIT_KEYS)


def _get_key(user: CurrentUser, key: UUID, permission: Permission) -> Any:
    row = Key.objects.visible_to(user.actor).select_related("organisation", "bot").filter(id=key).first()
    if row is None:
        raise deleted.not_found_error(user, key)
    if permission != Permission.READ_KEYS:
        policy.require_for_key(user.actor, permission, row.organisation, row.kind)
    user.page_organisation = row.organisation
    return row


def _entries(owner: Bot | Key) -> list[AllowListEntry]:
    return list(owner.allow_list.all())


def _owner_argument(owner: Bot | Key) -> dict[str, UUID]:
    return {"bot" if isinstance(owner, Bot) else "key": owner.id}


def _undoable(request: PageRequest, owner: Bot | Key) -> RemovedRange | None:
    """The removed range in the URL, for Undo; None if the list covers it again."""
    token = request.GET.get("removed", "")
    for network in _undo_token_ranges(owner, token):
        if not cidr.find_covering([row.network for row in _entries(owner)], cidr.parse(network)):
            return RemovedRange(network, token)
    return None


def _undo_token_ranges(owner: Bot | Key, token: str) -> dict[str, datetime]:
    """{range: time when it was first added} in a token of `remove`. Empty if the token is not valid."""
    try:
        network, since = signing.loads(token, salt=_salt(owner))
    except signing.BadSignature:
        return {}
    return {network: datetime.fromisoformat(since)}


def _salt(owner: Bot | Key) -> str:
    return f"removed from {owner.pk}"


def _editor(request: PageRequest, user: CurrentUser, owner: Bot | Key, **state: Any) -> Editor:
    create: Any = editors.of_bot if isinstance(owner, Bot) else editors.of_key
    editor: Editor = create(request, user, owner, **state)
    return editor


def _response(request: PageRequest, editor: Editor, status: int = 200) -> HttpResponse:
    context = {"editor": editor, "section": "bots" if editor.is_bot else "keys"}
    if htmx.is_htmx(request):
        return render(request, "networks/_editor.html#body", context, status=status)
    return render(request, "networks/page.html", context, status=status)


def _saved(request: PageRequest, editor: Editor) -> HttpResponseBase:
    if htmx.is_htmx(request):
        return _response(request, editor)
    messages.success(request, editor.status)
    return redirect(querystring.link(editor.url, {"removed": editor.removed.token if editor.removed else ""}))
