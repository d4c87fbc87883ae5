#!/usr/bin/env python
"""Django's command line. What is wrong with the environment or the database ends in one line, not a
traceback.

Exit codes: 0 done, 1 the database does not answer or the command failed, 2 the environment is incomplete or
wrong.
"""

import os
import sys

from keyadmin import env
from keyadmin.db import urls


def main() -> int:
    """Run the command that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keyadmin.settings")
    try:
        from django.core.management import execute_from_command_line
        from django.db import OperationalError
    except ImportError:
        return _say("Django is not installed. Run `make run` once, then use .venv/bin/python.", 2)
    try:
        execute_from_command_line(sys.argv)
    except BrokenPipeError:
        # Who read our output, such as `head`, has had enough. Python would complain once more on closing it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except env.ConfigurationError as problem:
        if "--traceback" in sys.argv:
            raise
        return _say(str(problem), 2)
    except OperationalError as error:
        if "--traceback" in sys.argv or (line := urls.connection_problem(error.__cause__ or error)) is None:
            raise
        return _say(line, 1)
    return 0


def _say(line: str, code: int) -> int:
    sys.stderr.write(f"{line}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
