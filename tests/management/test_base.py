"""What all commands have in common: exit codes, errors of one line, and output without control characters."""

from uuid import uuid4

import pytest

from keyadmin.core import errors
from keyadmin.management.base import ExitCode, command_error_for, printable


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (errors.NotFoundError(), ExitCode.NOT_FOUND, "Not found."),
        (errors.ForbiddenError("Not\nyou."), ExitCode.FORBIDDEN, "Not you."),
        (errors.ConflictError("Too late."), ExitCode.CONFLICT, "Too late."),
        (errors.DuplicateRequestError("Already shown.", str(uuid4())), ExitCode.CONFLICT, "Already shown."),
        (
            errors.InvalidInputError({"name": ["Is empty."], "__all__": ["Is odd."]}),
            ExitCode.INVALID,
            "name: Is empty. Is odd.",
        ),
        (errors.OperationError("Broken."), ExitCode.FAILED, "Broken."),
    ],
)
def test_each_operation_error_has_an_exit_code_and_one_line(
    error: errors.OperationError, code: ExitCode, said: str
) -> None:
    ended = command_error_for(error)

    assert ended.returncode == code
    assert str(ended).startswith(said)
    assert "\n" not in str(ended)


def test_control_characters_are_not_printed() -> None:
    assert printable("CI\x1b[2J é") == "CI\N{REPLACEMENT CHARACTER}[2J é"
