"""The review report: built for those who have more keys than anybody waits for, and exported."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor
from keyadmin.core.errors import NotFoundError
from keyadmin.models import ChainHead, EventType, Key, Organisation, ReviewBuild, review
from keyadmin.models.review import ANY, KeyReview
from keyadmin.operations import audit, policy
from keyadmin.operations.locks import advisory_lock
from keyadmin.operations.policy import Permission

#: Keys in one statement: each is a transaction of its own, so that a long walk holds nobody up.
BATCH: Final = 2_000
#: PostgreSQL's advisory lock of whoever is building.
_BUILDING: Final = 0x6B61645F72657677
_SAVE: Final = Path(__file__).with_name("review_batch.sql").read_text()
_FIRST: Final = UUID(int=0)
_LAST: Final = UUID(int=2**128 - 1)


def build() -> ReviewBuild:
    """Find of every key what there is to find, and keep it. Raises Conflict while somebody else does.

    The walk takes as long as there are keys; what it says is so at the time it began, or newer.
    """
    with advisory_lock(_BUILDING, _("Somebody else is building the report.")):
        values = {"at": audit.database_time(), "event": ChainHead.objects.get().number}
        after = _FIRST
        while True:
            ids = list(Key.objects.filter(id__gt=after).order_by("id").values_list("id", flat=True)[:BATCH])
            last = ids[-1] if len(ids) == BATCH else _LAST
            _save(review.review_keys(review.reviewable(Key.objects.filter(id__gt=after, id__lte=last))), after, last)
            if last == _LAST:
                return ReviewBuild.objects.update_or_create(id=1, defaults=values)[0]
            after = last


def export(*, actor: Actor, organisation: Organisation | None, finding: str) -> None:
    """Somebody takes the report away: of one organisation, or of all they may read; of one finding, or any ("")."""
    with audit.audited_transaction(actor):
        if organisation is not None:
            policy.require(actor, Permission.READ_KEYS, organisation)
        elif not Organisation.objects.visible_to(actor).exists():
            raise NotFoundError
        target = audit.target_of(organisation) if organisation else audit.Target("report", "review", "")
        changes = {"finding": (None, finding or ANY)}
        audit.record(EventType.REVIEW_EXPORTED, actor=actor, target=target, organisation=organisation, changes=changes)


def _save(examined: Iterable[KeyReview], after: UUID, last: UUID) -> None:
    rows = [
        (row.key, row.organisation, str(finding), row.total)
        for row in examined
        if row.findings
        for finding in (*row.findings, ANY)
    ]
    columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    names = ("keys", "organisations", "findings", "totals")
    with connection.cursor() as cursor:
        cursor.execute(_SAVE, dict(zip(names, columns, strict=True)) | {"after": after, "last": last})
