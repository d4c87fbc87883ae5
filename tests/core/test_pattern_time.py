"""Regular expressions take time linear in the length of the text: some are applied to what anonymous clients send."""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from time import process_time
from typing import Any, Final

import keyadmin

MAX_SECONDS: Final = 0.5
LENGTH: Final = 16_384
STARTS: Final = ("", '"a"', "2026-01-01T00:00:00.")
UNITS: Final = ("a", "0", "_", "/", " , ", ".", "aA1", "aa_", "a1_", "%61", "a-", "1:", "aA1/", "0a" * 16 + "_")
#: They are for servers: an import changes the process, such as the deadline of its database connections.
NOT_IMPORTED: Final = (
    "keyadmin.migrations",
    "keyadmin.server.gunicorn_conf",
    "keyadmin.server.verify_asgi",
    "keyadmin.wsgi",
)


def uses_of_patterns() -> Iterator[tuple[str, Callable[[str], Any]]]:
    """Every compiled pattern of a module: as the method that the module binds, or as `sub` and `finditer` use it."""
    for module in pkgutil.walk_packages(keyadmin.__path__, "keyadmin."):
        if module.name.startswith(NOT_IMPORTED):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(getattr(value, "__self__", None), re.Pattern):
                yield f"{module.name}.{name}", value
            elif isinstance(value, re.Pattern):
                yield f"{module.name}.{name}", value.findall


def test_no_pattern_takes_long_for_any_text() -> None:
    uses = dict(uses_of_patterns())
    assert len(uses) > 40
    texts = [(start + unit * LENGTH)[:LENGTH] + "\x01" for start in STARTS for unit in UNITS]
    slow = set()
    for name, use in uses.items():
        began = process_time()
        for text in texts:
            use(text)
        if process_time() - began > MAX_SECONDS:
            slow.add(name)
    assert not slow
