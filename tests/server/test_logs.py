"""Logs contain no key and no control character, in every format. The logging program is a process of its own."""

import json
import subprocess
import sys

import pytest

from keyadmin.core import redaction
from keyadmin.env import ROOT

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
    for hidden in (DEFAULT, SECRET, COMPACT, "shortvalue", "odd"):
        assert hidden.lower() not in shown.lower()
    assert redaction.REDACTED in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\nforged" not in shown
    assert "ValueError: wrong: [redacted]" in shown


def test_production_logs_json_lines_with_the_request_id() -> None:
    lines = [json.loads(line) for line in run("production").splitlines()]
    assert len(lines) == 14
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
