"""The review report: built in the background for installations with many keys, and exported."""

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

#: Keys in one statement, which is a transaction of its own, so that locks are short.
BATCH_SIZE: Final = 2_000
#: Number of the advisory lock: one process builds at a time.
BUILD_LOCK_ID: Final = 0x6B61645F72657677
_SAVE_FINDINGS: Final = Path(__file__).with_name("review_batch.sql").read_text()
_FIRST: Final = UUID(int=0)
_LAST: Final = UUID(int=2**128 - 1)


def build() -> ReviewBuild:
    """Examine every key and save its findings, batch by batch.

    The result has the time and the event number of the start: each finding is of that time or later. Raises
    ConflictError while another process builds the report.
    """
    with advisory_lock(BUILD_LOCK_ID, _("The review report is being built already.")):
        started = {"at": audit.database_time(), "event": ChainHead.objects.get().number}
        after = _FIRST
        while True:
            ids = list(Key.objects.filter(id__gt=after).order_by("id").values_list("id", flat=True)[:BATCH_SIZE])
            last = ids[-1] if len(ids) == BATCH_SIZE else _LAST
            _save(review.review_keys(review.reviewable(Key.objects.filter(id__gt=after, id__lte=last))), after, last)
            if last == _LAST:
                return ReviewBuild.objects.update_or_create(id=1, defaults=started)[0]
            after = last


def export(*, actor: Actor, organisation: Organisation | None, finding: str) -> None:
    """Record that the actor exports the report.

    `organisation` None is all that the actor may see; `finding` "" is any.
    """
    with audit.audited_transaction(actor):
        if organisation is not None:
            policy.require(actor, Permission.READ_KEYS, organisation)
        elif not Organisation.objects.visible_to(actor).exists():
            raise NotFoundError
        target = audit.target_of(organisation) if organisation else audit.Target("report", "review", "")
        changes = {"finding": (None, finding or ANY)}
        audit.record(EventType.REVIEW_EXPORTED, actor=actor, target=target, organisation=organisation, changes=changes)


def _save(examined: Iterable[KeyReview], after: UUID, last: UUID) -> None:
    """Replace the findings of the keys with ids after `after` and up to `last`."""
    rows = [
        (row.key, row.organisation, str(finding), row.total)
        for row in examined
        if row.findings
        for finding in (*row.findings, ANY)
    ]
    columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    names = ("keys", "organisations", "findings", "totals")
    with connection.cursor() as cursor:
        cursor.execute(_SAVE_FINDINGS, dict(zip(names, columns, strict=True)) | {"after": after, "last": last})
