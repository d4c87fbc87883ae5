"""The SQL files of the folder `sql`, one for each function, as migration operations."""

from pathlib import Path

from django.db.migrations import RunSQL

_FOLDER = Path(__file__).parent / "sql"


def run(*names: str) -> list[RunSQL]:
    """One operation for each name, which runs the file `<name>.sql`. It cannot be reversed: see 0001_initial.py."""
    return [RunSQL((_FOLDER / f"{name}.sql").read_text()) for name in names]
