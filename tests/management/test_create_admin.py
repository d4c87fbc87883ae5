"""create_admin: add an administrator, with a password from the terminal or from standard input."""

import json
import os
import pty
import subprocess
import sys

import pytest
from django.contrib.auth.hashers import check_password

from tests.fixtures.commands import PASSWORD, ROOT, Shell

ADA = ("create_admin", "--email", "ada@example.com", "--name", "Ada Example")


def test_create_admin_adds_an_administrator(empty_shell: Shell) -> None:
    done = empty_shell(*ADA, "--password-stdin", "--json", stdin=f"{PASSWORD}\n")

    assert (done.returncode, done.stderr) == (0, "")
    [(person, hashed)] = empty_shell.rows(
        "SELECT id, password FROM person WHERE email = 'ada@example.com' AND system_role = 'administrator'"
    )
    assert json.loads(done.stdout) == {
        "id": str(person),
        "email": "ada@example.com",
        "name": "Ada Example",
        "system_role": "administrator",
    }
    assert check_password(PASSWORD, hashed)


def test_create_admin_asks_for_a_password_in_a_terminal(empty_shell: Shell) -> None:
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "manage.py", *ADA],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": empty_shell.url},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        assert process.stdout
        assert process.stderr
        for prompt in (b"Password: ", b"Password (again): "):
            # What is typed before the prompt is thrown away with the terminal's echo.
            asked = b""
            while not asked.endswith(prompt) and (more := process.stderr.read(1)):
                asked += more
            os.write(terminal, f"{PASSWORD}\n".encode())
        out, error = process.stdout.read(), process.stderr.read()
    os.close(terminal)
    os.close(theirs)

    assert (process.returncode, out) == (0, b"Ada Example <ada@example.com> is a system administrator.\n")
    assert PASSWORD.encode() not in error


@pytest.mark.parametrize(
    ("arguments", "typed", "code", "said"),
    [
        (("--password-stdin",), "short\n", 6, "password: "),
        (("--password-stdin",), "", 6, "password: "),
        (("--password-stdin",), "ada@example.com\n", 6, "too similar"),
        ((), "", 2, "use --password-stdin"),
        (("--password-stdin", "--email", "nonsense"), f"{PASSWORD}\n", 6, "email: "),
    ],
)
def test_create_admin_with_invalid_input_adds_no_person(
    shell: Shell, arguments: tuple[str, ...], typed: str, code: int, said: str
) -> None:
    done = shell(*ADA, *arguments, stdin=typed)

    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert shell.rows("SELECT count(*) FROM person WHERE name = 'Ada Example'") == [(0,)]


def test_create_admin_with_a_taken_address_is_invalid(shell: Shell) -> None:
    done = shell(
        "create_admin",
        "--email",
        "Maya@Northwind.example",
        "--name",
        "Other",
        "--password-stdin",
        stdin=f"{PASSWORD}\n",
    )

    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr == "Error: email: There is already a person with this email.\n"


def test_first_administrator_chooses_the_catalogue(empty_shell: Shell) -> None:
    password = f"{PASSWORD}\n"
    done = empty_shell(*ADA, "--password-stdin", "--catalogue", "empty", stdin=password)
    assert (done.returncode, done.stderr) == (0, "")
    names = {name for (name,) in empty_shell.rows("SELECT name FROM scope")}
    assert names == {"users:impersonate", "keys:read", "keys:write", "keys:verify", "history:read"}
    [(removed,)] = empty_shell.rows("SELECT count(*) FROM event WHERE type = 'scope.removed'")
    assert removed == 13
    late = empty_shell(
        *("create_admin", "--email", "b@example.com", "--name", "Bea"),
        *("--password-stdin", "--catalogue", "messaging"),
        stdin=password,
    )
    assert late.returncode == 5
    assert "Only the first administrator chooses the catalogue." in late.stderr
    assert empty_shell.rows("SELECT 1 FROM person WHERE email = 'b@example.com'") == []
