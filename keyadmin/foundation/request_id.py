"""The id by which a request is found again in every log that it passes."""

import os
import re

_is_plain = re.compile(r"[A-Za-z0-9._-]{8,64}").fullmatch


def request_id(given: str = "") -> str:
    """What a trusted proxy gave, if it is fit for a log and a header; else a new one."""
    return given if _is_plain(given) else os.urandom(16).hex()
