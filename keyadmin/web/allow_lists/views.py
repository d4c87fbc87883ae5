"""Requests of the allow-list editor: add, change and remove a range. htmx gets the editor, others a page.

The list in a form is not saved here: the form sends its rows, and gets them back as they are after the change.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core import signing
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from keyadmin.core import cidr
from keyadmin.core.errors import InvalidInputError, NotFoundError
from keyadmin.models import AllowListEntry, Bot, Key
from keyadmin.operations import allow_list_rules, policy
from keyadmin.operations.allow_list_rules import RejectedNetwork
from keyadmin.operations.organisations import allow_lists
from keyadmin.operations.policy import Permission
from keyadmin.web.allow_lists import editor as editors
from keyadmin.web.allow_lists import lockout
from keyadmin.web.allow_lists.editor import DraftEditor, Editor, RemovedRange, SavedEditor
from keyadmin.web.bots import views as bots
from keyadmin.web.common import htmx, querystring
from keyadmin.web.common.actors import client_ip
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


@require_POST
def draft(request: PageRequest) -> HttpResponse:
    """The list in a form after a change. Reads and saves nothing; the form does when it is submitted."""
    networks, _ = allow_list_rules.parse_networks(_rows(request), ())
    editor = DraftEditor(networks=networks, draft=_typed(request), my_address=client_ip(request) or "", focus="add")
    if network := request.POST.get("remove"):
        editor.networks = [other for other in networks if str(other) != network]
        editor.removed = RemovedRange(network, network)
        editor.status = editors.removed_message(network)
        return _response(request, editor)
    # The text in the field stays there if something else is added.
    other = request.POST.get("undo") or request.POST.get("add")
    added, rejected = allow_list_rules.parse_networks(cidr.split(other or editor.draft or "") or [""], networks)
    editor.networks = [*networks, *added]
    editor.status = editors.added_message(added)
    editor.problems = rejected
    if not other:
        editor.draft = editors.text_of(rejected)
    return _response(request, editor, status=422 if rejected else 200)


@require_POST
def check_draft(request: PageRequest) -> HttpResponse:
    networks, _ = allow_list_rules.parse_networks(_rows(request), ())
    return _tick(request, DraftEditor(), networks, reject_wide=False)


@require_POST
def check_bot(request: PageRequest, bot: UUID) -> HttpResponse:
    user = get_current_user(request)
    return _check(request, user, bots.get_bot(user, bot, Permission.MANAGE_BOTS))


@require_POST
def check_key(request: PageRequest, key: UUID) -> HttpResponse:
    user = get_current_user(request)
    return _check(request, user, _get_key(user, key, Permission.EDIT_KEYS))


@require_http_methods(["GET", "HEAD", "POST"])
def entry(request: PageRequest, entry: UUID) -> HttpResponseBase:
    """GET shows the list with this range in a field. POST replaces the range."""
    user = get_current_user(request)
    row, owner = _get_entry(user, entry)
    if request.method != "POST":
        return _response(request, _editor(request, user, owner, editing=row.id, focus="edit"))
    typed = _typed(request)
    invalid = {"editing": row.id, "draft": typed, "focus": "edit"}
    others = [other.network for other in _entries(owner) if other.id != row.id]
    networks, rejected = allow_list_rules.parse_networks([typed], others, reject_wide=isinstance(owner, Bot))
    if rejected:
        return _response(request, _editor(request, user, owner, problems=rejected, **invalid), status=422)
    if blocked := _blocked(request, user, owner, [*others, row.network], [*others, *networks], networks):
        return _response(request, _editor(request, user, owner, **blocked, **invalid), status=422)
    try:
        changed = allow_lists.change(actor=user.actor, entry=row.id, network=typed)
    except InvalidInputError as error:
        problems = [RejectedNetwork(typed, error.message)]
        return _response(request, _editor(request, user, owner, problems=problems, **invalid), status=422)
    message = gettext("%(old)s is now %(new)s") % {"old": row.network, "new": changed.network}
    return _saved(request, _editor(request, user, owner, status=message, focus="add"))


@require_POST
def remove(request: PageRequest, entry: UUID) -> HttpResponseBase:
    """Remove a range. The last one must be confirmed, because it allows any address; so must one that is needed."""
    user = get_current_user(request)
    row, owner = _get_entry(user, entry)
    network = str(row.network)
    kept = [other.network for other in _entries(owner) if other.id != row.id]
    blocked = lockout.find_lockout(user.actor, owner, [*kept, row.network], kept)
    if blocked and request.POST.get("anyway") != network:
        asking = _editor(request, user, owner, confirming=row.id, blocked=blocked, focus="confirm")
        return _response(request, asking, status=422)
    try:
        allow_lists.remove(actor=user.actor, entry=row.id, allow_any=request.POST.get("allow_any") == "1")
    except InvalidInputError:
        return _response(request, _editor(request, user, owner, confirming=row.id, focus="confirm"), status=422)
    message = editors.removed_message(network)
    removed = RemovedRange(network, signing.dumps([network, row.created_at.isoformat()], salt=_salt(owner)))
    return _saved(request, _editor(request, user, owner, removed=removed, status=message, focus="add"))


def _list(request: PageRequest, user: CurrentUser, owner: Bot | Key) -> HttpResponseBase:
    if request.method != "POST":
        return _response(request, _editor(request, user, owner, removed=_undoable(request, owner)))
    if token := request.POST.get("undo"):
        return _undo(request, user, owner, token)
    typed = _typed(request)
    before = [row.network for row in _entries(owner)]
    networks, rejected = allow_list_rules.parse_networks(
        cidr.split(typed) or [""], before, reject_wide=isinstance(owner, Bot)
    )
    if not before and (blocked := _blocked(request, user, owner, before, networks, networks)):
        return _response(request, _editor(request, user, owner, draft=typed, focus="add", **blocked), status=422)
    added = []
    for network in networks:
        try:
            added.append(allow_lists.add(actor=user.actor, network=str(network), **_owner_argument(owner)).network)
        except InvalidInputError as error:  # another request changed the list
            rejected.append(RejectedNetwork(str(network), error.message))
    editor = _editor(request, user, owner, status=editors.added_message(added), focus="add")
    if not rejected:
        return _saved(request, editor)
    editor.draft, editor.problems = editors.text_of(rejected), rejected
    return _response(request, editor, status=422)


def _undo(request: PageRequest, user: CurrentUser, owner: Bot | Key, token: str) -> HttpResponseBase:
    """Put a removed range back in its place."""
    problems = []
    for network, created_at in _undo_token_ranges(owner, token).items():
        try:
            added = allow_lists.add(actor=user.actor, network=network, created_at=created_at, **_owner_argument(owner))
        except InvalidInputError as error:
            problems.append(RejectedNetwork(network, error.message))
        else:
            status = editors.added_message([added.network])
            return _saved(request, _editor(request, user, owner, status=status, focus="add"))
    return _response(request, _editor(request, user, owner, problems=problems, focus="add"), status=422)


def _blocked(
    request: PageRequest,
    user: CurrentUser,
    owner: Bot | Key,
    before: list[cidr.Network],
    after: list[cidr.Network],
    new: list[cidr.Network],
) -> dict[str, Any]:
    """The state of an editor that asks about what would be blocked, unless exactly `new` was confirmed."""
    anyway = " ".join(map(str, new))
    if request.POST.get("anyway") == anyway:
        return {}
    blocked = lockout.find_lockout(user.actor, owner, before, after)
    return {"blocked": blocked, "anyway": anyway} if blocked else {}


def _check(request: PageRequest, user: CurrentUser, owner: Bot | Key) -> HttpResponse:
    others = [row.network for row in _entries(owner)]
    return _tick(request, _editor(request, user, owner), others, reject_wide=isinstance(owner, Bot))


def _tick(request: PageRequest, editor: Editor, others: list[cidr.Network], *, reject_wide: bool) -> HttpResponse:
    """The button that adds what was typed, enabled if all of it is valid."""
    networks, rejected = allow_list_rules.parse_networks(cidr.split(_typed(request)), others, reject_wide=reject_wide)
    context = {"editor": editor, "is_valid": bool(networks) and not rejected}
    return render(request, "networks/_tick.html", context)


def _typed(request: PageRequest) -> str:
    """The text in the field, with the suggestion that was pressed in place of the text that it is for."""
    typed = request.POST.get("network", "").strip()
    rejected, _, suggestion = request.POST.get("use", "").partition(" ")
    if not suggestion:
        return typed
    return " ".join(suggestion if part == rejected else part for part in cidr.split(typed))


def _rows(request: PageRequest) -> list[str]:
    """The rows of the list in a form."""
    return [part for text in request.POST.getlist("networks") for part in cidr.split(text)]


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
    return row


def _entries(owner: Bot | Key) -> list[AllowListEntry]:
    return list(owner.allow_list.all())


def _owner_argument(owner: Bot | Key) -> dict[str, Any]:
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


def _editor(request: PageRequest, user: CurrentUser, owner: Bot | Key, **state: Any) -> SavedEditor:
    create: Any = editors.of_bot if isinstance(owner, Bot) else editors.of_key
    editor: SavedEditor = create(request, user, owner, **state)
    return editor


def _response(request: PageRequest, editor: Editor, status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {"editor": editor}
    if htmx.is_htmx(request) or not isinstance(editor, SavedEditor):
        return render(request, "networks/_body.html", context | {"is_response": True}, status=status)
    context["section"] = "bots" if editor.is_bot else "keys"
    return render(request, "networks/page.html", context, status=status)


def _saved(request: PageRequest, editor: SavedEditor) -> HttpResponseBase:
    if htmx.is_htmx(request):
        return _response(request, editor)
    messages.success(request, editor.status)
    return redirect(querystring.link(editor.url, {"removed": editor.removed.token if editor.removed else ""}))
