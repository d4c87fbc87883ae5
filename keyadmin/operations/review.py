"""The review report: saves its findings, for installations with many keys, and records exports."""

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

#: Keys in one statement. Each statement is a transaction of its own, so that locks are held for a short time.
BATCH_SIZE: Final = 2_000
#: ID of the advisory lock: one process builds the report at a time.
BUILD_LOCK_ID: Final = 0x6B61645F72657677
_SAVE_FINDINGS: Final = Path(__file__).with_name("review_batch.sql").read_text()
_LOWEST_ID: Final = UUID(int=0)
_HIGHEST_ID: Final = UUID(int=2**128 - 1)


def build() -> ReviewBuild:
    """Review all keys and save their findings, batch by batch.

    The result has the time at which the build started and the number of the newest event at that time. Findings are as
    of that time or later. Raises ConflictError while another process builds the report.
    """
    with advisory_lock(BUILD_LOCK_ID, _("The review report is already being built. Try again later.")):
        started = {"at": audit.database_time(), "event": ChainHead.objects.get().number}
        after = _LOWEST_ID
        while True:
            ids = list(Key.objects.filter(id__gt=after).order_by("id").values_list("id", flat=True)[:BATCH_SIZE])
            last = ids[-1] if len(ids) == BATCH_SIZE else _HIGHEST_ID
            _save(review.review_keys(review.reviewable(Key.objects.filter(id__gt=after, id__lte=last))), after, last)
            if last == _HIGHEST_ID:
                return ReviewBuild.objects.update_or_create(id=1, defaults=started)[0]
            after = last


def export(*, actor: Actor, organisation: Organisation | None, finding: str) -> None:
    """Record that the actor exports the review report.

    `organisation` is None for all that the actor may read. `finding` is a value of Finding, "" for all findings.
    """
    with audit.audited_transaction(actor):
        if organisation is not None:
            policy.require(actor, Permission.READ_KEYS, organisation)
        elif not Organisation.objects.visible_to(actor).exists():
            raise NotFoundError
        target = audit.target_of(organisation) if organisation else audit.Target("report", "review", _("Review report"))
        changes = {"finding": (None, finding or ANY)}
        audit.record(EventType.REVIEW_EXPORTED, actor=actor, target=target, organisation=organisation, changes=changes)


def _save(reviews: Iterable[KeyReview], after: UUID, last: UUID) -> None:
    """Replace the saved findings of the keys with ids above `after` and up to `last`."""
    rows = [
        (key_review.key, key_review.organisation, str(finding), key_review.total)
        for key_review in reviews
        if key_review.findings
        for finding in (*key_review.findings, ANY)
    ]
    columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    names = ("keys", "organisations", "findings", "totals")
    with connection.cursor() as cursor:
        cursor.execute(_SAVE_FINDINGS, dict(zip(names, columns, strict=True)) | {"after": after, "last": last})
