#!/usr/bin/env python
"""Django's command line. An error of the environment or the database is one line instead of a traceback.

Exit codes: 0 success, 1 the database does not answer or the command failed, 2 the environment is incomplete or wrong.
"""

import os
import sys

from keyadmin import env
from keyadmin.db import urls


def main() -> int:
    """Run the command in the arguments and return the exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keyadmin.settings")
    try:
        from django.core.management import execute_from_command_line
        from django.db import OperationalError
    except ImportError:
        return _fail("Django is not installed. Run `make run` once, then use .venv/bin/python.", 2)
    try:
        execute_from_command_line(sys.argv)
    except BrokenPipeError:
        # The reader of the output, such as `head`, has ended. Without this, Python fails again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except env.ConfigurationError as error:
        if "--traceback" in sys.argv:
            raise
        return _fail(str(error), 2)
    except OperationalError as error:
        if "--traceback" in sys.argv or (message := urls.connection_problem(error.__cause__ or error)) is None:
            raise
        return _fail(message, 1)
    return 0


def _fail(message: str, exit_code: int) -> int:
    sys.stderr.write(f"{message}\n")
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
