"""SQL that migrations install, one file for each function, in the folder `sql`."""

from pathlib import Path

from django.db.migrations import RunSQL

_FOLDER = Path(__file__).parent / "sql"


def run(*names: str) -> list[RunSQL]:
    """Operations that run the files `<name>.sql` in this order. They cannot be reversed: see 0001_initial."""
    return [RunSQL((_FOLDER / f"{name}.sql").read_text()) for name in names]
