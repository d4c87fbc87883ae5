"""The `keyadmin` command: `run`, `worker`, `manage …` and `--version`. `manage.py` is `keyadmin manage` in a checkout.

Exit codes of `keyadmin manage`: 0 done, 1 the database does not answer or the command failed, 2 the environment or the
arguments are wrong; keyadmin's own commands have more (`management/base.py`). An error is one line on standard error,
beginning with "Error: ", unless `--traceback` is given.
"""

import os
import sys
from collections.abc import Sequence
from typing import Final

from keyadmin import __version__, env

USAGE: Final = """usage: keyadmin COMMAND

commands:
  run            migrate, then serve the pages, /api/ and /verify with a worker, until Ctrl-C
  worker         process background jobs and run maintenance, until SIGTERM
  manage ARGS    run a management command; `keyadmin manage help` lists them

options:
  --version      print the version
  -h, --help     print this help
"""
#: Exit codes.
DONE, FAILED, USAGE_ERROR = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name. Returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    match list(arguments):
        case ["run"]:
            from keyadmin.server import run

            return run.main()
        case ["worker"]:
            return _worker()
        case ["manage", *rest]:
            return manage(["keyadmin manage", *rest])
        case ["--version"]:
            sys.stdout.write(f"keyadmin {__version__}\n")
            return DONE
        case ["-h" | "--help"]:
            sys.stdout.write(USAGE)
            return DONE
        case _:
            sys.stderr.write(USAGE)
            return USAGE_ERROR


def manage(argv: Sequence[str]) -> int:
    """Run a Django management command. `argv` begins with the name of the program."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keyadmin.settings")
    try:
        from django.core.management import execute_from_command_line
        from django.db import OperationalError
    except ImportError:
        return _fail("Django is not installed here. Run `make run` once, then use .venv/bin/python.", USAGE_ERROR)
    from keyadmin.db import urls

    try:
        execute_from_command_line(list(argv))
    except BrokenPipeError:
        # The program that read the output, such as `head`, has closed it. Python would report that again on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except env.ConfigurationError as error:
        if "--traceback" in argv:
            raise
        return _fail(str(error), USAGE_ERROR)
    except OperationalError as error:
        if "--traceback" in argv or (message := urls.connection_problem(error.__cause__ or error)) is None:
            raise
        return _fail(message, FAILED)
    return DONE


def _worker() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keyadmin.settings")
    try:
        import django

        django.setup()
    except env.ConfigurationError as error:
        return _fail(str(error), USAGE_ERROR)
    from keyadmin.server import processes
    from keyadmin.server.worker import Worker

    processes.end_with_runner()
    Worker().run()
    return DONE


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"Error: {message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
