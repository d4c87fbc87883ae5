"""gunicorn's settings, for `make run` and for production: `gunicorn keyadmin.wsgi` reads this file by itself."""

import sys
from typing import Any

from gunicorn.workers import gthread

from keyadmin import env
from keyadmin.server import logs, metrics

try:
    env.require_complete()
    _environment = env.environment()
    bind = env.text("KEYADMIN_BIND", f"127.0.0.1:{env.web_port()}")
    workers = env.integer("WEB_CONCURRENCY", 2, minimum=1)
    threads = env.integer("KEYADMIN_THREADS", 8, minimum=1)
    logconfig_dict = logs.standard(_environment)
except env.ConfigurationError as problem:
    sys.stderr.write(f"{problem}\n")
    sys.exit(2)

worker_class = "keyadmin.server.gunicorn_worker.Worker"
# A thread does not wait for what a client has yet to send: connections that say nothing wait in the poll.
gthread.DEFAULT_WORKER_DATA_TIMEOUT = 0.1
timeout = 30
graceful_timeout = 10

# No header of a client or proxy changes what gunicorn believes about a request: not its scheme, not its path.
# Behind a proxy, keyadmin's own settings say which peers are trusted. Names with underscores are dropped.
header_map = "drop"
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""

# A management socket in the user's home folder is one more thing to guard, and two servers would share it.
control_socket_disable = True

# Where the access log is switched on, it has the path without its query string and without a referrer: both are
# places where people put secrets.
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms'


def on_starting(server: Any) -> None:
    """Before any worker: where they publish what they measure."""
    try:
        metrics.prepare("web")
    except env.ConfigurationError as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(2)


def post_worker_init(worker: Any) -> None:
    metrics.start()


def worker_exit(server: Any, worker: Any) -> None:
    """Writes what the worker's calls came to. A worker that never decided one has nothing to write."""
    if module := sys.modules.get("keyadmin.callpath.state"):
        module.state.usage.flush()
