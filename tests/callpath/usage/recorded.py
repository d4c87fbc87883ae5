"""Reads what was recorded of a key's usage."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from django.db.models import Sum

from keyadmin.env import ROOT
from keyadmin.models import AddressDay, LastDenial, ScopeDay, SecretUse, UsageHour
from keyadmin.server.embedded_postgres import EmbeddedPostgres
from tests.fixtures.committed_rows import CreatedKey
from tests.owner import database_environ


def hours(created: CreatedKey) -> dict[str, int]:
    """Denied calls by reason. The meter counts allowed ones."""
    rows = UsageHour.objects.filter(key_id=created.key.id).exclude(outcome="ok")
    return dict(rows.values("outcome").annotate(calls=Sum("count")).values_list("outcome", "calls"))


def refused(created: CreatedKey) -> dict[str, str | None]:
    return dict(LastDenial.objects.filter(key_id=created.key.id).values_list("reason", "address"))


def scopes(created: CreatedKey) -> dict[str, int]:
    return dict(ScopeDay.objects.filter(key_id=created.key.id).values_list("scope", "count"))


def addresses(created: CreatedKey) -> dict[str, int]:
    return dict(AddressDay.objects.filter(key_id=created.key.id).values_list("address", "count"))


def uses(created: CreatedKey) -> int:
    return SecretUse.objects.filter(secret_id__in=created.key.secrets.values("id")).count()


def manage(postgres: EmbeddedPostgres, *arguments: str) -> str:
    """The output of the command."""
    environ = os.environ | database_environ(postgres.url())
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, check=True, stdout=subprocess.PIPE, text=True).stdout


def soon(read: Callable[[], Any], wanted: Any) -> None:
    """Waits until `read` returns `wanted`. Other processes write their counts every second."""
    deadline = time.monotonic() + 20
    while (found := read()) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
