"""`/api/allow-list-entries`: the networks from which a key, or every key of a bot, may be used."""

from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, Self
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router, Status
from pydantic import BaseModel, Field

from keyadmin.api import idempotency, openapi
from keyadmin.api.auth import ApiRequest, actor_of
from keyadmin.api.crud import expected_revision, get_or_404, organisation_of, render, render_page
from keyadmin.api.schemas import Body, BotName, ListQuery, Revision
from keyadmin.core.errors import InvalidInputError, NoChangesError
from keyadmin.models import AllowListEntry, Bot, Key, paging
from keyadmin.operations.organisations import allow_lists

router = Router(tags=["Allow-list entries"])

BY_OWNER: Final = paging.Order("owner_id", False, UUID, UUID)
Network = Annotated[str, Field(max_length=100, examples=["203.0.113.0/24"])]
Note = Annotated[str, Field(max_length=2000, description="At most 200 characters.", examples=["Berlin office"])]
OwnerId = Annotated[UUID | None, Field(strict=False)]


class KeyName(BaseModel):
    id: UUID
    name: str = Field(examples=["CRM integration"])


class EntryOut(BaseModel):
    """An entry of a bot's allow-list or of a key's own."""

    id: UUID
    network: str = Field(examples=["203.0.113.0/24"])
    note: str = Field(examples=["Berlin office"])
    bot: BotName | None
    key: KeyName | None
    created_at: datetime
    revision: Revision

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(
            id=row.id,
            network=str(row.network),
            note=row.note,
            bot=BotName.of(row.bot) if row.bot else None,
            key=KeyName(id=row.key.id, name=row.key.name) if row.key else None,
            created_at=row.created_at,
            revision=row.revision,
        )


class NewEntry(Body):
    """A network for the list of one `bot` or one `key`. With the first entry, all other addresses are denied."""

    network: Network
    note: Note = ""
    bot: OwnerId = None
    key: Annotated[UUID | None, Field(strict=False, examples=["9b2d1c4e-5f60-4a7b-8c9d-0e1f2a3b4c5d"])] = None


class ChangedEntry(Body):
    """The fields to change."""

    network: Network = ""
    note: Note = ""


class EntryQuery(ListQuery):
    bot: UUID | None = None
    key: UUID | None = None


@router.get("/allow-list-entries", url_name="allow-list-entries", **openapi.page(EntryOut, scope="keys:read"))
def list_(request: ApiRequest, response: HttpResponse, query: Query[EntryQuery]) -> list[EntryOut]:
    """List the entries of one bot, one key, one organisation, or all, ordered by owner."""
    actor = actor_of(request)
    owners = {
        owner: get_or_404(model.objects.visible_to(actor), id=owner_id)
        for model, owner in ((Bot, "bot"), (Key, "key"))
        if (owner_id := getattr(query, owner))
    }
    # A caller that may see the owner may see its list.
    entries = AllowListEntry.objects.filter(**owners) if owners else AllowListEntry.objects.visible_to(actor)
    rows = entries.with_owner().select_related("bot", "key")
    if query.organisation:
        rows = rows.of_organisation(organisation_of(request, query.organisation))
    return render_page(request, response, rows, BY_OWNER, query, EntryOut.of)


@router.post(
    "/allow-list-entries",
    url_name="allow-list-entries",
    **openapi.creation(
        EntryOut,
        scope="keys:write",
        links=openapi.links_to("entry", "allow_lists_view", "allow_lists_edit", "allow_lists_remove"),
    ),
)
def add(request: ApiRequest, response: HttpResponse, new: NewEntry) -> Status[EntryOut]:
    """Add a network to an allow-list."""
    if (new.bot is None) == (new.key is None):
        raise InvalidInputError({"body": ["Send either `bot` or `key`."]})
    values: dict[str, Any] = {"network": new.network, "note": new.note, "bot": new.bot, "key": new.key}
    operation = partial(allow_lists.add, actor=actor_of(request), **values)
    return idempotency.run_creation(request, response, operation, partial(_render, request, response))


@router.get("/allow-list-entries/{uuid:entry}", url_name="allow-list-entry", **openapi.row(EntryOut, scope="keys:read"))
def view(request: ApiRequest, response: HttpResponse, entry: UUID) -> EntryOut:
    """Show an entry."""
    return _render(request, response, entry)


@router.patch(
    "/allow-list-entries/{uuid:entry}", url_name="allow-list-entry", **openapi.edit(EntryOut, scope="keys:write")
)
def edit(request: ApiRequest, response: HttpResponse, entry: UUID, changed: ChangedEntry) -> EntryOut:
    """Change the network or the note."""
    revision = expected_revision(request)
    with suppress(NoChangesError):
        allow_lists.change(actor=actor_of(request), entry=entry, revision=revision, **changed.sent_fields())
    return _render(request, response, entry)


@router.delete(
    "/allow-list-entries/{uuid:entry}", url_name="allow-list-entry", **openapi.edit(None, scope="keys:write")
)
def remove(request: ApiRequest, entry: UUID, allow_any: bool = False) -> Status[None]:
    """Remove a network. Removing the last one allows any address and requires `allow_any=true`."""
    revision = expected_revision(request)
    allow_lists.remove(actor=actor_of(request), entry=entry, allow_any=allow_any, revision=revision)
    return Status(204, None)


def _render(request: ApiRequest, response: HttpResponse, entry: Any, created: Any = None) -> EntryOut:
    rows = AllowListEntry.objects.visible_to(actor_of(request)).select_related("bot", "key")
    return render(response, rows, EntryOut.of, id=entry)
