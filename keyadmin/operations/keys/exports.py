"""The record of an export of the list of keys. The pages write the file."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor
from keyadmin.core.errors import NotFoundError
from keyadmin.core.key_shapes import contains_key
from keyadmin.core.redaction import REDACTED
from keyadmin.models import EventType, Organisation
from keyadmin.models.texts import known_prefixes
from keyadmin.operations import audit, policy
from keyadmin.operations.policy import Permission


def export(*, actor: Actor, organisation: Organisation | None, filters: Mapping[str, str]) -> None:
    """Record that the actor exports the keys that match the filters.

    `organisation` is None for all that the actor may read.
    """
    with audit.audited_transaction(actor):
        if organisation is not None:
            policy.require(actor, Permission.READ_KEYS, organisation)
        elif not Organisation.objects.visible_to(actor).exists():
            raise NotFoundError
        target = audit.target_of(organisation) if organisation else audit.Target("report", "keys", _("List of keys"))
        named = [f"{name}: {value}" for name, value in filters.items() if value and name != "organisation"]
        shown = [REDACTED if contains_key(text, known_prefixes) else text for text in named]
        changes = audit.changes_of_new({"filters": shown})
        audit.record(EventType.KEYS_EXPORTED, actor=actor, target=target, organisation=organisation, changes=changes)
