"""`make run`: start everything keyadmin needs on this machine, own it, and stop all of it again.

    python -m keyadmin.server.run

Without DATABASE_URL it runs the embedded PostgreSQL under `.local/`; then it migrates, loads the demo data once
(development only), starts the servers and waits; every few minutes it runs `manage.py housekeep`. Ctrl-C, SIGTERM or a
closed terminal stop everything in reverse order with exit code 0; a server that ends by itself stops the rest with exit
code 1; a wrong environment is exit code 2.

Every child runs in a session of its own: a Ctrl-C reaches this process only, and the database outlives its
clients.
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
from types import FrameType
from typing import Final

import psycopg

from keyadmin import env
from keyadmin.db import urls
from keyadmin.server import embedded_postgres
from keyadmin.server.embedded_postgres import EmbeddedPostgres

HOST: Final = "127.0.0.1"
STARTS_WITHIN: Final = 30.0
STOPS_WITHIN: Final = 15.0
#: Seconds between two runs of what is to be done regularly.
HOUSEKEEPING: Final = 300.0
_POLL: Final = 0.1
#: As whom the embedded PostgreSQL is connected to: what people try is what production is.
ROLES: Final = {
    urls.APPLICATION: embedded_postgres.APPLICATION,
    urls.OWNER: embedded_postgres.OWNER,
    urls.CALLS: embedded_postgres.CALLS,
}


class ServeError(Exception):
    """Why nothing is served; one line."""


class StopRequestedError(Exception):
    """Somebody asked this process to end."""


@dataclass
class Service:
    """A server process: its name for people, its command, the port it answers on and the variable that says which."""

    name: str
    command: list[str]
    port: int
    variable: str
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)


def services(port: int, verify_port: int = 0) -> list[Service]:
    """The servers, in the order in which they start; `/verify` on the port that the environment says unless told."""
    verify_port = verify_port or env.verify_port()
    web = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "--log-level", "warning"]
    gateway = [sys.executable, "-m", "keyadmin.server.verify_server", "--port", str(verify_port)]
    return [
        Service("web server", [*web, "--bind", f"{HOST}:{port}", "keyadmin.wsgi"], port, "PORT"),
        Service("server of /verify", gateway, verify_port, "KEYADMIN_VERIFY_PORT"),
    ]


class Serve:
    """The owner of every process that `run` starts."""

    def __init__(self) -> None:
        self.port = env.web_port()
        self.development = env.environment() == env.DEVELOPMENT
        self.services = services(self.port)
        self.environ = dict(os.environ)
        self._asked_to_stop = False
        self._database: EmbeddedPostgres | None = None
        self._housekeeper: subprocess.Popen[bytes] | None = None
        self._next_housekeeping = 0.0

    def run(self) -> None:
        """Start all, wait, stop all. Raises Stopped when it was asked to, ServeProblem or
        EnvironmentProblem."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)
        try:
            env.require_complete()
            for service in self.services:
                refuse_used_port(service.port, service.variable)
            self._start_database()
            self._prepare_data()
            for service in self.services:
                self._start(service)
            say(f"Gateways ask at http://{HOST}:{self.services[-1].port}/verify")
            say(f"keyadmin is at http://localhost:{self.port} (Ctrl-C stops it)")
            if password := self.environ.get("KEYADMIN_DEMO_PASSWORD"):
                say(f"Sign in as any of these people. Their password: {password}")
            self._wait()
        finally:
            self._stop()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        # Only a note: an exception raised here could fall between a child's start and our knowing it.
        self._asked_to_stop = True

    def _check(self) -> None:
        if self._asked_to_stop:
            raise StopRequestedError
        for service in self.services:
            if service.process is not None and service.process.poll() is not None:
                raise ServeError(f"The {service.name} ended by itself (exit code {service.process.returncode}).")
        if self._database is not None and not self._database.running():
            raise ServeError(f"The embedded PostgreSQL ended by itself. Its log: {self._database.log}")

    def _wait(self) -> None:
        while True:
            self._check()
            self._keep_house()
            time.sleep(_POLL)

    def _keep_house(self) -> None:
        """Start what is to be done regularly when it is due, unless the last run is still at it. If it fails, it says
        why, and the servers go on.
        """
        busy = self._housekeeper is not None and self._housekeeper.poll() is None
        if not busy and time.monotonic() >= self._next_housekeeping:
            self._next_housekeeping = time.monotonic() + HOUSEKEEPING
            self._housekeeper = self._spawn([sys.executable, "manage.py", "housekeep"])

    def _start_database(self) -> None:
        if url := env.secret("DATABASE_URL"):
            refuse_wrong_database(url)
            return
        say("Starting PostgreSQL …")
        try:
            env.private_folder(env.local())
        except OSError as error:
            raise env.InvalidVariableError(
                f"{error.filename} cannot be used: {error.strerror}. Set KEYADMIN_LOCAL."
            ) from error
        database = EmbeddedPostgres(env.local() / "postgres")
        database.start()
        self._database = database
        for name, role in ROLES.items():
            env.write_private(env.local() / urls.LOCAL_FILES[name], f"{database.url(role)}\n")

    def _prepare_data(self) -> None:
        say("Preparing the database …")
        self._command("migrate", "--verbosity", "0", "--skip-checks")
        refuse_missing_peppers(self._database.url() if self._database else env.secret("DATABASE_URL"))
        if self.development:
            self.environ["KEYADMIN_DEMO_PASSWORD"] = env.generated("demo-password", lambda: secrets.token_urlsafe(12))
            self._command("seed_demo")

    def _command(self, name: str, *arguments: str) -> None:
        """Run a management command to its end, or end it when asked to stop."""
        process = self._spawn([sys.executable, "manage.py", name, *arguments])
        try:
            while process.poll() is None:
                self._check()
                time.sleep(_POLL)
        finally:
            end_group(process)
        if process.returncode:
            raise ServeError(f"`manage.py {name}` failed.")

    def _start(self, service: Service) -> None:
        """Start a server and return when it accepts connections."""
        service.process = self._spawn(service.command)
        deadline = time.monotonic() + STARTS_WITHIN
        while not answers(service.port):
            self._check()
            if time.monotonic() > deadline:
                raise ServeError(f"The {service.name} does not answer on port {service.port}.")
            time.sleep(_POLL)

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own commands
            command, cwd=env.ROOT, env=self.environ, stdin=subprocess.DEVNULL, start_new_session=True
        )

    def _stop(self) -> None:
        if self._housekeeper is not None:
            end_group(self._housekeeper)
        for service in reversed(self.services):
            if service.process is not None:
                end_group(service.process)
        if self._database is not None:
            for name in urls.LOCAL_FILES.values():
                (env.local() / name).unlink(missing_ok=True)
            self._database.stop()


def refuse_used_port(port: int, variable: str = "PORT") -> None:
    """Raise ServeProblem when another program listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ServeError(
                f"Port {port} cannot be used: {error.strerror}. Try {variable}={port + 2} make run."
            ) from error


def refuse_wrong_database(url: str) -> None:
    """Raise EnvironmentProblem when the URL cannot be read or nobody answers there."""
    urls.database_config(url)
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        raise env.InvalidVariableError(urls.connection_problem(error) or str(error)) from error


def refuse_missing_peppers(url: str) -> None:
    """Raise EnvironmentProblem when secrets are under peppers that this machine lacks: their keys would all be
    answered 401, as if they were wrong.
    """
    with psycopg.connect(url, connect_timeout=5) as connection:
        used = {row[0] for row in connection.execute("SELECT DISTINCT pepper_id FROM secret")}
    if missing := sorted(used - env.peppers().keys()):
        ids = ", ".join(map(str, missing))
        raise env.InvalidVariableError(
            f"KEYADMIN_PEPPERS lacks peppers that keys in the database need: {ids}. Add them again."
        )


def answers(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask a child to end, wait, and kill what is left of its process group."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOPS_WITHIN)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def say(line: str) -> None:
    """A line for the person at the terminal."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run, and turn the outcome into an exit code and at most one line."""
    try:
        Serve().run()
    except StopRequestedError:
        say("Stopped.")
        return 0
    except (ServeError, env.ConfigurationError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2 if isinstance(problem, env.ConfigurationError) else 1
    return 1


if __name__ == "__main__":
    sys.exit(main())
