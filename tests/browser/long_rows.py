"""An organisation of which every row has a name of 85 characters without a blank, and every description 400."""

from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from keyadmin.models import AllowListEntry, Bot, Channel, Event, Key, KeyKind
from keyadmin.operations import keys as operations
from keyadmin.operations.organisations import bots as bot_operations
from tests.browser.demo import Demo
from tests.factories import (
    ChannelFactory,
    KeyFactory,
    MembershipFactory,
    OrganisationFactory,
    as_actor,
    invitation,
    password_link,
    started_revocation,
)

#: With it a name has 85 characters.
_LETTERS: Final = "WarehouseExportOfEveryContactAndConversationIntoTheRegionalArchiveOfNorthwind"
#: A word of 120 characters among others; 400 characters.
DESCRIPTION: Final = f"Copies every chat at night. {'x' * 120} {'It keeps what the archive needs. ' * 8}"[:399] + "."
LONG_NOTE: Final = f"{'n' * 120} the network of the regional archive, behind the second firewall"
SLUG: Final = "long-names"


def long_name(start: str) -> str:
    return (start + _LETTERS * 2)[:85]


class LongRows:
    """`ids` are the placeholders of the paths in tests/web/role_matrix.py."""

    def __init__(self, demo: Demo) -> None:
        self.demo, rows = demo, demo.rows
        self.organisation = OrganisationFactory.create(name=long_name("Org"), slug=SLUG)
        rows.organisations.append(self.organisation.id)
        maya = demo.people["maya"]
        self.actor = as_actor(maya, ip="2001:db8:85a3:8d3:1319:8a2e:370:7348")
        self.person = rows.person(self.organisation, "owner", name=long_name("Per"), email=f"{'e' * 60}@{'d' * 60}.com")
        leaver = rows.person(self.organisation, "member", name=long_name("Lea"), is_active=False)
        self.channel: Channel = ChannelFactory.create(organisation=self.organisation, name=long_name("Cha")[:60])
        self.bot: Bot = Bot.objects.create(
            organisation=self.organisation, name=long_name("Bot"), description=DESCRIPTION
        )
        rows.network("2001:db8:85a3::/48", bot=self.bot, note=LONG_NOTE)
        disabled: Bot = Bot.objects.create(organisation=self.organisation, name=long_name("Off"))
        bot_operations.disable(actor=self.actor, bot=disabled.id, reason=long_name("Reason"))
        tier = rows.tier(900)
        type(tier).objects.filter(id=tier.id).update(name=long_name("Tie")[:60])
        tier.refresh_from_db()
        self.key = self._key("Key", tier=tier, channels=[self.channel], networks=["203.0.113.0/24"])
        demo.add_usage(self.key)
        operations.revoke(actor=self.actor, key=self.key.id, reason=long_name("Reason"))
        operations.reactivate(actor=self.actor, key=self.key.id, reason=DESCRIPTION[:300])
        master = self._key("Mas", kind=KeyKind.MASTER, scopes=["chats:read", "chats:export"])
        self._key("Pub", kind=KeyKind.PUBLIC)
        self._key("Exp", expiring=True)
        public = {"organisation": str(self.organisation.id), "contoso": str(demo.contoso.id)}
        MembershipFactory.create(person=self.person, organisation=demo.contoso, role="auditor")
        self.ids = public | {
            "key": str(self.key.id),
            "bots_key": str(self._key("Bkey", bot=self.bot).id),
            "graced": str(self._key("Gra", in_grace=True).id),
            "revoked": str(self._key("Rev", revoked=True).id),
            "revocation": str(started_revocation(self.key, started_by=long_name("Per"), reason=long_name("Rea")).id),
            "master": str(master.id),
            "bot": str(self.bot.id),
            "disabled": str(disabled.id),
            "range": str(AllowListEntry.objects.get(bot=self.bot).id),
            "person": str(self.person.id),
            "leaver": str(leaver.id),
            "channel": str(self.channel.id),
            "tier": str(tier.id),
            "event": str(Event.objects.filter(target_id=str(self.key.id)).latest("number").number),
            "link": str(password_link(self.person).id),
            "newcomer": str(rows.person(self.organisation, name=long_name("New"), unverified=True).id),
            "invitation": str(invitation(self.organisation, email=f"{'i' * 60}@{'d' * 60}.com").id),
        }

    def _key(self, start: str, **fields: Any) -> Key:
        values = {"organisation": self.organisation} if "bot" not in fields else {}
        created: Key = KeyFactory.create(
            **values,
            name=long_name(start),
            description=DESCRIPTION,
            created_by=long_name("Cre"),
            created_at=timezone.now() - timedelta(days=40),
            **fields,
        )
        return created
