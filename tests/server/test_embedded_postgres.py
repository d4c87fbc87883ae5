"""The embedded PostgreSQL: it starts, keeps its data, survives being killed, and really stops."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from keyadmin.env import ROOT
from keyadmin.server.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError

OWNER = """
import os, sys, signal
from pathlib import Path
from keyadmin.server.embedded_postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print(server.url(), flush=True)
signal.pause()
"""


def processes(folder: Path) -> list[psutil.Process]:
    """The PostgreSQL processes on a folder's data."""
    found = []
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] == "postgres" and Path(process.cwd()) == folder.resolve() / "data":
                found.append(process)
        except psutil.Error:
            continue
    return found


def add_row(url: str) -> int:
    """Add a row to a table and count its rows."""
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (x int)")
        connection.execute("INSERT INTO kept VALUES (1)")
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
        assert row
        return int(row[0])


def test_embedded_postgres_keeps_its_data_and_leaves_no_process(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    with EmbeddedPostgres(folder) as server:
        assert server.is_running()
        assert add_row(server.url()) == 1
    assert not server.is_running()
    assert processes(folder) == []
    with EmbeddedPostgres(folder, settings={"max_connections": "7"}) as server, psycopg.connect(server.url()) as it:
        assert it.execute("SHOW max_connections").fetchone() == ("7",)
        assert add_row(server.url()) == 2


def test_socket_is_open_to_its_user_only(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres") as server:
        socket_folder = Path(str(conninfo_to_dict(server.url())["host"]))
        assert stat.S_IMODE(socket_folder.stat().st_mode) == 0o700
        with psycopg.connect(server.url()) as it:
            assert it.execute("SHOW listen_addresses").fetchone() == ("",)


def test_second_owner_of_a_folder_gets_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    with EmbeddedPostgres(folder) as server:
        with pytest.raises(EmbeddedPostgresError) as caught:
            EmbeddedPostgres(folder).start()
        assert str(caught.value) == f"{folder} is already in use by the process {os.getpid()}. Stop that first."
        assert add_row(server.url()) == 1


def test_server_of_a_killed_owner_is_ended_and_its_data_kept(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    owner = subprocess.Popen([sys.executable, "-c", OWNER, folder], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert owner.stdout
    with owner.stdout:
        assert add_row(owner.stdout.readline().strip()) == 1
    orphans = processes(folder)
    owner.kill()
    owner.wait()
    assert [process for process in orphans if process.is_running()]
    with EmbeddedPostgres(folder) as server:
        assert add_row(server.url()) == 2
        assert not [process for process in orphans if process.is_running()]


def test_pid_file_of_a_killed_server_does_not_keep_the_next_from_starting(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    server = EmbeddedPostgres(folder)
    server.start()
    assert add_row(server.url()) == 1
    pid_file = folder / "data" / "postmaster.pid"
    os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)
    psutil.wait_procs(processes(folder), timeout=10)
    server.stop()
    # The number is another program's by now: one that must stay alive.
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with server:
        assert add_row(server.url()) == 2


def test_interrupted_set_up_is_repeated(tmp_path: Path) -> None:
    half = tmp_path / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path / "postgres") as server:
        assert add_row(server.url()) == 1


def test_folder_with_a_path_too_long_for_a_socket_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o755)  # the server's user passes through it
        monkeypatch.setattr(tempfile, "tempdir", temporary)
        with EmbeddedPostgres(tmp_path / ("deep" * 20) / "postgres") as server:
            assert add_row(server.url()) == 1
            assert list(Path(temporary).glob("keyadmin-socket-*"))
        assert not list(Path(temporary).iterdir())


def test_unusable_folder_gives_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedPostgresError, match="cannot use"):
        EmbeddedPostgres(tmp_path / "file" / "postgres").start()
