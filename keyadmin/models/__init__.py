"""The schema, its constraints, and the queries that read it."""

from keyadmin.models.bot import Bot
from keyadmin.models.bulk_revocation import BulkOutcome, BulkRevocation, BulkRevocationKey
from keyadmin.models.channel import Channel
from keyadmin.models.event import ChainCheck, ChainHead, Event
from keyadmin.models.event_types import EventType
from keyadmin.models.idempotency import IdempotencyRecord
from keyadmin.models.key import Key, KeyKind, KeyStatus
from keyadmin.models.link import Invitation, LinkPurpose, PasswordLink
from keyadmin.models.meter import Meter, Version
from keyadmin.models.network import AllowListEntry
from keyadmin.models.notice import ExpiryNotice
from keyadmin.models.organisation import Organisation
from keyadmin.models.outbox import JobKind, MaintenanceRun, OutboxJob, WorkerProcess
from keyadmin.models.person import AccountStatus, Membership, Person, Role, SystemRole
from keyadmin.models.review import Finding, ReviewBuild, ReviewFinding
from keyadmin.models.scope import ChannelSource, Scope, ScopeRoute
from keyadmin.models.secret import Secret
from keyadmin.models.sign_in import AttemptCount, AttemptKind, UnrecordedAttempts
from keyadmin.models.tier import Tier
from keyadmin.models.token_session import RefreshToken, TokenSession
from keyadmin.models.usage import AddressDay, CallOutcome, CallOutcomeGroup, LastDenial, ScopeDay, SecretUse, UsageHour
from keyadmin.models.usage_sums import KeyDay, UsageDay, UsageRollUp

__all__ = [
    "AccountStatus",
    "AddressDay",
    "AllowListEntry",
    "AttemptCount",
    "AttemptKind",
    "Bot",
    "BulkOutcome",
    "BulkRevocation",
    "BulkRevocationKey",
    "CallOutcome",
    "CallOutcomeGroup",
    "ChainCheck",
    "ChainHead",
    "Channel",
    "ChannelSource",
    "Event",
    "EventType",
    "ExpiryNotice",
    "Finding",
    "IdempotencyRecord",
    "Invitation",
    "JobKind",
    "Key",
    "KeyDay",
    "KeyKind",
    "KeyStatus",
    "LastDenial",
    "LinkPurpose",
    "MaintenanceRun",
    "Membership",
    "Meter",
    "Organisation",
    "OutboxJob",
    "PasswordLink",
    "Person",
    "RefreshToken",
    "ReviewBuild",
    "ReviewFinding",
    "Role",
    "Scope",
    "ScopeDay",
    "ScopeRoute",
    "Secret",
    "SecretUse",
    "SystemRole",
    "Tier",
    "TokenSession",
    "UnrecordedAttempts",
    "UsageDay",
    "UsageHour",
    "UsageRollUp",
    "Version",
    "WorkerProcess",
]
