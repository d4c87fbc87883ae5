"""database_roles: the grants of each role of PostgreSQL, and the list of what each may do."""

import json

from keyadmin.server.embedded_postgres import APPLICATION, CALLS, OWNER
from tests.fixtures.commands import Shell


def test_database_roles_grants_privileges_and_prints_them(empty_shell: Shell) -> None:
    shell = empty_shell
    for _again in range(2):
        done = shell.process("database_roles", "--json")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout) == [
            {"for": "owner", "role": OWNER, "history_privileges": ["superuser"]},
            {"for": "application", "role": APPLICATION, "history_privileges": []},
            {"for": "calls", "role": CALLS, "history_privileges": []},
        ]
    assert 'GRANT UPDATE ON meter TO "keyadmin_calls"' in shell.process("database_roles", "--sql").stdout
    one_url = shell.process("database_roles", KEYADMIN_OWNER_DATABASE_URL="", KEYADMIN_CALLS_DATABASE_URL="")
    assert (one_url.returncode, one_url.stdout) == (2, "")
    assert "KEYADMIN_OWNER_DATABASE_URL" in one_url.stderr
