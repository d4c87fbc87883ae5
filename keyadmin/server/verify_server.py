"""Serves `/verify`: `python -m keyadmin.server.verify_server`, in production and for `make run`.

It listens on KEYADMIN_VERIFY_HOST (default: loopback) and KEYADMIN_VERIFY_PORT (default: PORT + 1), with
KEYADMIN_VERIFY_WORKERS processes of KEYADMIN_VERIFY_THREADS threads. A worker that dies is replaced. With an invalid
environment it prints which variable to set, and exits with code 2.
"""

import argparse
import errno
import socket
import sys
from collections.abc import Mapping
from time import monotonic, sleep
from typing import Any, Final

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from keyadmin import env
from keyadmin.db import urls
from keyadmin.server import logs, metrics, processes

#: Seconds in which the headers of a request must have arrived. Bodies are not read.
HEAD_SECONDS: Final = 20
_POLL_SECONDS: Final = 0.2


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m keyadmin.server.verify_server", description="Serve /verify for gateways."
    )
    parser.add_argument("--port", type=int, help="Port to listen on, instead of KEYADMIN_VERIFY_PORT.")
    processes.end_with_runner()
    processes.allow_many_connections()
    try:
        options = settings(parser.parse_args().port)
        wait_for_port(options["address"], options["port"])
        metrics.prepare("verify")
    except env.ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    Server("keyadmin.server.verify_asgi:application", **options).serve()
    return 0


def wait_for_port(address: str, port: int) -> None:
    """Wait until no other process listens on the port. Raises InvalidVariableError if one still does.

    granian sets SO_REUSEPORT: without this check, the workers of a server that was killed, which take a moment to end,
    or another server would share the port with this one.
    """
    deadline = monotonic() + processes.END_SECONDS + 1
    try:
        family, *_, name = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise env.InvalidVariableError(f"KEYADMIN_VERIFY_HOST: {address} is not an address here.") from error
    while True:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(name)
                probe.listen()
            except OSError as error:
                if error.errno != errno.EADDRINUSE or monotonic() > deadline:
                    raise env.InvalidVariableError(
                        f"Port {port} of {address} cannot be used: {error.strerror}. Set KEYADMIN_VERIFY_PORT."
                    ) from error
            else:
                return
        sleep(_POLL_SECONDS)


def settings(port: int | None) -> Mapping[str, Any]:
    """granian's settings, from the environment. Raises ConfigurationError."""
    env.require_complete()
    # The workers read these variables. Reading them here reports an error before any worker starts.
    env.peppers()
    urls.database_config()
    env.networks("KEYADMIN_TRUSTED_PROXIES")
    env.integer("KEYADMIN_VERIFY_THREADS", 4, minimum=2, maximum=64)
    return {
        "address": env.text("KEYADMIN_VERIFY_HOST", "127.0.0.1"),
        "port": port or env.verify_port(),
        "interface": Interfaces.ASGI,
        "workers": env.integer("KEYADMIN_VERIFY_WORKERS", 2, minimum=1),
        # HTTP/1.1 only: gateways and granian agree on how to read it.
        "http": HTTPModes.http1,
        "websockets": False,
        # Also the time for which an idle connection is kept.
        "http1_settings": HTTP1Settings(header_read_timeout=HEAD_SECONDS * 1000),
        # Connections that each worker holds open. Gateways keep some hundreds; the executor bounds the calls on them.
        "backlog": 1024,
        "backpressure": 4096,
        "respawn_failed_workers": True,
        "workers_kill_timeout": 10,
        "log_level": LogLevels.warning,
        "log_dictconfig": logs.logging_config(env.environment()),
    }


if __name__ == "__main__":
    sys.exit(main())
