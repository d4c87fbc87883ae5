"""The id by which a request is found again in every log that it passes."""

import os
import re
from random import Random

_is_plain = re.compile(r"[A-Za-z0-9._-]{8,64}").fullmatch
# Not the operating system's: nobody gains by guessing an id, and asking for it lets another thread in.
_random = Random()  # noqa: S311
os.register_at_fork(after_in_child=_random.seed)


def request_id(given: str = "") -> str:
    """What a trusted proxy gave, if it is fit for a log and a header; else a new one."""
    return given if _is_plain(given) else f"{_random.getrandbits(128):032x}"
