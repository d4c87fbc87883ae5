"""The demonstration data: people, bots, channels, and a key in every state."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from keyadmin.models import CallOutcome, KeyKind, Role, SystemRole

NORTHWIND: Final = "northwind"
CONTOSO: Final = "contoso"
MAYA: Final = "maya@northwind.example"
JONAS: Final = "jonas@northwind.example"
LENA: Final = "lena@contoso.example"


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A person who can sign in. `organisation` is the slug of their organisation, in which they have the `role`."""

    email: str
    name: str
    organisation: str
    role: Role
    system_role: SystemRole | None = None

    @property
    def title(self) -> str:
        """The role as the sign-in page shows it."""
        if self.system_role:
            return str(self.system_role.label)
        return f"{self.role.label} ({self.organisation.capitalize()})"

    @property
    def sees_keys(self) -> bool:
        return bool(self.system_role) or self.role in (Role.OWNER, Role.AUDITOR)


@dataclass(frozen=True, slots=True)
class DemoBot:
    """A bot of Northwind. `networks` is its IP allow-list."""

    name: str
    description: str
    is_conversational: bool = True
    networks: tuple[str, ...] = ()
    is_disabled: bool = False


@dataclass(frozen=True, slots=True)
class DemoKey:
    """A key and its usage.

    `created` is in days before now. `expires` is in days from now, None for never. `by` is the email of its creator.
    """

    name: str
    created: int
    expires: int | None
    scopes: tuple[str, ...] = ()
    description: str = ""
    organisation: str = NORTHWIND
    by: str = JONAS
    bot: str = ""
    kind: KeyKind | None = None
    inherits: bool = False
    networks: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    #: Empty for the organisation's default. Only system administrators can choose another.
    tier: str = ""
    #: The reason of its revocation; empty if it is not revoked.
    revoked: str = ""
    #: The grace period of the previous secret.
    grace: timedelta | None = None
    #: Allowed calls on a weekday, and the time since the last one, None if the key was never used.
    calls: int = 0
    idle: timedelta | None = None
    #: Nearly all calls are made between 01:00 and 03:00 UTC.
    at_night: bool = False
    #: Those of its scopes that have opened no call.
    unused: tuple[str, ...] = ()
    #: By outcome, the number of denied calls as a fraction of the allowed ones.
    denied: dict[CallOutcome, float] = field(default_factory=dict)


PEOPLE: Final = (
    DemoPerson(MAYA, "Maya Okafor", NORTHWIND, Role.MEMBER, SystemRole.ADMINISTRATOR),
    DemoPerson("priya@northwind.example", "Priya Raman", NORTHWIND, Role.MEMBER, SystemRole.AUDITOR),
    DemoPerson(JONAS, "Jonas Lind", NORTHWIND, Role.OWNER),
    DemoPerson("sam@northwind.example", "Sam Reyes", NORTHWIND, Role.MEMBER),
    DemoPerson(LENA, "Lena Vogt", CONTOSO, Role.OWNER),
)

CHANNELS: Final = ("WhatsApp", "Telegram", "Web chat", "SMS")

#: Notes in allow-lists, by network.
NOTES: Final = {
    "203.0.113.0/24": "Data centre in Frankfurt",
    "198.51.100.16/28": "Contact centre, second floor",
    "192.0.2.64/26": "Build machines",
    "10.20.0.0/16": "Warehouse network behind the VPN",
}

BOTS: Final = (
    DemoBot("Concierge", "Answers guests on every channel.", networks=("203.0.113.0/24", "198.51.100.16/28")),
    DemoBot("Release bot", "Tells the team what was deployed.", is_conversational=False, networks=("192.0.2.64/26",)),
    DemoBot("Helpdesk", "The old support portal’s bot.", networks=("203.0.113.128/25",)),
    DemoBot("Chat Butler", "Reminds staff of deadlines."),
    DemoBot("Survey bot", "Asked guests about their stay, last summer.", is_disabled=True),
)

KEYS: Final = (
    DemoKey(
        "CRM integration",
        40,
        120,
        ("chats:read", "chats:write", "contacts:manage"),
        "Keeps conversations and contacts in the CRM up to date.",
        bot="Concierge",
        calls=2_900,
        idle=timedelta(minutes=2),
        denied={CallOutcome.SCOPE: 0.004},
        unused=("contacts:manage",),
    ),
    DemoKey(
        "CI/CD pipeline",
        45,
        3,
        ("chats:write",),
        "Announces deployments.",
        bot="Release bot",
        calls=190,
        idle=timedelta(minutes=38),
    ),
    DemoKey(
        "Warehouse export",
        52,
        None,
        ("chats:read", "chats:export"),
        "Nightly export to the data warehouse.",
        calls=2_400,
        at_night=True,
        idle=timedelta(hours=14),
        denied={CallOutcome.SCOPE: 0.04},
    ),
    DemoKey(
        "Payroll reminders",
        60,
        330,
        ("chats:write", "contacts:manage"),
        "Reminds staff to hand in their hours.",
        bot="Chat Butler",
        networks=("10.20.0.0/16", "192.0.2.0/26", "2001:db8:7::/48"),
        grace=timedelta(hours=24),
        calls=640,
        idle=timedelta(hours=1),
    ),
    DemoKey(
        "WhatsApp sender",
        61,
        180,
        ("chats:read", "messages:send", "templates:read", "templates:send"),
        "Sends confirmations and reminders.",
        by=MAYA,
        tier="Admin",
        channels=("WhatsApp",),
        bot="Concierge",
        networks=("203.0.113.16/28", "203.0.113.64/28"),
        calls=4_100,
        idle=timedelta(minutes=1),
        denied={CallOutcome.ADDRESS: 0.01, CallOutcome.CHANNEL: 0.002},
        unused=("templates:read",),
    ),
    DemoKey("Zapier trial", 64, 26, ("chats:read",), "Trying out automations."),
    DemoKey(
        "Support portal (legacy)",
        100,
        -10,
        ("chats:read", "contacts:manage", "messages:send"),
        "To be replaced by the CRM integration.",
        bot="Helpdesk",
        calls=700,
        idle=timedelta(days=10),
        denied={CallOutcome.SCOPE: 0.3},
    ),
    DemoKey(
        "Partner sandbox",
        120,
        60,
        ("chats:read",),
        "For the partner’s developers.",
        networks=("198.51.100.128/25",),
        revoked="The partner’s trial is over.",
        calls=12,
        idle=timedelta(days=61),
    ),
    DemoKey(
        "Operations console",
        130,
        200,
        ("users:impersonate", "chats:read", "keys:read", "keys:write", "history:read"),
        "The on-call team’s tools.",
        by=MAYA,
        kind=KeyKind.MASTER,
        tier="Admin",
        networks=("10.0.0.0/8",),
        unused=("keys:write",),
        calls=85,
        idle=timedelta(hours=3),
    ),
    DemoKey(
        "Jonas's scripts",
        134,
        45,
        inherits=True,
        description="Has the same permissions as Jonas.",
        networks=("198.51.100.7/32",),
        calls=30,
        idle=timedelta(hours=5),
    ),
    DemoKey(
        "Survey answers",
        140,
        90,
        ("chats:read", "chats:write"),
        "Collects the answers of the summer survey.",
        bot="Survey bot",
        calls=60,
        idle=timedelta(days=19),
    ),
    DemoKey(
        "Telegram relay",
        150,
        6,
        ("messages:send",),
        "Passes messages on to Telegram.",
        channels=("Telegram",),
        bot="Chat Butler",
        networks=("192.0.2.200/32",),
        calls=420,
        idle=timedelta(minutes=11),
    ),
    DemoKey(
        "Storefront",
        35,
        75,
        ("messages:send", "templates:read"),
        "Order updates from the shop.",
        organisation=CONTOSO,
        by=LENA,
        networks=("2001:db8:42::/48",),
        calls=900,
        idle=timedelta(minutes=4),
    ),
    DemoKey(
        "Public API key",
        80,
        None,
        ("chats:read",),
        "For the whole organisation.",
        organisation=CONTOSO,
        by=LENA,
        kind=KeyKind.PUBLIC,
        calls=240,
        idle=timedelta(minutes=25),
    ),
    DemoKey(
        "Archive",
        110,
        5,
        ("chats:export",),
        "Monthly archive.",
        organisation=CONTOSO,
        by=LENA,
        calls=8,
        idle=timedelta(days=3),
    ),
)
