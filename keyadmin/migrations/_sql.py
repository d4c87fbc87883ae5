"""SQL kept in files beside the migrations that install it."""

from pathlib import Path

from django.db.migrations import RunSQL


def from_files(name: str) -> RunSQL:
    """Runs `<name>.sql`, and `<name>_reverse.sql` to go back."""
    folder = Path(__file__).parent
    return RunSQL((folder / f"{name}.sql").read_text(), (folder / f"{name}_reverse.sql").read_text())
