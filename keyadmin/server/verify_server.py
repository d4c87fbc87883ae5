"""Serves `/verify`, for `make run` and for production: `python -m keyadmin.server.verify_server`.

It listens on KEYADMIN_VERIFY_HOST, loopback unless set, and KEYADMIN_VERIFY_PORT, by default one above PORT.
KEYADMIN_VERIFY_WORKERS processes decide, in KEYADMIN_VERIFY_THREADS threads each. A worker that dies comes back.
A wrong environment is exit code 2 and says what to set.
"""

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import Server

from keyadmin import env
from keyadmin.db import urls
from keyadmin.server import logs, metrics


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m keyadmin.server.verify_server", description="Serve /verify for gateways."
    )
    parser.add_argument("--port", type=int, help="instead of KEYADMIN_VERIFY_PORT")
    try:
        options = settings(parser.parse_args().port)
        metrics.prepare("verify")
    except env.ConfigurationError as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    Server("keyadmin.server.verify_asgi:application", **options).serve()
    return 0


def settings(port: int | None) -> Mapping[str, Any]:
    """granian's, from the environment and the port given. Raises EnvironmentProblem."""
    env.require_complete()
    env.peppers()
    urls.database_config()
    env.networks("KEYADMIN_TRUSTED_PROXIES")
    env.integer("KEYADMIN_VERIFY_THREADS", 4, minimum=2, maximum=64)
    return {
        "address": env.text("KEYADMIN_VERIFY_HOST", "127.0.0.1"),
        "port": port or env.verify_port(),
        "interface": Interfaces.ASGI,
        "workers": env.integer("KEYADMIN_VERIFY_WORKERS", 2, minimum=1),
        # One protocol that everybody reads alike.
        "http": HTTPModes.http1,
        "websockets": False,
        # Connections held open at once by each worker. Gateways keep some hundreds; what piles up is refused in line.
        "backlog": 1024,
        "backpressure": 4096,
        "respawn_failed_workers": True,
        "workers_kill_timeout": 10,
        "log_level": LogLevels.warning,
        "log_dictconfig": logs.standard(env.environment()),
    }


if __name__ == "__main__":
    sys.exit(main())
