"""gunicorn's settings for the pages and `/api/`, in development and in production.

`keyadmin run` uses this module. In a checkout, `gunicorn keyadmin.wsgi` reads it through gunicorn.conf.py; elsewhere
use `gunicorn --config python:keyadmin.server.gunicorn_conf keyadmin.wsgi`.
"""

import sys
from typing import TYPE_CHECKING

from keyadmin import env
from keyadmin.server import logs, metrics, processes

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

try:
    env.require_complete()
    _environment = env.environment()
    bind = env.text("KEYADMIN_BIND", f"127.0.0.1:{env.web_port()}")
    workers = env.integer("WEB_CONCURRENCY", 2, minimum=1)
    threads = env.integer("KEYADMIN_THREADS", 8, minimum=1)
    logconfig_dict = logs.logging_config(_environment)
except env.ConfigurationError as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(2)

worker_class = "keyadmin.server.gunicorn_worker.Worker"
# The first process imports the application, and the workers are its forks: they share its memory, a new one is ready at
# once, and nothing listens before a request can be answered. State of a process is built anew after the fork.
preload_app = True
worker_connections = 1000  # of each process
sendfile = False  # it would keep a thread until the client has read a file
timeout = 30
graceful_timeout = 10

# No header changes what gunicorn believes about a request, neither its scheme nor its path. keyadmin's own settings
# say which proxies are trusted. Header names with underscores are dropped.
header_map = "drop"
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""

# A management socket in the user's home folder would be one more thing to protect, and two servers would share it.
control_socket_disable = True

# If the access log is switched on, it has the path without query string and referrer: both may contain secrets.
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms'


def on_starting(server: "Arbiter") -> None:
    """Create the metrics folder before any worker starts."""
    processes.end_with_runner()
    processes.allow_many_connections()
    try:
        metrics.prepare("web")
    except env.ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


def post_worker_init(worker: "Worker") -> None:
    """Publish metrics in each worker, and end it with its parent."""
    processes.end_with(worker.ppid)
    metrics.start()


def worker_exit(server: "Arbiter", worker: "Worker") -> None:
    """Write the usage that the worker still holds. A worker that decided no call has not imported the state."""
    if module := sys.modules.get("keyadmin.callpath.state"):
        module.state.usage.flush()
