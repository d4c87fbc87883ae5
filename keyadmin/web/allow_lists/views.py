"""Requests of the allow-list editor: add, change and remove a range. htmx gets the editor, others a page.

The list in a form is not saved here: the form sends its rows, and gets them back as they are after the change.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core import signing
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from keyadmin.core import cidr, url_tokens
from keyadmin.core.errors import InvalidInputError, NoChangesError, NotFoundError
from keyadmin.forms.keys import rows_of_list
from keyadmin.models import AllowListEntry, Bot, Key
from keyadmin.operations import allow_list_rules, policy
from keyadmin.operations.allow_list_rules import RejectedNetwork, TypedEntry
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
    entries, _ = allow_list_rules.parse_entries(rows_of_list(request.POST, "networks"), ())
    editor = DraftEditor(entries=entries, draft=_typed(request), my_address=client_ip(request) or "", focus="add")
    if network := request.POST.get("remove"):
        editor.entries = [other for other in entries if str(other.network) != network]
        removed = next((other for other in entries if str(other.network) == network), network)
        editor.removed = RemovedRange(network, str(removed))
        editor.status = editors.removed_message(network)
        return _response(request, editor)
    # The text in the field stays there if something else is added.
    other = request.POST.get("undo") or request.POST.get("add")
    present = [entry.network for entry in entries]
    typed = TypedEntry.split(other or editor.draft or "") or [TypedEntry("")]
    added, rejected = allow_list_rules.parse_entries(typed, present)
    editor.entries = [*entries, *added]
    editor.status = editors.added_message([entry.network for entry in added])
    editor.problems = rejected
    if not other:
        editor.draft = editors.text_of(rejected)
    return _response(request, editor, status=422 if rejected else 200)


@require_POST
def check_draft(request: PageRequest) -> HttpResponse:
    rows, _ = allow_list_rules.parse_entries(rows_of_list(request.POST, "networks"), ())
    return _tick(request, DraftEditor(), [entry.network for entry in rows], reject_wide=False)


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
    """GET shows the list with this range and its note in fields. POST changes them."""
    user = get_current_user(request)
    row, owner = _get_entry(user, entry)
    if request.method != "POST":
        return _response(request, _editor(request, user, owner, editing=row.id, focus="edit"))
    typed, note = _typed(request), request.POST.get("note", row.note)
    invalid = {"editing": row.id, "draft": typed, "draft_note": note, "focus": "edit"}
    others = [other.network for other in _entries(owner) if other.id != row.id]
    entries, rejected = allow_list_rules.parse_entries(
        [TypedEntry(typed, note)], others, reject_wide=isinstance(owner, Bot)
    )
    if rejected:
        return _response(request, _editor(request, user, owner, problems=rejected, **invalid), status=422)
    new = [entry.network for entry in entries]
    is_moved = new != [row.network]
    if is_moved and (blocked := _blocked(request, user, owner, [*others, row.network], [*others, *new], new)):
        return _response(request, _editor(request, user, owner, **blocked, **invalid), status=422)
    try:
        changed = allow_lists.change(actor=user.actor, entry=row.id, network=typed, note=note)
    except NoChangesError as error:
        return _response(request, _editor(request, user, owner, status=error.message, focus="add"))
    except InvalidInputError as error:
        problems = [RejectedNetwork(typed, error.message)]
        return _response(request, _editor(request, user, owner, problems=problems, **invalid), status=422)
    message = editors.changed_message(row.network, changed.network)
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
    token = signing.dumps([network, row.created_at.isoformat(), row.note], salt=_salt(owner))
    removed = RemovedRange(network, url_tokens.split(token))
    return _saved(request, _editor(request, user, owner, removed=removed, status=message, focus="add"))


def _list(request: PageRequest, user: CurrentUser, owner: Bot | Key) -> HttpResponseBase:
    if request.method != "POST":
        return _response(request, _editor(request, user, owner, removed=_undoable(request, owner)))
    if token := request.POST.get("undo"):
        return _undo(request, user, owner, token)
    typed, note = _typed(request), request.POST.get("note", "")
    before = [row.network for row in _entries(owner)]
    entries, rejected = allow_list_rules.parse_entries(
        TypedEntry.split(typed, note) or [TypedEntry("")], before, reject_wide=isinstance(owner, Bot)
    )
    networks = [entry.network for entry in entries]
    if not before and (blocked := _blocked(request, user, owner, before, networks, networks)):
        state = {"draft": typed, "draft_note": note, "focus": "add", **blocked}
        return _response(request, _editor(request, user, owner, **state), status=422)
    added = []
    for network, own_note in entries:
        values = {"network": str(network), "note": own_note, **_owner_argument(owner)}
        try:
            added.append(allow_lists.add(actor=user.actor, **values).network)
        except InvalidInputError as error:  # another request changed the list
            rejected.append(RejectedNetwork(str(network), error.message, note=own_note))
    editor = _editor(request, user, owner, status=editors.added_message(added), focus="add")
    if not rejected:
        return _saved(request, editor)
    # A note from the field for it stays there; the others stay beside their networks.
    kept = [replace(each, note="") if each.note == note.strip() else each for each in rejected]
    editor.draft, editor.draft_note, editor.problems = editors.text_of(kept), note, rejected
    return _response(request, editor, status=422)


def _undo(request: PageRequest, user: CurrentUser, owner: Bot | Key, token: str) -> HttpResponseBase:
    """Put a removed range back in its place."""
    problems = []
    for network, values in _undo_token_ranges(owner, token).items():
        try:
            added = allow_lists.add(actor=user.actor, network=network, **values, **_owner_argument(owner))
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
    typed = TypedEntry.split(_typed(request))
    entries, rejected = allow_list_rules.parse_entries(typed, others, reject_wide=reject_wide)
    context = {"editor": editor, "is_valid": bool(entries) and not rejected}
    return render(request, "networks/_tick.html", context)


def _typed(request: PageRequest) -> str:
    """The text in the field, with the suggestion that was pressed in place of the text that it is for."""
    typed = request.POST.get("network", "").strip()
    rejected, _, suggestion = request.POST.get("use", "").partition(" ")
    if not suggestion:
        return typed
    entries = TypedEntry.split(typed)
    used = [RejectedNetwork(suggestion if text == rejected else text, "", note=note) for text, note in entries]
    return editors.text_of(used)


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


def _undo_token_ranges(owner: Bot | Key, token: str) -> dict[str, dict[str, Any]]:
    """{range: when it was first added, and its note} in a token of `remove`. Empty if the token is not valid."""
    try:
        network, since, note = signing.loads(url_tokens.join(token), salt=_salt(owner))
    except (signing.BadSignature, ValueError):
        return {}
    return {network: {"created_at": datetime.fromisoformat(since), "note": note}}


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
