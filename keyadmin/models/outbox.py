"""Background work: the outbox of jobs, its worker processes, and the last run of each maintenance task."""

from datetime import timedelta
from typing import Any, Final, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

#: A worker reports every 15 seconds. After this time without a report it counts as missing.
WORKER_MISSING: Final = timedelta(minutes=3)


class JobKind(models.TextChoices):
    """What a job does. `server/jobs.py` has one handler for each kind."""

    INVITATION_MAIL = "invitation_mail"
    PASSWORD_LINK_MAIL = "password_link_mail"  # noqa: S105 - the name of a job
    PASSWORD_RESET_MAIL = "password_reset_mail"  # noqa: S105 - the name of a job
    FAILED_SIGN_INS_MAIL = "failed_sign_ins_mail"
    EXPIRY_NOTICE_MAIL = "expiry_notice_mail"
    BULK_REVOCATION = "bulk_revocation"


class OutboxJob(models.Model):
    """One job, which is deleted when it is done.

    A job that has failed and is not tried again stays for a while, without its payload; see operations/outbox.py.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=40)
    #: The arguments of the handler, never a secret: see operations/outbox.py.
    payload = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())
    #: A worker may claim the job from this time on. A claim sets it to the time at which the claim expires.
    due_at = models.DateTimeField(db_default=Now())
    #: The job is not tried again after this time.
    expires_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    #: Identifies the current claim. A worker whose claim was replaced by another can no longer complete the job.
    claim = models.UUIDField(null=True)
    #: The type of the last exception, without its message, which may contain an email or a link.
    last_error = models.CharField(max_length=100, blank=True, default="")
    failed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "outbox_job"
        indexes = (models.Index(fields=("due_at", "id"), condition=Q(failed_at=None), name="outbox_job_due"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class WorkerProcessQuerySet(models.QuerySet[Any]):
    def alive(self) -> Self:
        return self.filter(seen_at__gt=Now() - WORKER_MISSING)


class WorkerProcess(models.Model):
    """A `keyadmin worker` process. It updates `seen_at` every few seconds."""

    #: Host name and process id.
    name = models.CharField(max_length=300, primary_key=True)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField()

    objects = WorkerProcessQuerySet.as_manager()

    class Meta:
        db_table = "worker_process"

    def __str__(self) -> str:
        return self.name


class MaintenanceRun(models.Model):
    """The last successful run of a maintenance task."""

    task = models.CharField(max_length=40, primary_key=True)
    succeeded_at = models.DateTimeField()

    class Meta:
        db_table = "maintenance_run"

    def __str__(self) -> str:
        return self.task
