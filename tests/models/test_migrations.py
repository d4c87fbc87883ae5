"""Migrations on main are never edited or renamed, because installations have applied them.

`migrations.sha256` lists the SHA-256 of every file. To add the files of a new migration, run in the project's folder:

    (cd keyadmin/migrations && find . -name '*.py' -o -name '*.sql' | LC_ALL=C sort | xargs sha256sum) \
        > tests/models/migrations.sha256
"""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from keyadmin import migrations
from tests.owner import as_owner

FOLDER = Path(migrations.__path__[0])
LIST = Path(__file__).with_name("migrations.sha256")


def current_hashes() -> dict[str, str]:
    files = (file for suffix in ("py", "sql") for file in FOLDER.rglob(f"*.{suffix}"))
    return {f"./{file.relative_to(FOLDER)}": sha256(file.read_bytes()).hexdigest() for file in files}


def test_migrations_on_main_are_unchanged() -> None:
    lines = (line.split() for line in LIST.read_text().splitlines())
    listed = {name: digest for digest, name in lines}
    current = current_hashes()
    changed = sorted(name for name, digest in listed.items() if current.get(name) != digest)
    assert not changed, (
        f"{changed} differ from tests/models/migrations.sha256. Restore them: a migration on main is never edited, "
        "renamed or deleted. Put the change into a new migration; a changed SQL function gets a new file."
    )
    unlisted = sorted(current.keys() - listed.keys())
    assert not unlisted, f"{unlisted} are new: add them to the list as the docstring of this module says."


def test_every_sql_file_is_installed_by_a_migration() -> None:
    text = "".join(file.read_text() for file in FOLDER.glob("[0-9]*.py"))
    assert all(f'"{file.stem}"' in text for file in (FOLDER / "sql").glob("*.sql"))


def test_database_of_version_0_1_is_rejected_with_one_line(django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock(), as_owner():
        recorder = MigrationRecorder(connection)
        recorder.record_applied("keyadmin", "0002_meter")
        try:
            with pytest.raises(CommandError, match=r"^This database was created by keyadmin 0\.1 .*[^\n]*$") as error:
                call_command("migrate", verbosity=0)
        finally:
            recorder.record_unapplied("keyadmin", "0002_meter")
    assert "Remove .local/ and run `make run` again" in str(error.value)
    assert "\n" not in str(error.value)
