"""SQL kept in files beside the migrations that install it."""

from pathlib import Path

from django.db.migrations import RunSQL


def from_files(name: str, *, remakes: str = "") -> RunSQL:
    """Runs `<name>.sql`, and `<name>_reverse.sql` to go back; to go back from what remakes all that an older file has
    made, that file's reverse and then that file.
    """
    back = _read(f"{remakes}_reverse") + _read(remakes) if remakes else _read(f"{name}_reverse")
    return RunSQL(_read(name), back)


def _read(name: str) -> str:
    return (Path(__file__).parent / f"{name}.sql").read_text()
