"""`/api/keys`: all acts on keys that pages offer."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.views.decorators.debug import sensitive_variables
from ninja import Query, Router, Status
from pydantic import AfterValidator, BaseModel, Field

from keyadmin.api import idempotency, openapi
from keyadmin.api.auth import ApiRequest, actor_of
from keyadmin.api.crud import (
    expected_revision,
    filter_by_org,
    find_tier,
    get_or_404,
    organisation_of,
    render,
    render_page,
    require_known_filters,
)
from keyadmin.api.schemas import (
    NO_REASON,
    Body,
    BotName,
    ListFilters,
    ListQuery,
    Moment,
    OrganisationName,
    ReasonIn,
    Revision,
    Slug,
    Text,
    TierName,
)
from keyadmin.core import cidr
from keyadmin.core.actors import Actor
from keyadmin.core.errors import NoChangesError
from keyadmin.forms.filters import NO_BOT, filter_keys
from keyadmin.models import Bot, CallOutcomeGroup, Channel, Key, KeyKind, KeyStatus, paging
from keyadmin.models.scope import effective_scopes
from keyadmin.models.usage import calls_of_last_days
from keyadmin.operations import keys
from keyadmin.operations.keys.secrets import IssuedKey
from keyadmin.operations.validation import UNSET, FieldErrors

router = Router(tags=["Keys"])

Names = Annotated[list[str], Field(max_length=1000)]


class KeyFields(Body):
    """The fields that new and changed keys share."""

    description: Text = ""
    scopes: Names = Field(default=[], examples=[["chats:read"]])
    inherits: bool = Field(
        default=False,
        description="Full access: the key has the scopes that its creator's roles allow. Not together with `scopes`.",
    )
    channels: Names = Field(default=[], description="Slugs. Empty: all channels.")
    networks: Names = Field(default=[], description="CIDR. Empty: any address.", examples=[["203.0.113.0/24"]])
    expires_at: Moment = None
    tier: str = Field(default="", description="The name of a tier. Absent: the default tier of the organisation.")


class NewKey(KeyFields):
    """Without `expires_at`, the key never expires, or as late as the organisation and the calling key allow."""

    name: Text = Field(
        default="",
        description="Absent: taken from the description, which it follows until the name itself is edited.",
        examples=["CRM integration"],
    )
    organisation: Slug = ""
    bot: Annotated[UUID | None, Field(strict=False)] = None
    kind: Annotated[KeyKind | None, Field(strict=False)] = None


class ChangedKey(KeyFields):
    """Fields that are not sent do not change."""

    name: Text = Field(default="", examples=["CRM integration"])
    allow_any: bool = Field(default=False, description="Required to remove the last network, which allows any address.")


class Regeneration(Body):
    grace_seconds: Annotated[int, Field(ge=0, le=7 * 24 * 3600)] = Field(
        default=0,
        examples=[3600],
        description="Seconds for which the old secret keeps working, at most until the key expires.",
    )
    expires_at: Moment = Field(
        default=None, description="The new expiry; null: never. Absent: the key keeps its expiry."
    )


class Reactivation(ReasonIn):
    expires_at: Moment = None


_DEFAULT_REGENERATION: Final = Regeneration()
_DEFAULT_REACTIVATION: Final = Reactivation()


class KeyOut(BaseModel):
    """A key without its secret."""

    id: UUID
    key_id: str | None = Field(
        description="For X-API-Key-Id. null in the compact format.", examples=["kad_a1b2c3d4e5f6a7b8"]
    )
    name: str = Field(examples=["CRM integration"])
    name_follows_description: bool = Field(
        examples=[False],
        description="true: the name was taken from the description, and changes with it until the name is edited.",
    )
    description: str = Field(examples=["Creates a chat for every new deal"])
    kind: str = Field(description="master, standard, bot or public.", examples=["standard"])
    masked: str = Field(
        description="Prefix and eight characters by which people recognise the key.", examples=["kad_a1b2c3d4"]
    )
    organisation: OrganisationName
    bot: BotName | None
    status: str = Field(
        description="revoked, expired, paused, expiring or active: the first that applies.", examples=["active"]
    )
    scopes: list[str] = Field(description="The key's own scopes. Empty if it inherits.", examples=[["chats:read"]])
    inherits: bool = Field(description="true: it may do what its creator's current roles allow.", examples=[False])
    effective_scopes: list[str] = Field(
        description="The scopes that the key has now: its own, or those that it inherits.", examples=[["chats:read"]]
    )
    channels: list[str] = Field(
        description="Slugs of the channels to which the key is restricted. Empty: all.", examples=[["whatsapp"]]
    )
    networks: list[str] = Field(
        description="The key's own allow-list. Empty: any address.", examples=[["203.0.113.0/24"]]
    )
    tier: TierName
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_reason: str = Field(examples=["Machine retired"])
    created_at: datetime
    created_by: str = Field(examples=["Jonas Lind"])
    revision: Revision
    total_calls: int = Field(description="Allowed calls since the key was created.", examples=[41000])
    denied_calls: int = Field(
        description="Denied calls since the key was created, as far as usage is still kept.", examples=[12]
    )
    last_used_at: datetime | None
    last_used_ip: str | None = Field(examples=["203.0.113.24"])
    old_secret_until: datetime | None = Field(description="When the previous secret stops working.")

    @classmethod
    def of(cls, key: Any) -> Self:
        """From a row of `readable()`."""
        bot = key.bot
        return cls(
            id=key.id,
            key_id=key.key_id,
            name=key.name,
            name_follows_description=key.name_follows_description,
            description=key.description,
            kind=key.kind,
            masked=key.masked,
            organisation=OrganisationName.of(key.organisation),
            bot=BotName.of(bot) if bot else None,
            status=key.status.value,
            scopes=key.scope_names,
            inherits=key.inherits,
            effective_scopes=sorted(effective_scopes(key)),
            channels=key.channel_slugs,
            networks=[str(network) for network in key.own_networks],
            tier=TierName.of(key.tier),
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            revoked_reason=key.revoked_reason,
            created_at=key.created_at,
            created_by=key.created_by,
            revision=key.revision,
            total_calls=key.total or 0,
            denied_calls=key.denied_total,
            last_used_at=key.last_used_at,
            last_used_ip=key.last_used_ip,
            old_secret_until=key.old_secret_until,
        )


class IssuedOut(KeyOut):
    """A key with its secret. For a repeated Idempotency-Key, `key` and `secret` are null."""

    key: str | None = Field(description="The API key, shown once.", examples=["kad_a1b2c3d4e5f6a7b8_SECRET"])
    secret: str | None = Field(description="For X-API-Key-Secret. null in the compact format.", examples=["SECRET"])


def _require_bot_filter(value: str) -> str:
    """The id of a bot in its usual spelling, or NO_BOT. Raises ValueError."""
    try:
        return value if value in ("", NO_BOT) else str(UUID(value))
    except ValueError:
        raise ValueError(f"Use a bot's id, or {NO_BOT}.") from None


class KeyQuery(ListQuery):
    q: str = Field(default="", max_length=120, description="Part of a name, a key ID or a bot's name.")
    status: KeyStatus | None = None
    kind: KeyKind | None = None
    bot: Annotated[str, AfterValidator(_require_bot_filter)] = Field(default="", description="A bot's id, or none.")
    scope: str = Field(default="", max_length=60)
    open: Literal["any", "limited"] | None = Field(
        default=None, description="any: any address is allowed. limited: there is an allow-list."
    )
    used: Literal["never", "90"] | None = Field(
        default=None, description="never: never used. 90: not used for 90 days."
    )


class UsageQuery(ListFilters):
    days: Annotated[int, Field(ge=1, le=90, description="Number of UTC days, including today.")] = 30


class Calls(BaseModel):
    ok: int = Field(description="Allowed.", examples=[412])
    permission: int = Field(description="Denied: no permission for the call.", examples=[3])
    address: int = Field(description="Denied: address not allowed.", examples=[0])
    limited: int = Field(description="Denied: hourly limit reached.", examples=[0])
    expired: int = Field(description="Denied: the key was revoked, expired or paused.", examples=[0])


class CallsOfDay(Calls):
    day: date


class UsageOut(BaseModel):
    days: list[CallsOfDay] = Field(description="Oldest first, including days without calls.")
    total: Calls


def readable(actor: Actor) -> QuerySet[Any]:
    """Return the keys that the actor may see, with all columns of KeyOut, in one statement."""
    rows: Any = Key.objects.visible_to(actor).with_status().with_usage().with_denied_total().with_grace()
    keys_with_lists: QuerySet[Any] = rows.with_lists().with_creator_roles().with_channel_slugs()
    return keys_with_lists.select_related("organisation", "bot", "tier")


@router.get("/keys", url_name="keys", **openapi.page(KeyOut, scope="keys:read"))
def list_(request: ApiRequest, response: HttpResponse, query: Query[KeyQuery]) -> list[KeyOut]:
    """List keys, newest first. The Link header contains the URL of the next page."""
    require_known_filters(request, query)
    filters = query.own_filters()
    if query.bot not in ("", NO_BOT):
        get_or_404(Bot.objects.visible_to(actor_of(request)), id=query.bot)
    rows: Any = filter_keys(filter_by_org(request, readable(actor_of(request)), query.organisation), filters)
    if kind := filters.get("kind"):
        rows = rows.filter(kind=kind)
    if status := filters.get("status"):
        rows = rows.in_status(status)
    if filters:
        rows = paging.materialize_ids_first_if_few(rows)
    return render_page(request, response, rows, paging.NEWEST_FIRST, query, KeyOut.of)


@router.post(
    "/keys",
    url_name="keys",
    **openapi.creation(
        IssuedOut,
        scope="keys:write",
        links=openapi.links_to(
            "key",
            "keys_view",
            "keys_edit",
            "keys_delete",
            "keys_regenerate",
            "keys_end_grace",
            "keys_revoke",
            "keys_reactivate",
            "keys_usage",
            "history_of_key",
        ),
    ),
)
def create(request: ApiRequest, response: HttpResponse, new: NewKey) -> Status[IssuedOut]:
    """Create a key. Only this response shows its secret; a repeated Idempotency-Key returns the key without it."""
    actor, owner = actor_of(request), organisation_of(request, new.organisation)
    values = {"expires_at": UNSET} | _operation_values(new, owner.id)
    operation = partial(keys.issue, actor=actor, organisation=owner.id, bot=new.bot, kind=new.kind, **values)
    return idempotency.run_creation(request, response, operation, partial(_render_issued, request, response))


@router.get("/keys/{uuid:key}", url_name="key", **openapi.row(KeyOut, scope="keys:read"))
def view(request: ApiRequest, response: HttpResponse, key: UUID) -> KeyOut:
    """Show a key. Send its ETag as If-Match with an edit."""
    return _render(request, response, key)


@router.patch("/keys/{uuid:key}", url_name="key", **openapi.edit(KeyOut, scope="keys:write"))
def edit(request: ApiRequest, response: HttpResponse, key: UUID, changed: ChangedKey) -> KeyOut:
    """Edit a key. With If-Match, only if it has not changed since it was read."""
    actor, revision = actor_of(request), expected_revision(request)
    row = get_or_404(Key.objects.visible_to(actor), id=key)
    with suppress(NoChangesError):
        keys.edit(actor=actor, key=key, revision=revision, **_operation_values(changed, row.organisation_id))
    return _render(request, response, key)


@router.delete("/keys/{uuid:key}", url_name="key", **openapi.edit(None, scope="keys:write"))
def delete(request: ApiRequest, key: UUID) -> Status[None]:
    """Delete a key. Its history stays. This cannot be undone."""
    keys.delete(actor=actor_of(request), key=key, revision=expected_revision(request))
    return Status(204, None)


@router.post(
    "/keys/{uuid:key}/regenerate",
    url_name="regenerate",
    **openapi.action(IssuedOut, scope="keys:write", is_idempotent=True),
)
def regenerate(
    request: ApiRequest, response: HttpResponse, key: UUID, body: Regeneration = _DEFAULT_REGENERATION
) -> IssuedOut:
    """Give the key a new secret. Only this response shows it. The old secret works for `grace_seconds`.

    A key needs a new `expires_at` if the key policy does not allow its expiry.
    """
    grace = timedelta(seconds=body.grace_seconds)
    expires_at = body.expires_at if "expires_at" in body.model_fields_set else UNSET
    operation = partial(keys.regenerate, actor=actor_of(request), key=key, grace=grace, expires_at=expires_at)
    return idempotency.run(request, operation, partial(_render_issued, request, response))


@router.post("/keys/{uuid:key}/end-grace", url_name="end-grace", **openapi.action(KeyOut, scope="keys:write"))
def end_grace(request: ApiRequest, response: HttpResponse, key: UUID) -> KeyOut:
    """Stop the old secret immediately."""
    keys.end_grace(actor=actor_of(request), key=key)
    return _render(request, response, key)


@router.post("/keys/{uuid:key}/revoke", url_name="revoke", **openapi.action(KeyOut, scope="keys:write"))
def revoke(request: ApiRequest, response: HttpResponse, key: UUID, body: ReasonIn = NO_REASON) -> KeyOut:
    """Revoke a key. It stops working immediately and can be reactivated."""
    keys.revoke(actor=actor_of(request), key=key, reason=body.reason)
    return _render(request, response, key)


@router.post("/keys/{uuid:key}/reactivate", url_name="reactivate", **openapi.action(KeyOut, scope="keys:write"))
def reactivate(
    request: ApiRequest, response: HttpResponse, key: UUID, body: Reactivation = _DEFAULT_REACTIVATION
) -> KeyOut:
    """Reactivate a revoked or expired key.

    A key needs a new `expires_at` (null: never) if it has expired, or if the key policy does not allow its expiry.
    """
    expires_at = body.expires_at if "expires_at" in body.model_fields_set else UNSET
    keys.reactivate(actor=actor_of(request), key=key, expires_at=expires_at, reason=body.reason)
    return _render(request, response, key)


@router.get("/keys/{uuid:key}/usage", url_name="key-usage", **openapi.row(UsageOut, scope="keys:read"))
def usage(request: ApiRequest, key: UUID, query: Query[UsageQuery]) -> UsageOut:
    """Count the calls of a key by day and outcome."""
    require_known_filters(request, query)
    row = get_or_404(Key.objects.visible_to(actor_of(request)).with_hourly_usage(), id=key)
    days = [CallsOfDay(day=day, **calls) for day, calls in calls_of_last_days(row, query.days).items()]
    total = {group: sum(getattr(day, group) for day in days) for group in CallOutcomeGroup.values}
    return UsageOut(days=days, total=Calls(**total))


def _render(request: ApiRequest, response: HttpResponse, key: Any) -> KeyOut:
    return render(response, readable(actor_of(request)), KeyOut.of, id=key)


@sensitive_variables("issued", "token", "value", "secret")
def _render_issued(request: ApiRequest, response: HttpResponse, key: str, issued: IssuedKey | None) -> IssuedOut:
    """The key with its secret, if it was just issued."""
    token = issued.token if issued else None
    value, secret = (token.value, token.secret if token.key_id else None) if token else (None, None)
    return IssuedOut(**_render(request, response, key).model_dump(), key=value, secret=secret)


#: Fields that operations take by the same name and in the same form.
_PLAIN_FIELDS: Final = ("name", "description", "scopes", "inherits", "expires_at", "allow_any")


def _operation_values(body: KeyFields, organisation: UUID) -> dict[str, Any]:
    """Return the operation's keyword arguments for the fields that were sent.

    Raises InvalidInputError with the messages of all fields.
    """
    errors, sent = FieldErrors(), body.model_fields_set
    values: dict[str, Any] = {name: getattr(body, name) for name in _PLAIN_FIELDS if name in sent}
    if "channels" in sent:
        values["channels"] = _channel_ids(errors, body.channels, organisation)
    if "networks" in sent:
        values["networks"] = _networks(errors, body.networks)
    if body.tier:
        values["tier"] = find_tier(body.tier)
        if values["tier"] is None:
            errors.add("tier", "There is no tier with this name.")
    errors.raise_if_any()
    return values


def _channel_ids(errors: FieldErrors, slugs: Collection[str], organisation: UUID) -> list[UUID]:
    known = dict(Channel.objects.filter(organisation=organisation).values_list("slug", "id"))
    if any(slug not in known for slug in slugs):
        errors.add("channels", "Choose channels of this organisation.")
    return [known[slug] for slug in slugs if slug in known]


def _networks(errors: FieldErrors, texts: Sequence[str]) -> list[cidr.Network]:
    networks = []
    for index, text in enumerate(texts):
        try:
            networks.append(cidr.parse(text))
        except cidr.CidrError as error:
            errors.add(f"networks.{index}", str(error))
    return networks
