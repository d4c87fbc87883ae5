"""Logs contain no key and no control character, in every format. The logging program is a process of its own."""

import fcntl
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keyadmin.core import redaction
from keyadmin.env import ROOT
from keyadmin.server import metrics
from keyadmin.server.run import end_group, services
from tests.integrations.gateway import servers
from tests.live.client import METRICS_HEADERS
from tests.live.servers import START_TIMEOUT_SECONDS, Server, free_port
from tests.owner import database_environ

SECRET = ("Qw7eR2tYx" * 6)[:49]
DEFAULT = f"whm_A1b2C3d4E5f6G7h8_{SECRET}"
COMPACT = "kwm_" + "0f1e2d3c" * 4

PROGRAM = """
import logging, sys, warnings
import structlog
from keyadmin.server import logs
environment, key, half, compact = sys.argv[1:]
logs.configure(environment)
structlog.contextvars.bind_contextvars(request_id="r-1", key_id="whm_0123456789abcdef")
log = structlog.get_logger("keyadmin.test")
nested = {"list": [key, {"half": half, key: 1}], "bytes": key.encode(), "object": Exception(half)}
log.warning("own %s", key, nested=nested)
log.warning("loud", upper=key.upper(), encoded=key.replace("_", "%5F"), headers={"X-Api-Key": "odd"})
log.warning("evil", value="a\\x1b[2Jb\\r\\nforged \\u202e\\ud800")
for name in ("django.request", "django.server", "gunicorn.error", "keyadmin", "anything.else"):
    logging.getLogger(name).error("std %s and %s", key, {"deep": [compact]}, extra={"x": key})
    try:
        raise ValueError(f"wrong: {key} {half}")
    except ValueError:
        logging.getLogger(name).exception("/x?api_key=shortvalue&a=1")
for name in ("django.request", "django.security.csrf", "gunicorn.error"):
    logging.getLogger(name).warning("Not Found: %s", f"/x/{compact[-32:]}/y")
warnings.warn(f"careful {key}", stacklevel=1)
"""


def run(environment: str) -> str:
    arguments = [sys.executable, "-c", PROGRAM, environment, DEFAULT, SECRET, COMPACT]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("environment", ["production", "development"])
def test_keys_are_redacted_in_every_logger(environment: str) -> None:
    shown = run(environment)
    for hidden in (DEFAULT, SECRET, COMPACT, COMPACT[-32:], "shortvalue", "odd"):
        assert hidden.lower() not in shown.lower()
    assert redaction.REDACTED in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\nforged" not in shown
    assert "ValueError: wrong: [redacted]" in shown


def test_production_logs_json_lines_with_the_request_id() -> None:
    lines = [json.loads(line) for line in run("production").splitlines()]
    assert len(lines) == 17
    assert {line["request_id"] for line in lines} == {"r-1"}
    assert {line["key_id"] for line in lines} == {"whm_0123456789abcdef"}
    assert lines[0]["nested"]["list"][0] == redaction.REDACTED
    assert lines[2]["value"] == "a\\x1b[2Jb\\r\\nforged \\u202e\\ud800"


@pytest.mark.parametrize("around", ["{}", "x{}", "{}x", "%20{}", "/{}/", '"{}"', "key={}", "a_{}_b", "é{}é"])
@pytest.mark.parametrize(
    "hidden",
    [DEFAULT, SECRET, COMPACT, DEFAULT.swapcase(), COMPACT.upper()],
    ids=["default", "secret", "compact", "swapped", "upper"],
)
def test_key_is_redacted_whatever_surrounds_it(around: str, hidden: str) -> None:
    assert hidden not in redaction.redact(around.format(hidden))


@pytest.mark.parametrize(
    "text", ["whm_0123456789abcdef", "GET /keys/6f1c2ab0-1d1c-4c39-9d4e-5d9b0c6b8a11 200", "0123456789abcdef" * 2]
)
def test_text_without_a_secret_is_not_redacted(text: str) -> None:
    assert redaction.redact(text) == text


@pytest.mark.parametrize("name", ["web server", "verify server"])
def test_log_that_is_not_read_stops_no_call(database_url: str, tmp_path: Path, name: str) -> None:
    """Of 2,600 denials at most 2,000 wait in the process; the others are dropped and counted."""
    port = free_port()
    command = services(port, port)[name == "verify server"].command
    environ = servers.SETTINGS | database_environ(database_url)
    environ |= {"WEB_CONCURRENCY": "1", "KEYADMIN_VERIFY_WORKERS": "1", "KEYADMIN_METRICS_DIR": str(tmp_path)}
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environ, stderr=write_end, start_new_session=True)
    os.close(write_end)
    try:
        server = Server(process, port, tmp_path)
        wait_until_up(server)
        asked = [("X-Original-Method", "GET"), ("X-Original-URI", "/api/chats")]
        with server.connect() as connection:
            for _ in range(2600):
                path = "/verify" if name == "verify server" else "/api/chats"
                assert connection.request(path, asked).status == 401
        began = time.monotonic()
        assert server.request("/healthz").status == 200
        assert time.monotonic() - began < 1
        time.sleep(2 * metrics.PUBLISH_INTERVAL_SECONDS)
        exposition = server.request("/metrics", METRICS_HEADERS).body.decode()
        dropped = re.search(r"^keyadmin_log_lines_dropped_total ([0-9.]+)$", exposition, re.MULTILINE)
        assert dropped is not None
        assert float(dropped[1]) >= 400
    finally:
        os.close(read_end)
        end_group(process)


def wait_until_up(server: Server) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        try:
            server.request("/healthz")
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def test_log_on_a_full_disk_stops_no_program() -> None:
    program = PROGRAM + "\nlog.warning('still here')\nlogs.writer.flush()\nprint(logs.writer.dropped)\n"
    with Path("/dev/full").open("wb") as full:
        arguments = [sys.executable, "-c", program, "production", DEFAULT, SECRET, COMPACT]
        done = subprocess.run(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=full, text=True, check=True)
    assert done.stdout == "18\n"


def test_log_without_a_reader_stops_no_program() -> None:
    program = PROGRAM + "\nlogs.writer.flush()\nprint(logs.writer.dropped)\n"
    read_end, write_end = os.pipe()
    os.close(read_end)
    arguments = [sys.executable, "-c", program, "production", DEFAULT, SECRET, COMPACT]
    done = subprocess.run(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=write_end, text=True, check=True)
    os.close(write_end)
    assert done.stdout == "17\n"


def test_forked_child_writes_its_own_lines_once() -> None:
    program = """
import os, sys
import structlog
from keyadmin.server import logs
logs.configure("production")
log = structlog.get_logger("keyadmin.test")
log.warning("of the parent")
logs.writer.flush()
if os.fork() == 0:
    log.warning("of the child")
    sys.exit()
os.wait()
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert [event for event in events if event.startswith("of the")] == ["of the parent", "of the child"]
